"""Workers that merge the results of several events: every event is in the result once, whoever dies and whatever fails."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from beamloom.analysis import AnalysisError, WorkerAnalysis
from beamloom.engine.accounts.collector import Collector
from beamloom.engine.ranges import RangeSet
from beamloom.events import Event, PacketKind, Result
from beamloom.results import Append, MergingReducer, Sum
from beamloom.services.worker import combining
from beamloom.services.worker.combining import BrokenPartial, Combiner
from beamloom.transport.messages import Failed, Results
from beamloom.triggermap import uniform
from services.bench import Bench, Died, Doubling, Feed, counts, frame, inject, series, start


class Merging:
    """A worker class whose results merge: the numbers of the frames as a sum and as rows."""

    combine = True

    def process_event(self, event: Event) -> dict[str, Any] | None:
        packet = event.streams["eiger"]
        if packet.kind is not PacketKind.DATA:
            return None
        number = int(packet.frames[0])
        return {
            "sum": Sum().add(event.event_number, number),
            "rows": Append().add(event.event_number, [number, 2 * number]),
        }


class Noting(MergingReducer):
    """Merges, and notes which events each result stood for."""

    def __init__(self) -> None:
        super().__init__()
        self.publish["seen"] = []

    def process_result(self, result: Result) -> None:
        assert result.event_number == result.events[-1]
        super().process_result(result)
        self.publish["seen"].append((result.events, result.epoch))


def check_each_once(bench: Bench, events: int) -> None:
    """Every data event that the ledger calls reduced is in the result, once, and no other is."""
    failed = {n for first, stop in bench.active.run.ledger.failed for n in range(first, stop)}
    wanted = [n for n in range(1, events + 1) if n not in failed]
    published = bench.published
    seen = [event for result, _ in published["seen"] for event in result]
    assert sorted(seen) == wanted
    assert published["sum"].value == sum(wanted)
    rows = np.asarray(published["rows"].snapshot()["data"])
    assert rows[wanted, 1].tolist() == [2 * n for n in wanted]
    assert published["sum"].coverage == RangeSet((n, n + 1) for n in wanted)


def test_many_events_reach_the_reducer_as_one_result() -> None:
    with Bench({"eiger": Feed(series(1000))}, Merging, Noting) as bench:
        active = bench.play(uniform(["eiger"], 1000))
        assert counts(active) == (1002, 0, 0)
        check_each_once(bench, 1000)
        sizes = [len(events) for events, _ in bench.published["seen"]]
        assert max(sizes) <= combining.MOST_EVENTS
        assert len(sizes) < 250


@settings(deadline=None, max_examples=25)
@given(
    kills=st.lists(st.tuples(st.integers(1, 40), st.sampled_from(["kill", "end", "fence late"])), max_size=4),
    first=st.integers(1, 60),
)
def test_every_event_counts_once_whoever_dies_and_whenever(kills: list[tuple[int, str]], first: int) -> None:
    events = 150
    feed = Feed([start(), *map(frame, range(1, first + 1))])
    late: list[tuple[str, Any]] = []
    with Bench({"eiger": feed}, Merging, Noting) as bench:
        active = bench.arm(uniform(["eiger"], events))
        feed.send(series(events)[first + 1 :])
        for place, (steps, how) in enumerate(kills):
            bench.steps(steps)
            victim = next(name for name in bench.services if name.startswith("worker"))
            bench.add_worker(f"worker-{place + 3}")
            if how == "fence late":
                peer = bench.channels[victim].peer

                def hold(name: str, received: Any, peer: str = peer) -> bool:
                    if received.sender == peer and isinstance(received.message, Results):
                        late.append((name, received))
                        return False
                    return True

                bench.tap = hold
                bench.steps(2)
            (bench.end if how == "end" else bench.kill)(victim)
        bench.until(lambda: active.finished, 5000)
        for name, received in late:
            bench.services[name].receive(received, bench.now)
        bench.steps(3)
        reduced, failed, lost = counts(active)
        assert (reduced + failed, lost) == (events + 2, 0)
        # Each kill after the first may hit a worker that holds a suspect of the first alone, and convict it.
        assert failed <= max(0, len(kills) - 1)
        assert all(group.failure.error == "WorkerDied" for group in active.run.faults.groups)
        check_each_once(bench, events)


def test_the_event_that_kills_is_found_among_those_that_were_merged() -> None:
    class Deadly(Merging):
        def process_event(self, event: Event) -> dict[str, Any] | None:
            if event.event_number == 50:
                raise Died
            return super().process_event(event)

    with Bench({"eiger": Feed(series(100))}, Deadly, Noting, workers=["w1", "w2", "w3"]) as bench:
        active = bench.arm(uniform(["eiger"], 100))
        bench.until(lambda: active.finished, 5000)
        assert list(active.run.ledger.failed) == [(50, 51)]
        assert active.run.ledger.counts().reduced == 101
        assert 50 not in bench.published["sum"].coverage
        assert len(bench.published["sum"].coverage) == 99


def test_what_the_reduce_fails_on_has_failed_for_all_of_its_events_and_is_told_once() -> None:
    class Failing(Noting):
        def process_result(self, result: Result) -> None:
            if 30 in result.events:
                raise ZeroDivisionError("planted")
            super().process_result(result)

    told: list[Failed] = []
    with Bench({"eiger": Feed(series(100))}, Merging, Failing) as bench:

        def tap(name: str, received: Any) -> bool:
            if isinstance(received.message, Failed):
                told.append(received.message)
            return True

        bench.tap = tap
        active = bench.play(uniform(["eiger"], 100))
        (failed,) = told
        (group,) = active.run.faults.groups
        assert group.failure.where == "Failing.process_result"
        assert list(group.events) == failed.combined == list(active.run.ledger.failed)
        gone = {n for first, stop in failed.combined for n in range(first, stop)}
        assert 30 in gone
        assert active.run.ledger.counts().reduced == 102 - len(gone)
        assert bench.published["sum"].value == sum(set(range(1, 101)) - gone)


@pytest.mark.parametrize(
    ("bad", "sentence"),
    [
        (lambda: {"sum": Sum().add(0, [1, 2])}, "shape"),
        (lambda: {"sum": 3.0}, "does not merge"),
        (lambda: 3.0, "does not merge"),
    ],
)
def test_a_result_that_does_not_merge_fails_its_event_alone(bad: Any, sentence: str) -> None:
    class Odd(Merging):
        def process_event(self, event: Event) -> Any:
            return bad() if event.event_number == 40 else super().process_event(event)

    with Bench({"eiger": Feed(series(100))}, Odd, Noting) as bench:
        active = bench.play(uniform(["eiger"], 100))
        assert list(active.run.ledger.failed) == [(40, 41)]
        (group,) = active.run.faults.groups
        assert sentence in group.failure.message
        assert bench.published["sum"].value == sum(range(1, 101)) - 40


def test_a_result_that_is_returned_again_is_refused() -> None:
    class Same(Merging):
        def __init__(self) -> None:
            self.sum = Sum()

        def process_event(self, event: Event) -> Any:
            return {"sum": self.sum.add(event.event_number, 1)}

    with Bench({"eiger": Feed(series(30))}, Same, MergingReducer, workers=["w1"]) as bench:
        active = bench.play(uniform(["eiger"], 30))
        assert active.run.ledger.counts().failed > 0
        assert "would count twice" in active.run.faults.groups[0].failure.message


def test_results_of_different_parameters_are_not_merged() -> None:
    class Gained(Merging):
        describe_parameters = Doubling.describe_parameters

    feed = Feed([start(), *map(frame, range(1, 31))])
    with Bench({"eiger": feed}, Gained, Noting) as bench:
        active = bench.arm(uniform(["eiger"], 200))
        bench.until(lambda: bench.reduced() == 31)
        change_at = active.run.last_assigned
        bench.controller.set_parameters({"gain": b"3"})
        feed.send(series(200)[31:])
        bench.until(lambda: active.finished)
        check_each_once(bench, 200)
        epochs = {event: epoch for events, epoch in bench.published["seen"] for event in events}
        assert len(set(epochs.values())) == 2
        assert all((epochs[event] > epochs[1]) == (event >= change_at) for event in epochs)


def test_a_lone_event_is_sent_without_waiting_for_others() -> None:
    feed = Feed([start(), frame(1)])
    with Bench({"eiger": feed}, Merging, Noting) as bench:
        bench.arm(uniform(["eiger"], 100))
        bench.until(lambda: bench.reduced() == 2)
        feed.send([frame(2)])
        began = bench.now
        bench.until(lambda: bench.reduced() == 3)
        assert bench.now - began <= combining.MOST_SECONDS + 0.04


def test_merged_and_single_results_travel_in_one_message() -> None:
    class Some(Merging):
        def process_event(self, event: Event) -> dict[str, Any] | None:
            return super().process_event(event) if event.event_number % 3 else None

    with Bench({"eiger": Feed(series(99))}, Some, Noting) as bench:
        active = bench.play(uniform(["eiger"], 99))
        assert counts(active) == (101, 0, 0)
        assert bench.published["sum"].value == sum(n for n in range(100) if n % 3)


@pytest.mark.expects_errors
def test_a_merged_result_of_which_a_part_is_known_is_told_as_failed() -> None:
    feed = Feed([start()])
    with Bench({"eiger": feed}, Merging, Noting, workers=["w1"]) as bench:
        active = bench.arm(uniform(["eiger"], 20))
        bench.until(lambda: bench.reduced() == 1)
        peer = bench.channels["w1"].peer
        run = active.run.run_id
        inject(bench, "reducer", peer, Results(run, 50, [(0, 0, 1, 2)], [0], []), [b""])
        inject(bench, "reducer", peer, Results(run, 51, [(0, 0, 2, 3)], [0], [], [[(1, 3)]]), [b""])
        bench.steps(3)
        assert list(active.run.ledger.failed) == [(2, 3)]
        feed.send(series(20)[1:])
        bench.until(lambda: active.finished, 5000)
        reduced, failed, lost = counts(active)
        assert (reduced + failed, lost) == (22, 0)
        assert failed > 1
        gone = {n for first, stop in active.run.ledger.failed for n in range(first, stop)}
        assert not gone & {n for events, _ in bench.published["seen"] for n in events}


def test_the_collector_takes_a_merged_result_whole_or_not_at_all() -> None:
    collector = Collector()
    assert collector.take_together("a", 0, [(1, 4), (6, 8)]) == (True, [])
    assert collector.take_together("b", 0, [(1, 4), (6, 8)]) == (False, [])
    assert collector.duplicates == 1
    assert collector.take_together("b", 1, [(1, 4)]) == (True, [])
    assert collector.take_together("b", 0, [(3, 5)]) == (False, [(4, 5)])
    assert collector.take("b", 0, 4, 5) == []
    collector.fence("b")
    assert collector.take_together("b", 0, [(20, 22)]) == (False, [])
    assert collector.take_together("a", 0, [(20, 22)]) == (True, [])


def test_merging_that_fails_half_way_gives_up_all_that_was_merged() -> None:
    class Brittle(Sum):
        def merge(self, other: Any) -> Any:
            raise MemoryError("planted")

    combiner = Combiner()
    combiner.add(0, 1, 0, Brittle().add(1, 1), 0.0)
    combiner.add(1, 7, 0, Sum().add(7, 1), 0.0)
    with pytest.raises(BrokenPartial) as caught:
        combiner.add(0, 2, 0, Brittle().add(2, 1), 0.0)
    assert caught.value.events == [(1, 3)]
    assert combiner.held == 1
    (left,) = combiner.take(1.0, 100)
    assert list(left.events) == [(7, 8)]


def test_what_is_merged_is_sent_by_number_by_work_left_and_by_time() -> None:
    combiner = Combiner()
    for event in range(10):
        combiner.add(0, event, 0, Sum().add(event, 1), 5.0)
    assert combiner.take(5.0, 11) == []
    assert combiner.wait(5.0) == pytest.approx(combining.MOST_SECONDS)
    assert len(combiner.take(5.0, 10)) == 1
    assert combiner.take(9.0, 0) == []
    combiner.add(0, 10, 0, Sum().add(10, 1), 6.0)
    assert len(combiner.take(6.0 + combining.MOST_SECONDS, 1000)) == 1
    for event in range(combining.MOST_EVENTS):
        combiner.add(0, event, 0, Sum().add(event, 1), 7.0)
    (partial,) = combiner.take(7.0, 1000)
    assert len(partial.events) == combining.MOST_EVENTS


def test_a_class_is_either_stateful_or_combines_and_a_method_of_that_name_is_its_own() -> None:
    class Both(Merging):
        stateful = True

    class OwnMethod(Doubling):
        def combine(self) -> None: ...

    with pytest.raises(AnalysisError, match="leave one of them out"):
        WorkerAnalysis(Both)
    assert WorkerAnalysis(Merging).combine
    assert not WorkerAnalysis(OwnMethod).combine
    assert not WorkerAnalysis(Doubling).combine
