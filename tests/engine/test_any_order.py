"""Whatever happens in whatever order: every event ends in one state, and is reduced once.

Hypothesis chooses the map and then what happens next: packets arrive, are skipped, doubled or unreadable; messages arrive; workers work,
die, fall silent or join; parameters change; somebody stops the run. In the end everything is let through and the account is checked
against what the reducer really took.
"""

from __future__ import annotations

from collections import Counter

import hypothesis.strategies as st
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from beamloom.engine.ledger import EventState
from beamloom.events import Malformed
from beamloom.triggermap import TriggerMap, batched, open_ended, overlapping, sparse, uniform
from engine.mill import Mill, numbered, payload

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

    @initialize(name=st.sampled_from(sorted(MAPS)), workers=st.integers(1, 3))
    def arm(self, name: str, workers: int) -> None:
        trigger_map = MAPS[name]()
        self.open = trigger_map.total_events is None
        team = {f"w{i}": DEBUG if i == 0 else GENERIC for i in range(workers)}
        self.next_name = workers
        self.mill = Mill(trigger_map, team)
        self.stopped = False
        self.epoch = 0
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

    def _packets(self, stream: str, count: int) -> list[int]:
        first = self.at[stream]
        self.at[stream] = min(first + count, self.last[stream] + 1)
        return list(range(first, self.at[stream]))

    @rule(data=st.data(), count=st.integers(1, 8))
    def packets_arrive(self, data: st.DataObject, count: int) -> None:
        stream = data.draw(st.sampled_from(sorted(self.at)))
        self.mill.read(
            stream, [numbered(stream, item, self.last[stream]) for item in self._packets(stream, count)]
        )

    @rule(data=st.data(), unreadable=st.booleans())
    def a_frame_is_missing(self, data: st.DataObject, unreadable: bool) -> None:
        stream = data.draw(st.sampled_from(sorted(self.at)))
        if 0 < self.at[stream] < self.last[stream]:
            for item in self._packets(stream, 1):
                self.unsent.add((stream, item))
            if unreadable:
                self.mill.read(stream, [Malformed("torn", [b"?"])])

    @rule(data=st.data())
    def a_frame_comes_twice(self, data: st.DataObject) -> None:
        stream = data.draw(st.sampled_from(sorted(self.at)))
        if 1 < self.at[stream] <= self.last[stream] and (stream, self.at[stream] - 1) not in self.unsent:
            self.mill.read(stream, [numbered(stream, self.at[stream] - 1, self.last[stream])])

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
        self.mill.kill(data.draw(st.sampled_from(sorted(self.mill.workers))), killed=killed)

    @rule(tags=st.sampled_from([GENERIC, DEBUG]))
    def a_worker_joins(self, tags: frozenset[str]) -> None:
        self.mill.join(f"w{self.next_name}", tags)
        self.next_name += 1

    @rule(event=st.integers(0, 20))
    def an_event_will_fail(self, event: int) -> None:
        self.mill.failing.add(event)

    @rule()
    def parameters_change(self) -> None:
        self.epoch += 1
        self.mill.run.begin_epoch(self.epoch)

    @rule(really=st.integers(0, 3))
    def somebody_stops_the_run(self, really: int) -> None:
        if really == 0:
            self.stopped = True
            self.mill.run.stop("asked to")

    def teardown(self) -> None:
        if not hasattr(self, "mill"):
            return
        mill = self.mill
        for stream in self.at:
            if not self.stopped:
                items = self._packets(stream, self.last[stream] + 1)
                mill.read(stream, [numbered(stream, item, self.last[stream]) for item in items])
        mill.join("last", DEBUG)
        mill.settle()
        if self.stopped and not mill.complete:
            mill.now += 100
            mill.settle()
        self._check()

    def _check(self) -> None:
        mill, ledger = self.mill, self.mill.run.ledger
        assert mill.complete, ledger.counts()
        total = ledger.total or 0
        counts = ledger.counts()
        assert counts.reduced + counts.failed + counts.lost == total
        assert counts.pending == counts.assigned == 0
        taken = Counter((event, slot) for event, slot, _ in mill.reduced)
        assert all(times == 1 for times in taken.values())
        events_taken = {event for event, _ in taken}
        for event in range(total):
            if ledger.state(event) is EventState.REDUCED:
                wanted = {s for s in mill.map.streams if self._wanted(s, event)}
                got = {s for e, _, result in mill.reduced if e == event for s in result}
                assert got == wanted, (event, got, wanted)
        for event, _, result in mill.reduced:
            for stream, content in result.items():
                assert content == payload(stream, self._item(stream, event)), (event, stream, content)
        lost_streams = {event for event in range(total) if ledger.state(event) is EventState.LOST}
        if not self.stopped:
            gone = [(stream, self._event(stream, item)) for stream, item in self.unsent]
            missing = {event for stream, event in gone if self._wanted(stream, event)}
            assert lost_streams <= missing
            assert not (missing & {e for e in range(total) if ledger.state(e) is EventState.REDUCED})
        assert events_taken <= set(range(total))

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


TestAnyOrder = AnyOrder.TestCase
TestAnyOrder.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
