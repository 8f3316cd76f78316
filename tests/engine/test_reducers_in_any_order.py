"""Whatever happens in whatever order, reducers die: the next one goes on from what their journal has, and the account is true of that.

The same runs as in ``test_any_order``. What a reducer takes is in its journal at once; when it dies the journal is whole, ends earlier, or
is gone. Workers send again what was not acknowledged.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import hypothesis.strategies as st
from hypothesis import settings
from hypothesis.stateful import precondition, rule

from beamloom.engine.accounts.collector import Collector
from beamloom.engine.accounts.faults import Failure
from beamloom.engine.accounts.reducers_account import ResultAccount
from beamloom.engine.assembling.ready import Ready
from beamloom.engine.ranges import Range, RangeSet
from beamloom.triggermap import TriggerMap
from engine.mill import Mill
from engine.test_any_order import DEBUG, DEEP, GENERIC, AnyOrder

REFUSED = Failure("process_result", "ValueError", "planted")


class Taken(NamedTuple):
    """One entry of a journal: a result that was taken."""

    worker: str
    one: Ready
    result: dict[str, bytes]
    state: tuple[int, ...]
    refused: bool


class ReducerMill(Mill):
    """A mill whose reducer may die."""

    journal: list[Taken | str]
    """What was taken, and the names of workers that were fenced."""

    def __init__(self, trigger_map: TriggerMap, team: dict[str, frozenset[str]], budget: int) -> None:
        self.journal = []
        self.outboxes: dict[str, list[tuple[tuple[int, int, int], Callable[[], None]]]] = defaultdict(list)
        """Of each worker, what was not acknowledged."""
        self.life = 0
        """How many reducers have died."""
        self.is_up = True
        super().__init__(trigger_map, team, budget)

    # ---- what is sent to the reducer ------------------------------------------------------------------------------------

    def post(self, sender: str, receiver: str, action: Callable[[], None]) -> None:
        if receiver == "reducer":
            if sender != "controller" and isinstance(action, partial):
                one: Ready = action.args[1]
                self.outboxes[sender].append(((one.event, one.slot, one.attempt), action))
            if not self.is_up:
                return
        super().post(sender, receiver, action)

    def has_drained(self, name: str) -> bool:
        return self.workers[name].drains and not self.outboxes[name]

    def _held_by(self, name: str) -> dict[int, list[Range]]:
        held: dict[int, RangeSet] = defaultdict(RangeSet)
        for slot, first, stop in self.workers[name].assembler.deliveries():
            held[slot].add(first, stop)
        for (event, slot, _), _ in self.outboxes[name]:
            held[slot].add(event, event + 1)
        return {slot: list[Range](events) for slot, events in held.items()}

    # ---- what the reducer does ------------------------------------------------------------------------------------------

    def _reduce(self, name: str, one: Ready, result: dict[str, bytes], state: tuple[int, ...]) -> None:
        fresh = self.collector.take(name, one.slot, one.event, one.event + 1)
        if fresh:
            entry = Taken(name, one, result, state, one.event in self.refused)
            self.journal.append(entry)
            self._enter(entry)
        if self.collector.admits(name):
            self._say(name, one)
            self.post("reducer", name, partial(self._acknowledged, name, (one.event, one.slot, one.attempt)))

    def _enter(self, entry: Taken) -> None:
        event, slot = entry.one.event, entry.one.slot
        self.account.mark_split([event] if entry.one.split else [])
        if entry.refused:
            self.account.failed(event, event + 1)
            return
        self.reduced.append((event, slot, entry.result))
        self.states[event, slot] = entry.state
        self.account.reduced(event, event + 1)

    def _say(self, name: str, one: Ready) -> None:
        """What became of a delivery, also when it had come before."""
        slot, event = one.slot, one.event
        split = self.account.split_within(event, event + 1)
        taken = [
            e for e in self.journal if isinstance(e, Taken) and (e.one.event, e.one.slot) == (event, slot)
        ]
        if taken[-1].refused:
            told: Callable[[], None] = lambda: self.run.failed(name, slot, event, REFUSED)  # noqa: E731
        else:
            told = lambda: self.run.taken(name, slot, event, event + 1, self.now, split)  # noqa: E731
        self.post("reducer", "controller", told)

    def _acknowledged(self, name: str, key: tuple[int, int, int]) -> None:
        self.outboxes[name] = [one for one in self.outboxes[name] if one[0] != key]

    def _reducer_fences(self, name: str) -> None:
        self.journal.append(name)
        super()._reducer_fences(name)

    def tell_coverage(self) -> None:
        if self.run.custody.away:
            self.run.ledger.take_news()
            return
        super().tell_coverage()

    # ---- it dies --------------------------------------------------------------------------------------------------------

    def reducer_dies(self, kept: int, *, told_arrives: bool) -> None:
        """Of its journal the first ``kept`` entries are left."""
        for sender, receiver in self.busy() if told_arrives else ():
            while sender == "reducer" and self.channels[sender, receiver]:
                self.deliver(sender, receiver)
        for sender, receiver in list(self.channels):
            if "reducer" in (sender, receiver):
                del self.channels[sender, receiver]
        self.life += 1
        self.is_up = False
        del self.journal[kept:]
        self.run.lose_reducer("killed", self.now)
        self.collector, self.account = Collector(), ResultAccount("run", self.map.total_events)
        self.reduced, self.states = [], {}
        for entry in self.journal:
            if isinstance(entry, str):
                self.collector.fence(entry)
            else:
                event = entry.one.event
                self.collector.know(entry.one.slot, event, event + 1)
                self._enter(entry)

    def another_takes_its_place(self) -> None:
        """It tells what failed, and then what its result is made of."""
        self.is_up = True
        for entry in self.journal:
            if isinstance(entry, Taken) and entry.refused:
                told = partial(self.run.failed, entry.worker, entry.one.slot, entry.one.event, REFUSED)
                self.post("reducer", "controller", told)
        taken = {slot: list(events) for slot, events in self.collector._taken.items()}
        split = self.account.split
        self.post("reducer", "controller", lambda: self._stands(taken, split))

    def _stands(self, taken: dict[int, list[Range]], split: list[Range]) -> None:
        if not self.run.custody.away:
            return
        over = self.complete
        self.run.take_up(taken, split, self.now, over=over)
        news = self.run.ledger.all_news
        self.post("controller", "reducer", lambda: self.account.learn(news, over=over))
        for name in self.workers:
            self.post("controller", name, partial(self._worker_meets_reducer, name))

    def _worker_meets_reducer(self, name: str) -> None:
        if name in self.workers:
            held = self._held_by(name)
            self.post(name, "controller", lambda: self.run.holds(name, held))
            for _, action in list(self.outboxes[name]):
                Mill.post(self, name, "reducer", action)


class ReducersInAnyOrder(AnyOrder):
    """One run on the mill, of which reducers die."""

    mill: ReducerMill
    journal_lost = False
    """Whether any reducer's journal was not whole."""

    def make_mill(self, trigger_map: TriggerMap, team: dict[str, frozenset[str]], budget: int) -> Mill:
        return ReducerMill(trigger_map, team, budget)

    @precondition(lambda self: self.mill.life < 4 and not self.mill.complete)
    @rule(data=st.data(), whole=st.booleans(), told_arrives=st.booleans(), at_once=st.booleans())
    def the_reducer_dies(self, data: st.DataObject, whole: bool, told_arrives: bool, at_once: bool) -> None:
        if not self.mill.is_up:
            return
        many = len(self.mill.journal)
        kept = many if whole else data.draw(st.integers(0, many))
        self.journal_lost = self.journal_lost or kept < many
        self.mill.reducer_dies(kept, told_arrives=told_arrives)
        if at_once:
            self.mill.another_takes_its_place()

    @precondition(lambda self: not self.mill.is_up)
    @rule()
    def another_reducer_takes_its_place(self) -> None:
        self.mill.another_takes_its_place()

    @rule(count=st.integers(1, 12))
    def a_while_passes(self, count: int) -> None:
        """All goes well: results are taken."""
        for stream in sorted(self.at):
            self._read(stream, count)
        self.mill.quiet(2)
        for name in sorted(self.mill.workers):
            if name in self.mill.workers:
                self.mill.work(name, count)

    @rule(tags=st.sampled_from([GENERIC, DEBUG]), newer=st.sampled_from([0, 0, 1]))
    def a_worker_joins(self, tags: frozenset[str], newer: int = 0) -> None:
        if not self.mill.complete:
            super().a_worker_joins(tags, newer)

    def _let_everything_through(self) -> None:
        if not self.mill.is_up:
            self.mill.another_takes_its_place()
        super()._let_everything_through()

    def _revoked(self) -> set[int]:
        return {
            event
            for cause, events in self.mill.run.losses_by_cause()
            for first, stop in events
            for event in range(first, stop)
            if "its journal does not have the result" in cause
        }

    def _check_account(self) -> None:
        revoked = self._revoked()
        assert self.journal_lost or not revoked
        if not revoked:
            super()._check_account()
            return
        counts = self.mill.run.ledger.counts()
        assert self.mill.complete, counts
        assert counts.reduced + counts.failed + counts.lost == self.mill.run.ledger.total
        assert counts.pending == counts.assigned == 0

    def _check_constraints(self) -> None:
        if not self.journal_lost:
            super()._check_constraints()

    def _check_departures(self) -> None:
        if not self.mill.life:
            super()._check_departures()

    def _check_editions(self) -> None:
        if not self.mill.life:
            super()._check_editions()


ReducersInAnyOrder.TestCase.settings = settings(
    max_examples=2000 if DEEP else 40, stateful_step_count=80 if DEEP else 40, deadline=None
)
TestReducersInAnyOrder = ReducersInAnyOrder.TestCase
