"""Whatever happens in whatever order: every event ends in one state, and is reduced once.

Hypothesis chooses the map and then what happens next: packets arrive, are skipped, doubled or unreadable; series begin anew; messages
arrive; workers work, die, fall silent, drain and leave, or join; events kill their workers; ingesters die; devices fall silent; parameters
change; other code takes over; somebody stops the run.
At the end everything is let through and the account is checked against what the reducer really took.

``BEAMLOOM_DEEP=1`` looks at forty times as many runs, each twice as long.
"""

from __future__ import annotations

import os
from collections import Counter, defaultdict
from collections.abc import Iterable

import hypothesis.strategies as st
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from beamloom.engine.accounts.coverage import Coverage, losses_by_cause
from beamloom.engine.accounts.ledger import EventState
from beamloom.engine.ranges import Range
from beamloom.engine.scheduling.editions import Edition
from beamloom.events import Malformed
from beamloom.triggermap import TriggerMap, batched, open_ended, overlapping, sparse, uniform
from engine.mill import GENEROUS, Mill, numbered, payload

GENERIC = frozenset({"generic"})
DEBUG = frozenset({"generic", "debug"})


def mixed_map() -> TriggerMap:
    """Cells of every kind, in two parts that repeat."""
    main = {
        "a": [[{"constraint": 0}], [{"constraint": 1}], [], [{"constraint": 1}], [{"constraint": 2}]],
        "b": [[{"constraint": 0}], None, [{"constraint": 5}, {"tags": ["debug"]}], [{"constraint": 1}], []],
    }
    rearm = {"a": [[{"tags": ["generic"]}]]}
    return TriggerMap.from_json(
        {"parts": {"main": main, "rearm": rearm}, "sequence": ["main", "main", "rearm", "main"]}
    )


MAPS = {
    "uniform": lambda: uniform(["a", "b"], 12),
    "batched": lambda: batched(["a"], 40, 7),
    "overlapping": lambda: overlapping(["a"], 10),
    "sparse": lambda: sparse(["a", "b"], 12, every={"b": 4}),
    "open": lambda: open_ended(["a", "b"]),
    "mixed": mixed_map,
}
OPEN_ENDED_LENGTH = 9


