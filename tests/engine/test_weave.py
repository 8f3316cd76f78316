"""The picture of a run: the same as the ledger and the chronicle say of each event, whatever has happened."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, rule

from beamloom.engine.accounts.faults import Failure
from beamloom.engine.accounts.ledger import EventState, Loss
from beamloom.engine.assignment import Span
from beamloom.engine.ranges import RangeSet
from beamloom.engine.runs.run import Run, RunSettings, Step
from beamloom.engine.views.chronicle import Chronicle
from beamloom.engine.views.glimpse import WholeGlimpse, glimpse, newest, whole_glimpse, within_run
from beamloom.engine.views.handed import NOBODY
from beamloom.engine.views.overview import overview
from beamloom.engine.views.weave import Packets, Stage, Weave, weave
from beamloom.triggermap import TriggerMap, open_ended, overlapping, uniform
from engine.mill import GENEROUS, Mill, numbered
from engine.test_any_order import DEEP, MAPS, AnyOrder, mixed_map

STATES = {
    EventState.PENDING: {Stage.PENDING},
    EventState.ASSIGNED: {Stage.WAITING, Stage.LEASED, Stage.ORPHANED},
    EventState.REDUCED: {Stage.REDUCED},
    EventState.FAILED: {Stage.FAILED, Stage.QUARANTINED},
    EventState.LOST: {Stage.LOST, Stage.DROPPED},
}


class Remembering(Mill):
    """A mill whose controller remembers what it has given out."""

    def __init__(self, trigger_map: TriggerMap, workers: dict[str, frozenset[str]], budget: int) -> None:
        self.now = 0.0
        self.chronicle = Chronicle(lambda: self.now)
        super().__init__(trigger_map, workers, budget)

    def _tell(self, step: Step) -> None:
        self.chronicle.leased(step.spans)
        super()._tell(step)

    def kill(self, name: str, *, killed: bool = True, culprit: int | None = None) -> None:
        self.chronicle.worker_lost(name, "killed", self.run.ledger.settled)
        super().kill(name, killed=killed, culprit=culprit)


class LookedAt(AnyOrder):
    """As any order, and somebody looks at the picture now and then."""

    mill: Remembering

    def make_mill(self, trigger_map: TriggerMap, team: dict[str, frozenset[str]], budget: int) -> Mill:
        return Remembering(trigger_map, team, budget)

    @initialize(
        name=st.sampled_from(sorted(MAPS)),
        workers=st.integers(1, 3),
        budget=st.sampled_from([GENEROUS, GENEROUS, 40]),
    )
    def arm(self, name: str, workers: int, budget: int) -> None:
        super().arm(name, workers, budget)

    @rule(first=st.integers(0, 30), count=st.integers(1, 60))
    def somebody_looks(self, first: int, count: int) -> None:
        run = self.mill.run
        for window in (within_run(run, first, count), newest(run, count)):
            check_picture(run, self.mill.chronicle, weave(glimpse(run, self.mill.chronicle, *window)))
        check_overview(run, count)

    def teardown(self) -> None:
        super().teardown()
        if hasattr(self, "mill"):
            self.somebody_looks(0, 60)


TestLookedAt = LookedAt.TestCase
TestLookedAt.settings = settings(
    max_examples=2000 if DEEP else 100, stateful_step_count=80 if DEEP else 40, deadline=None
)


def check_picture(run: Run, chronicle: Chronicle, seen: Weave) -> None:
    """Event by event, the picture says what the ledger, the map and the chronicle say."""
    several = set(seen.deliveries.event)
    for place, event in enumerate(range(seen.first, seen.stop)):
        stage = Stage(seen.stages[place])
        assert stage in STATES[run.ledger.state(event)]
        assert (stage is Stage.QUARANTINED) == (
            event in run.faults.quarantined and event in run.ledger.failed
        )
        held = leases_of(run, chronicle, event)
        assert (event in several) == (len(held) > 1)
        if held:
            assert seen.workers[seen.worker[place]] == next(iter(held.values()))[0].worker
            assert seen.attempt[place] == max(times for _, times in held.values())
        else:
            assert (seen.worker[place], seen.attempt[place]) == (NOBODY, 0)
        if stage in STATES[EventState.ASSIGNED] and held:
            gone = all(span.worker in run_gone(chronicle, event) for span, _ in held.values())
            assert (stage is Stage.ORPHANED) == gone
        check_reason(run, event, seen, place)
        check_packets(run, event, seen, place)
    check_deliveries(run, chronicle, seen)
    check_unusual(run, chronicle, seen)


def check_unusual(run: Run, chronicle: Chronicle, seen: Weave) -> None:
    """What is unusual before and behind the window begins where it is said to."""
    end = max(40, seen.stop) + 1
    again = [any(times > 1 for _, times in leases_of(run, chronicle, e).values()) for e in range(end)]
    kinds = [
        [event in run.ledger.failed for event in range(end)],
        [event in run.ledger.lost for event in range(end)],
        again,
    ]
    begins = [e for kind in kinds for e in range(end) if kind[e] and (e == 0 or not kind[e - 1])]
    assert seen.unusual_before == max((e for e in begins if e < seen.first), default=None)
    assert seen.unusual_after == min((e for e in begins if e >= seen.stop), default=None)


def leases_of(run: Run, chronicle: Chronicle, event: int) -> dict[int, tuple[Span, int]]:
    """The latest lease of each delivery of an event, with how often it was leased as that event."""
    cut, base = (event + 1, 1) if run.cut_at is None else run.cut_at
    before = base - 1 if event >= cut else 0
    spans = [lease.span for lease in chronicle.of(event).leases if lease.span.attempt > before]
    found = {span.slot: (span, span.attempt - before) for span in spans}
    return dict(sorted(found.items()))


def run_gone(chronicle: Chronicle, event: int) -> set[str]:
    return set(chronicle.of(event).lost)


def check_deliveries(run: Run, chronicle: Chronicle, seen: Weave) -> None:
    rows = list(
        zip(
            seen.deliveries.event,
            seen.deliveries.worker,
            seen.deliveries.attempt,
            seen.deliveries.streams,
            strict=True,
        )
    )
    for event in set(seen.deliveries.event):
        latest = leases_of(run, chronicle, event)
        told = [
            (seen.workers[worker], attempt, None if streams == NOBODY else seen.stream_sets[streams])
            for number, worker, attempt, streams in rows
            if number == event
        ]
        assert sorted(told, key=str) == sorted(
            ((span.worker, times, span.streams) for span, times in latest.values()), key=str
        )


def check_reason(run: Run, event: int, seen: Weave, place: int) -> None:
    said = None if seen.reason[place] == NOBODY else seen.reasons[seen.reason[place]]
    causes = [loss.cause for loss in run.ledger.losses if loss.first <= event < loss.stop]
    errors = [f"{g.failure.error}: {g.failure.message}" for g in run.faults.groups if event in g.events]
    if event in run.ledger.lost:
        assert said in causes
    elif event in run.ledger.failed:
        assert said is None if not errors else said in errors
    else:
        assert said is None


def check_packets(run: Run, event: int, seen: Weave, place: int) -> None:
    trigger_map, total = run.trigger_map, run.ledger.total
    closed = trigger_map.total_events is None and total is not None
    why = next((loss.cause for loss in run.ledger.losses if loss.first <= event < loss.stop), "")
    done = event in run.ledger.reduced or event in run.ledger.failed
    for stream in trigger_map.streams:
        said = Packets(seen.rows[stream][place])
        if closed and trigger_map.wrapped and event == (total or 0) - 1:
            cell = trigger_map.cell(stream, 0)  # the start and the end event are alike
        else:
            cell = trigger_map.cell(stream, event)
        if not cell:
            assert said is (Packets.NONE if cell is None else Packets.UNWANTED)
        elif f"stream {stream!r}" in why:
            assert said is Packets.MISSING
        else:
            here = done or event < run.standing[stream].complete_until
            assert said is (Packets.COME if here else Packets.ABSENT)
        words = seen.wanted[stream]
        assert words is not None
        assert (words[place] == NOBODY) == (not cell)


def check_overview(run: Run, bins: int) -> None:
    whole = overview(whole_glimpse(run, None), bins)
    for number in range(len(whole.edges) - 1):
        first, stop = whole.edges[number : number + 2]
        assert first < stop
        states = [run.ledger.state(event) for event in range(first, stop)]
        told = {state: getattr(whole, str(state))[number] for state in EventState}
        assert told == {state: states.count(state) for state in EventState}


def an_armed_run(trigger_map: TriggerMap) -> tuple[Run, Chronicle]:
    return Run("r", trigger_map, RunSettings(), 0.0), Chronicle(lambda: 0.0)


def test_the_words_of_a_cell_are_those_of_the_map() -> None:
    run, chronicle = an_armed_run(mixed_map())
    seen = weave(glimpse(run, chronicle, 0, 12))
    words = seen.wanted["b"]
    assert words is not None
    start, first, second, third = (
        None if number == NOBODY else seen.virtual_workers[number] for number in words[:4]
    )
    assert start == "all workers with debug, all workers with generic"
    assert first == "constraint 0 with generic"
    assert second is None
    assert third == "constraint 5 with generic, all workers with debug"


@given(st.sampled_from([*sorted(MAPS)]), st.integers(0, 60), st.integers(0, 60))
def test_a_window_of_a_map_has_its_cells_wherever_it_begins(name: str, first: int, count: int) -> None:
    trigger_map = MAPS[name]()
    total = trigger_map.total_events
    stop = first + count if total is None else max(min(first + count, total), first)
    run, chronicle = an_armed_run(trigger_map)
    seen = weave(glimpse(run, chronicle, first, stop))
    for stream, row in seen.rows.items():
        inside = [trigger_map.cell(stream, e) for e in range(first, stop) if total is None or e < total]
        kinds = [Packets.NONE if c is None else Packets.ABSENT if c else Packets.UNWANTED for c in inside]
        assert row[: len(kinds)] == kinds


def test_an_event_that_was_given_out_again_names_its_new_worker_and_the_attempt() -> None:
    run, chronicle = an_armed_run(uniform(["a"], 20))
    run.ledger.assign_until(10)
    chronicle.leased([Span(0, 5, "w1@1"), Span(5, 5, "w2@1")])
    chronicle.worker_lost("w1@1", "killed", RangeSet())
    adrift = weave(glimpse(run, chronicle, 0, 12))
    assert adrift.stages == [Stage.ORPHANED] * 5 + [Stage.WAITING] * 5 + [Stage.PENDING] * 2
    assert adrift.gone == {"w1@1": "killed"}
    chronicle.leased([Span(0, 3, "w2@1", attempt=2)])
    seen = weave(glimpse(run, chronicle, 0, 12))
    assert [seen.workers[number] for number in seen.worker[:5]] == ["w2@1"] * 3 + ["w1@1"] * 2
    assert seen.attempt == [2] * 3 + [1] * 7 + [0] * 2


def test_an_event_that_was_planned_as_another_one_was_not_given_out_again() -> None:
    mill = Remembering(open_ended(["a"]), {"w": frozenset({"generic"})}, GENEROUS)
    mill.quiet()
    assert mill.run.last_assigned > 4, "events are given out ahead"
    mill.read("a", [numbered("a", item, 4) for item in range(5)])
    mill.settle()
    assert mill.run.ledger.total == 5
    seen = weave(glimpse(mill.run, mill.chronicle, 0, 5))
    assert seen.stages == [Stage.REDUCED] * 5
    assert seen.attempt == [1] * 5
    assert overview(whole_glimpse(mill.run, mill.chronicle), 5).again == [0] * 5


def test_a_gap_is_shown_in_the_row_of_the_stream_that_has_it() -> None:
    run, chronicle = an_armed_run(uniform(["a", "b"], 20))
    gap = Loss(4, 6, "stream 'b' skipped frame numbers: a gap in what the device sent")
    chronicle.missing([gap])
    run.lost([gap])
    run.progress("a", 10, 10, ended=False, now=0.0)
    seen = weave(glimpse(run, chronicle, 3, 7))
    assert seen.rows["b"] == [Packets.ABSENT, Packets.MISSING, Packets.MISSING, Packets.ABSENT]
    assert seen.rows["a"] == [Packets.COME] * 4
    assert seen.stages == [Stage.PENDING, Stage.LOST, Stage.LOST, Stage.PENDING]
    assert [seen.reasons[number] for number in seen.reason[1:3]] == [gap.cause] * 2


def test_packets_that_were_given_up_for_want_of_room_are_told_from_gaps() -> None:
    run, chronicle = an_armed_run(uniform(["a"], 20))
    run.lost([Loss(4, 6, "stream 'a' dropped packets: its retention is full")])
    assert weave(glimpse(run, chronicle, 4, 6)).stages == [Stage.DROPPED] * 2


def test_events_that_were_put_aside_are_told_from_others_that_failed() -> None:
    run, chronicle = an_armed_run(uniform(["a"], 20))
    run.ledger.fail(4, 8)
    run.faults.quarantined.add(5, 6)
    failed, aside = Stage.FAILED, Stage.QUARANTINED
    assert weave(glimpse(run, chronicle, 4, 8)).stages == [failed, aside, failed, failed]


def test_the_reason_of_an_event_is_that_of_the_ledger_whatever_failed_besides() -> None:
    run, chronicle = an_armed_run(uniform(["a"], 20))
    run.add_worker("w", {"generic"}, 0.0)
    run.advance(0.0)
    run.lost([Loss(2, 3, "the ingester died")])
    for event in (1, 2):  # lost by now, or not
        run.failed("w", 0, event, Failure("process_event", "ValueError", "planted"))
    run.faults.add(
        Failure("process_event", "ValueError", "planted"), "w", 3
    )  # one of several deliveries of it
    seen = weave(glimpse(run, chronicle, 0, 5))
    assert seen.stages[1:4] == [Stage.FAILED, Stage.LOST, Stage.WAITING]
    assert [seen.reasons[number] for number in seen.reason[1:3]] == [
        "ValueError: planted",
        "the ingester died",
    ]
    assert seen.reason[3] == NOBODY


def test_several_workers_of_one_event_are_all_named() -> None:
    run, chronicle = an_armed_run(overlapping(["a", "b"], 10))
    run.ledger.assign_until(3)
    chronicle.leased([Span(1, 1, "w1@1", 0, streams=("a",)), Span(1, 1, "w2@1", 1, streams=("a", "b"))])
    seen = weave(glimpse(run, chronicle, 0, 3))
    assert seen.deliveries.event == [1, 1]
    assert [seen.workers[number] for number in seen.deliveries.worker] == ["w1@1", "w2@1"]
    assert [seen.stream_sets[number] for number in seen.deliveries.streams] == [("a",), ("a", "b")]


def test_workers_are_named_in_the_order_that_people_expect() -> None:
    run, chronicle = an_armed_run(uniform(["a"], 20))
    names = ["worker-10@a", "worker-9@b", "worker-1@c", "worker-2@d"]
    chronicle.leased([Span(number, 1, name) for number, name in enumerate(names)])
    assert weave(glimpse(run, chronicle, 0, 5)).workers == [names[place] for place in (2, 3, 1, 0)]


@pytest.mark.parametrize("bins", [1, 7, 1000])
def test_the_whole_run_is_shown_in_bins_whatever_its_length(bins: int) -> None:
    run, _ = an_armed_run(uniform(["a"], 10_000_000))
    run.ledger.assign_until(6_000_000)
    for first in range(0, 5_000_000, 10_000):
        run.ledger.reduce(first, first + 9_999)
    run.ledger.lose(9_999, 10_000, "a gap")
    run.ledger.fail(7_000_000, 7_000_100)
    whole = overview(whole_glimpse(run, None), bins)
    assert whole.edges[-1] == run.ledger.total
    assert np.sum(whole.reduced) == 500 * 9_999
    assert (sum(whole.lost), sum(whole.failed)) == (1, 100)
    assert sum(whole.assigned) == 6_000_000 - 500 * 9_999 - 1
    assert sum(whole.pending) == 10_000_002 - 6_000_000 - 100


def test_an_open_run_is_shown_as_far_as_it_has_come() -> None:
    run, chronicle = an_armed_run(open_ended(["a"]))
    assert overview(whole_glimpse(run, chronicle), 10).edges == [0]
    run.ledger.assign_until(4)
    run.ledger.reduce(0, 2)
    chronicle.leased([Span(1, 2, "w", attempt=2)])
    whole = overview(whole_glimpse(run, chronicle), 10)
    assert (whole.edges, whole.reduced, whole.assigned) == ([0, 1, 2, 3, 4], [1, 1, 0, 0], [0, 0, 1, 1])
    assert whole.again == [0, 1, 1, 0]


def test_the_newest_events_are_in_sight_with_a_few_that_are_to_come() -> None:
    run, _ = an_armed_run(uniform(["a"], 998))
    assert newest(run, 100) == (0, 100)
    run.ledger.assign_until(500)
    assert newest(run, 100) == (410, 510)
    run.ledger.assign_until(1000)
    assert newest(run, 100) == (900, 1000)
    assert newest(run, 5000) == (0, 1000)


def test_nothing_is_remembered_of_a_run_of_a_former_controller() -> None:
    run, _ = an_armed_run(uniform(["a"], 20))
    run.ledger.reduce(0, 5)
    seen = weave(glimpse(run, None, 0, 5), with_words=False)
    assert seen.worker == [NOBODY] * 5
    assert (seen.wanted, seen.virtual_workers) == ({"a": None}, [])


def test_a_settled_event_behind_the_last_one_given_out_is_counted_once() -> None:
    ahead = WholeGlimpse(10, 4, ([0, 6], [2, 7]), ([], []), ([2], [3]), Chronicle(lambda: 0.0).copies())
    whole = overview(ahead, 1)
    assert (whole.reduced, whole.lost, whole.assigned, whole.pending) == ([3], [1], [1], [5])