class AnyOrder(RuleBasedStateMachine):
    """One run on the mill."""

    mill: Mill
    restarts = False
    """Whether controllers die."""
    code_changes = True
    """Whether newer code takes over while the run goes on."""

    @initialize(
        name=st.sampled_from(sorted(MAPS)),
        workers=st.integers(1, 3),
        budget=st.sampled_from([GENEROUS, GENEROUS, 40, 10]),
    )
    def arm(self, name: str, workers: int, budget: int) -> None:
        trigger_map = MAPS[name]()
        self.open = trigger_map.total_events is None
        team = {f"w{i}": DEBUG if i == 0 else GENERIC for i in range(workers)}
        self.next_name = workers
        self.mill = self.make_mill(trigger_map, team, budget)
        self.blocking = budget < GENEROUS
        self.stopped = False
        self.epoch = 0
        self.epoch_begins = {0: 0}
        self.edition = 0
        self.edition_begins = {0: 0}
        self.deaths = 0
        self.departures = 0
        """Workers that were asked to leave."""
        self.hurried = False
        """Whether one of them did not wait until the reducer had what it made."""
        self.silent: set[str] = set()
        self.dead: set[str] = set()
        if self.open:
            self.last = dict.fromkeys(trigger_map.streams, OPEN_ENDED_LENGTH)
        else:
            total = trigger_map.total_events or 0
            self.last = {
                s: sum(trigger_map.cell(s, event) is not None for event in range(total)) - 1
                for s in trigger_map.streams
            }
        self.at = dict.fromkeys(trigger_map.streams, 0)
        self.unsent: set[tuple[str, int]] = set()

    def make_mill(self, trigger_map: TriggerMap, team: dict[str, frozenset[str]], budget: int) -> Mill:
        """The mill that this run is on."""
        return Mill(trigger_map, team, budget)

    def _packets(self, stream: str, count: int) -> list[int]:
        first = self.at[stream]
        self.at[stream] = min(first + count, self.last[stream] + 1)
        return list(range(first, self.at[stream]))

    @rule(data=st.data(), count=st.integers(1, 8))
    def packets_arrive(self, data: st.DataObject, count: int) -> None:
        self._read(data.draw(st.sampled_from(sorted(self.at))), count)

    def _read(self, stream: str, count: int) -> int:
        """The ingester reads so many packets if it may; returns how many there were."""
        ingesters = self.mill.ingesters(stream)
        if stream in self.silent or not all(self.mill.routers[name].has_room for name in ingesters):
            return 0
        if not ingesters:
            return 0
        items = self._packets(stream, count)
        self.mill.read(stream, [numbered(stream, item, self.last[stream]) for item in items])
        return len(items)

    @rule(data=st.data(), unreadable=st.booleans())
    def a_frame_is_missing(self, data: st.DataObject, unreadable: bool) -> None:
        stream = data.draw(st.sampled_from(sorted(self.at)))
        if 0 < self.at[stream] < self.last[stream] and stream not in self.silent | self.dead:
            for item in self._packets(stream, 1):
                self.unsent.add((stream, item))
            if unreadable:
                self.mill.read(stream, [Malformed("torn", [b"?"])])

    @rule(data=st.data())
    def a_frame_comes_twice(self, data: st.DataObject) -> None:
        stream = data.draw(st.sampled_from(sorted(self.at)))
        if 1 < self.at[stream] <= self.last[stream] and (stream, self.at[stream] - 1) not in self.unsent:
            self.mill.read(stream, [numbered(stream, self.at[stream] - 1, self.last[stream])])

    @rule(data=st.data())
    def a_series_begins_anew(self, data: st.DataObject) -> None:
        stream = data.draw(st.sampled_from(sorted(self.at)))
        # Where a device deals out, numbers count through the run: what comes again has others.
        dealt = self.mill.in_turn and stream in self.mill.shared.values()
        if self.at[stream] > 1 and stream not in self.silent and not dealt:
            again = range(min(self.at[stream], self.last[stream]))
            sent = [item for item in again if (stream, item) not in self.unsent]
            self.mill.read(stream, [numbered(stream, item, self.last[stream]) for item in sent])

    @precondition(lambda self: self.mill.busy())
    @rule(data=st.data(), count=st.integers(1, 6))
    def messages_arrive(self, data: st.DataObject, count: int) -> None:
        for _ in range(count):
            busy = self.mill.busy()
            if busy:
                self.mill.deliver(*data.draw(st.sampled_from(busy)))

    @rule()
    def the_controller_looks(self) -> None:
        self.mill.step()

    @precondition(lambda self: self.mill.workers)
    @rule(data=st.data(), limit=st.integers(1, 5))
    def a_worker_works(self, data: st.DataObject, limit: int) -> None:
        self.mill.work(data.draw(st.sampled_from(sorted(self.mill.workers))), limit)

    @precondition(lambda self: self.mill.workers)
    @rule(data=st.data(), killed=st.booleans())
    def a_worker_dies(self, data: st.DataObject, killed: bool) -> None:
        self.deaths += 1
        self.mill.kill(data.draw(st.sampled_from(sorted(self.mill.workers))), killed=killed)

    @precondition(lambda self: self.mill.workers)
    @rule(data=st.data())
    def a_worker_is_asked_to_leave(self, data: st.DataObject) -> None:
        self.departures += 1
        self.mill.drain(data.draw(st.sampled_from(sorted(self.mill.workers))))

    @precondition(lambda self: any(worker.drains for worker in self.mill.workers.values()))
    @rule(data=st.data(), hurried=st.booleans())
    def a_worker_leaves(self, data: st.DataObject, hurried: bool) -> None:
        name = data.draw(st.sampled_from(sorted(n for n, one in self.mill.workers.items() if one.drains)))
        if self.mill.has_drained(name) or hurried:
            self.hurried = self.hurried or not self.mill.has_drained(name)
            self.mill.leave(name)

    @rule(tags=st.sampled_from([GENERIC, DEBUG]), newer=st.sampled_from([0, 0, 1]))
    def a_worker_joins(self, tags: frozenset[str], newer: int = 0) -> None:
        self.mill.join(f"w{self.next_name}", tags, self.edition + newer)
        self.next_name += 1

    @precondition(lambda self: self.code_changes and self.edition < 3)
    @rule()
    def other_code_takes_over(self) -> None:
        self.edition += 1
        self.edition_begins[self.mill.run.begin_edition(Edition(self.edition))] = self.edition

    @rule(event=st.integers(0, 20))
    def an_event_will_fail(self, event: int) -> None:
        self.mill.failing.add(event)

    @rule(event=st.integers(0, 20))
    def the_reduce_will_fail_on_an_event(self, event: int) -> None:
        self.mill.refused.add(event)

    @rule(tells=st.booleans())
    def the_controller_tells_the_reducer_what_became_of_events(self, tells: bool) -> None:
        self.mill.tells_coverage = tells
        self.mill.tell_coverage()

    @invariant()
    def the_coverage_is_that_of_the_result(self) -> None:
        if hasattr(self, "mill"):
            check_states(self.mill.account.coverage)
            check_result(self.mill, self.mill.account.coverage)
            check_states(Coverage.of("run", self.mill.run.ledger, over=False))

    @rule(event=st.integers(0, 20))
    def an_event_will_kill_its_worker(self, event: int) -> None:
        if len(self.mill.poison) < 3:
            self.mill.poison.add(event)

    @rule(data=st.data(), really=st.integers(0, 3), sent_arrives=st.booleans())
    def an_ingester_dies(self, data: st.DataObject, really: int, sent_arrives: bool) -> None:
        stream = data.draw(st.sampled_from(sorted(self.at)))
        if really == 0 and stream not in self.dead and not self.silent - {stream}:
            self.silent.discard(stream)
            self.dead.add(stream)
            self.mill.ingester_dies(stream, "the ingester died", sent_arrives=sent_arrives)

    @precondition(lambda self: not self.blocking)
    @rule(data=st.data(), really=st.integers(0, 3))
    def a_device_falls_silent(self, data: st.DataObject, really: int) -> None:
        stream = data.draw(st.sampled_from(sorted(self.at)))
        if really == 0 and len(self.silent | self.dead | {stream}) < len(self.at):
            self.silent.add(stream)

    @rule(seconds=st.sampled_from([0.01, 0.2]))
    def time_passes(self, seconds: float) -> None:
        self.mill.now += seconds

    @rule()
    def parameters_change(self) -> None:
        self.epoch += 1
        self.epoch_begins[self.mill.run.begin_epoch(self.epoch)] = self.epoch

    @rule(really=st.integers(0, 3))
    def somebody_stops_the_run(self, really: int) -> None:
        if really == 0:
            self.stopped = True
            self.mill.run.stop("asked to")

    def teardown(self) -> None:
        if not hasattr(self, "mill"):
            return
        self._let_everything_through()
        self._check_account()
        self._check_results()
        self._check_coverage()
        self._check_failures()
        self._check_epochs()
        self._check_constraints()
        self._check_departures()
        self._check_editions()
        self._check_nothing_is_kept()

    def _let_everything_through(self) -> None:
        mill = self.mill
        mill.tells_coverage = True
        for turn in range(400):
            if not self._all_can_be_done:
                mill.join(f"last{turn}", DEBUG, self.edition)
            read = 0 if self.stopped else sum(self._read(stream, 1000) for stream in sorted(self.at))
            mill.settle()
            if mill.complete:
                return
            if not read and self._all_can_be_done:
                mill.now += 1.1 if turn % 2 else 11

    @property
    def _all_can_be_done(self) -> bool:
        """Whether there is a worker for whatever has not been given out."""
        staying = [worker for worker in self.mill.workers.values() if not worker.drains]
        return any(worker.tags == DEBUG and worker.edition >= self.edition for worker in staying)

    def _check_account(self) -> None:
        ledger = self.mill.run.ledger
        counts = ledger.counts()
        assert self.mill.complete, counts
        assert counts.reduced + counts.failed + counts.lost == ledger.total
        assert counts.pending == counts.assigned == 0
        if self.stopped:
            return
        missing = {
            event for stream, item in self.unsent if self._wanted(stream, event := self._event(stream, item))
        }
        excused = {
            event
            for event in range(ledger.total or 0)
            for stream in self.silent | self.dead
            if self._wanted(stream, event)
        }
        lost = {event for a, b in ledger.lost for event in range(a, b)}
        assert lost <= missing | excused
        assert not any(ledger.state(event) is EventState.REDUCED for event in missing)

    def _check_results(self) -> None:
        mill, ledger = self.mill, self.mill.run.ledger
        taken = Counter((event, slot) for event, slot, _ in mill.reduced)
        assert all(times == 1 for times in taken.values())
        assert {event for event, _ in taken} <= set(range(ledger.total or 0))
        got: dict[int, set[str]] = defaultdict(set)
        for event, _, result in mill.reduced:
            got[event].update(result)
            for stream, content in result.items():
                assert content == payload(stream, self._item(stream, event)), (event, stream, content)
        for event in range(ledger.total or 0):
            if ledger.state(event) is EventState.REDUCED:
                assert got[event] == {s for s in mill.map.streams if self._wanted(s, event)}, event

    def _check_coverage(self) -> None:
        """The reducer and the controller agree on every event."""
        ledger, coverage = self.mill.run.ledger, self.mill.account.coverage
        assert coverage.over
        assert coverage.total == ledger.total
        assert coverage.reduced == ledger.reduced
        assert coverage.failed == ledger.failed
        assert coverage.lost == ledger.lost
        assert coverage.complete == (len(ledger.reduced) == ledger.total)
        causes = {cause: list(events) for cause, events in losses_by_cause(ledger.losses)}
        assert {cause: list(events) for cause, events in losses_by_cause(coverage.losses)} == causes
        assert numbers(ledger.lost) == {e for events in causes.values() for e in numbers(events)}

    def _check_failures(self) -> None:
        mill = self.mill
        failed = {event for a, b in mill.run.ledger.failed for event in range(a, b)}
        assert failed <= mill.failing | mill.refused | mill.blamed
        # Without room in the retention no worker may become idle, and a suspect is leased among others.
        for event, deaths in () if self.blocking else mill.deaths.items():
            assert deaths <= 2 * len({slot for e, slot in mill.attempts if e == event}) + 2, (event, deaths)

    def _check_epochs(self) -> None:
        end = (self.mill.run.ledger.total or 0) - 1
        for event, epochs in self.mill.epochs.items():
            if not self.open or event < end:
                begins = max(first for first in self.epoch_begins if first <= event)
                assert epochs == {self.epoch_begins[begins]}, event

    def _check_constraints(self) -> None:
        """A worker sees the events of a constraint in order; while nobody dies, one worker sees them all."""
        if self.open:
            return
        workers: dict[tuple[int, int], set[str]] = defaultdict(set)
        for worker in [*self.mill.workers.values(), *self.mill.retired]:
            seen: dict[tuple[int, int], list[int]] = defaultdict(list)
            for event in worker.seen:
                if (key := self._only_constraint(event)) is not None:
                    seen[key].append(event)
                    workers[key].add(worker.name)
            for key, events in seen.items():
                assert events == sorted(set(events)), (worker.name, key)
        if not self.deaths and not self.mill.deaths:
            most = 1 + self.departures + len(self.edition_begins) - 1
            assert all(len(names) <= most for names in workers.values())

    def _check_editions(self) -> None:
        """No event is done by older code than it is meant for, nor by newer code while the older is there; and the account says so."""
        mill, end = self.mill, (self.mill.run.ledger.total or 0) - 1
        done: dict[int, set[int]] = defaultdict(set)
        for worker in [*mill.workers.values(), *mill.retired]:
            for event in worker.seen:
                if event == 0 or (self.open and event >= end):
                    continue
                meant = self.edition_begins[max(first for first in self.edition_begins if first <= event)]
                assert worker.edition >= meant, (event, worker)
                assert meant or not worker.edition or self.deaths or mill.deaths or self.departures
                done[event].add(worker.edition)
        reduced = mill.run.ledger.reduced
        told = {
            number: numbers(mill.run.editions.made(number, reduced)) for number in range(self.edition + 2)
        }
        assert set[int]().union(*told.values()) == numbers(reduced)
        if self.restarts:
            # A new controller is told what the reducer has, not of whom.
            return
        for event in numbers(reduced) & set(done):
            assert next(number for number, events in told.items() if event in events) in done[event], event

    def _check_departures(self) -> None:
        """Who leaves in order costs nothing that was done already, and brings no event under suspicion."""
        mill = self.mill
        if self.deaths or mill.deaths or self.restarts:
            return
        assert not mill.run.faults.quarantined
        if not mill.stateful:
            assert not mill.run.redelivered
        if not self.hurried and not self.open:
            assert set(mill.worked.values()) <= {1}

    def _only_constraint(self, event: int) -> tuple[int, int] | None:
        cells = [self.mill.map.cell(stream, event) or () for stream in self.at]
        named = {worker.constraint for cell in cells for worker in cell}
        constraint = named.pop() if len(named) == 1 else None
        return None if constraint is None else (self.mill.map.locate(event).occurrence, constraint)

    def _check_nothing_is_kept(self) -> None:
        mill, scheduler = self.mill, self.mill.run._scheduler
        assert scheduler.idle
        assert not scheduler._orphans
        assert not scheduler._suspects
        assert not scheduler._attempts
        assert not scheduler._deliveries._split
        for worker in mill.workers.values():
            assert worker.assembler.awaited is None
            if not self.dead:
                assert worker.assembler.kept == 0
        for router in mill.routers.values():
            assert len(router.retention) <= mill.run.keeps_start
            if not (self.stopped or self.silent or self.dead):
                # A share to which nothing comes keeps the leases of the start event, and does not know that the run is over.
                assert not [span for span in router._leases if not mill.shared or span.first > 0]
                assert len(list(router._settled_ahead)) <= bool(mill.shared)

    def _cell(self, stream: str, event: int) -> object:
        if not self.open:
            return self.mill.map.cell(stream, event)
        return (object(),)

    def _wanted(self, stream: str, event: int) -> bool:
        return bool(self._cell(stream, event))

    def _item(self, stream: str, event: int) -> int:
        return sum(self._cell(stream, earlier) is not None for earlier in range(event))

    def _event(self, stream: str, item: int) -> int:
        event, left = 0, item
        while True:
            if self._cell(stream, event) is not None:
                if left == 0:
                    return event
                left -= 1
            event += 1


def numbers(ranges: Iterable[Range]) -> set[int]:
    return {number for first, stop in ranges for number in range(first, stop)}


def check_states(coverage: Coverage) -> None:
    """Every event of the run is in one state."""
    states = [coverage.reduced, coverage.failed, coverage.lost, coverage.pending]
    assert sum(len(state) for state in states) == coverage.end
    assert set[int]().union(*map(numbers, states)) == set(range(coverage.end))
    assert not numbers(coverage.partly) & numbers(coverage.reduced)


def check_result(mill: Mill, coverage: Coverage) -> None:
    """The coverage names just the events that are in the result now."""
    taken = {event for event, _, _ in mill.reduced}
    whole = {event for event in taken if not mill.account.split_within(event, event + 1)}
    covered = numbers(coverage.reduced)
    assert whole <= covered
    assert taken - whole == (covered & taken) - whole | numbers(coverage.partly)
    for event in covered - whole:
        wanted = {
            stream for stream in mill.map.streams if mill.map.total_events and mill.map.cell(stream, event)
        }
        assert wanted <= {stream for e, _, result in mill.reduced if e == event for stream in result}, event


DEEP = bool(os.environ.get("BEAMLOOM_DEEP"))
TestAnyOrder = AnyOrder.TestCase
TestAnyOrder.settings = settings(
    max_examples=4000 if DEEP else 100, stateful_step_count=80 if DEEP else 40, deadline=None
)
