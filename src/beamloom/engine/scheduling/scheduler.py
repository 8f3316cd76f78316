"""Which worker gets which event.

Policy: events are given out in order. A constraint that is not bound yet goes to the suited worker that is freest, and stays with it for
the rest of its part instance; a cell without a constraint goes to all workers with its tags. Events of a worker that is gone are given
out again before anything new, lowest first, so that a constraint keeps its order.

The first events that a dead worker held are *suspects*, each of which is then leased alone; one that costs a second worker is poison.

Invariant: a delivery (event, slot) is leased to at most one worker at a time, and it is settled exactly once.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator

import numpy as np

from beamloom.engine.assignment import Span, joined
from beamloom.engine.ranges import Range, RangeSet
from beamloom.engine.scheduling.attempts import Attempts
from beamloom.engine.scheduling.bindings import Binding, Bindings
from beamloom.engine.scheduling.deliveries import Deliveries, Orphan, Unit
from beamloom.engine.scheduling.epochs import EpochPlan
from beamloom.engine.scheduling.lives import Lives
from beamloom.engine.scheduling.orphans import Orphans
from beamloom.engine.scheduling.suspects import Suspects
from beamloom.engine.scheduling.workforce import Worker, Workforce
from beamloom.triggermap import CompiledPart, Instance

LONGEST_OVERSHOOT = 1024
"""How far a lease may go beyond the credit to keep a constraint's consecutive events together."""
NO_GROUP = -1
VOID_EVENTS_PER_STEP = 100_000
"""Events that no worker sees are skipped at most so many at a time."""


class Scheduler:
    """Binds constraints to workers and leases events."""

    def __init__(self, instances: Iterator[Instance], lookahead: float, *, stateful: bool = False) -> None:
        """``lookahead`` is in seconds; ``stateful``: results depend on the events of the same constraint before."""
        self.workforce = Workforce()
        self.cursor = 0
        """Next event that has never been given out."""
        self.limit: int | None = None
        """No event from here on is given out; None: no limit."""
        self._lookahead = lookahead
        self._bindings = Bindings(instances)
        self._deliveries = Deliveries()
        self._skipped = RangeSet()
        self._suspects = Suspects()
        self._attempts = Attempts()
        self._epochs = EpochPlan()
        self._editions = EpochPlan()
        self.lives = Lives(self._bindings, self._epochs) if stateful else None
        """Who has the state of each constraint; None where there is no state."""
        self._orphans = Orphans(
            self.workforce,
            self._bindings,
            self._deliveries,
            self._suspects,
            self._attempts,
            self._epochs,
            self._editions,
        )
        self._orphans.lives = self.lives

    # ---- parameters ---------------------------------------------------------------------------------------------------------

    def begin_epoch(self, epoch: int) -> int:
        """From the next event on that has not been given out, ``epoch`` holds; returns that event."""
        self.plan_epoch(self.cursor, epoch)
        return self.cursor

    def plan_epoch(self, first_event: int, epoch: int) -> None:
        """``epoch`` is to hold from ``first_event`` on, which has not been given out yet."""
        self._epochs.plan(first_event, epoch)

    def epoch_of(self, event: int) -> int:
        """The parameter epoch that holds for an event, also when it is given out a second time."""
        return self._epochs.of(event)

    def begin_edition(self, edition: int) -> int:
        """From the next event on that has not been given out, workers of older code are given nothing; returns that event."""
        self._editions.plan(self.cursor, edition)
        return self.cursor

    # ---- workers come and go ------------------------------------------------------------------------------------------------

    def add_worker(self, name: str, tags: frozenset[str], now: float, edition: int = 0) -> list[Span]:
        """A worker with this edition of the code joins; returns the start event's delivery for it when that event was given out already."""
        worker = self.workforce.add(name, tags, edition)
        joined_start = self._deliveries.join_start(worker.tags)
        if joined_start is None:
            return []
        slot, streams = joined_start
        worker.lease(slot, 0, 1, now)
        if self._suspects.joins_start(slot):
            worker.careful = (0, slot)
        self._orphans.void_start()
        return [Span(0, 1, name, slot, 1, self.epoch_of(0), streams)]

    def lose_worker(self, name: str, *, killed: bool, culprit: int | None = None) -> list[int]:
        """A worker is gone and nothing more of it will be taken. Its deliveries wait to be leased again.

        ``killed``: its process died, so one of the events it held may be to blame: ``culprit``, where it is known which one it worked
        on. Returns the events that are poison by that: a suspect that was held alone and has cost two workers.
        """
        worker = self.workforce.remove(name)
        self._bindings.unbind(worker.index)
        held = sorted(
            Orphan(first, slot, stop)
            for slot, lease in worker.leases.items()
            for start, end in lease
            for first, stop in self._deliveries.pieces(start, end)
        )
        rehearsed = self.lives is not None and self.lives.lose(worker, culprit)
        poison: list[int] = []
        if rehearsed:
            pass
        elif killed and worker.careful is not None:
            if self._suspects.convict(worker.careful):
                poison.append(worker.careful[0])
        elif killed:
            self._suspects.suspect(_in_question(held, culprit))
        self._orphans.bereave(held)
        return poison

    def drain(self, name: str) -> None:
        """A worker is about to leave: it gets nothing more, but what it holds stays its own until it is gone."""
        if name in self.workforce:
            self.workforce[name].drains = True
            self.workforce.suspend(name)

    def renew(self, name: str, slot: int, first: int, stop: int) -> list[Span]:
        """``name`` was given these deliveries and never had them: they are leased to it once more, under a higher attempt."""
        self._attempts.another(slot, first, stop)
        if self.lives is None:
            return self.leases_of(name, slot, first, stop)
        self.lives.break_off(slot, range(first, stop))
        worker = self.workforce[name]
        spans = self._spans(name, slot, first, stop)
        return joined([one for span in spans for one in self.lives.lease(worker, span)])

    def leases_of(self, name: str, slot: int, first: int, stop: int) -> list[Span]:
        """These deliveries, all of which ``name`` holds, as they were given to it."""
        spans = self._spans(name, slot, first, stop)
        return joined(spans if self.lives is None else [self.lives.as_leased(span) for span in spans])

    def _spans(self, name: str, slot: int, first: int, stop: int) -> list[Span]:
        """One for each of these deliveries."""
        spans: list[Span] = []
        for event in range(first, stop):
            split = self._deliveries.of(event)
            streams = None if split is None else split.units[slot].streams
            attempt = self._attempts.of(event, slot)
            spans.append(Span(event, 1, name, slot, attempt, self.epoch_of(event), streams))
        return spans

    @property
    def cut_at(self) -> tuple[int, int] | None:
        """From which event on the run went on with others, and the number of their first lease; None: it never did."""
        return self._attempts.cut_at

    @property
    def was_cut(self) -> bool:
        """Whether events may have been leased that are not the run's."""
        return self._attempts.was_cut

    def release(self, name: str, slot: int, first: int, stop: int) -> None:
        """The results of these deliveries died on their way, and ``name`` has them no more: they wait to be leased again."""
        worker = self.workforce.get(name)
        for start, end in [] if worker is None else worker.give_back(slot, first, stop):
            if self.lives is not None:
                self.lives.break_off(slot, range(start, end))
            self._orphans.add(Orphan(a, slot, b) for a, b in self._deliveries.pieces(start, end))

    def reopen(self, slot: int, first: int, stop: int) -> None:
        """Results of deliveries that were done are gone: those of events that are still open wait to be leased again."""
        again = [
            event
            for event in self._deliveries.split_within(first, stop)
            if self._deliveries.reopen(event, slot)
        ]
        if self.lives is not None:
            self.lives.break_off(slot, again)
        self._orphans.add(Orphan(event, slot, event + 1) for event in again)

    # ---- deliveries end -----------------------------------------------------------------------------------------------------

    def done(self, name: str, slot: int, first: int, stop: int, now: float) -> tuple[list[Range], list[int]]:
        """Deliveries of [first, stop) are done; returns the events that are reduced by that, and those that have failed."""
        worker = self.workforce.get(name)
        if worker is None:
            return [], []
        reduced: list[Range] = []
        failed: list[int] = []
        for a, b in worker.give_back(slot, first, stop):
            worker.pace(b, now, self._lookahead)
            self._orphans.moved_at = now
            self._forget(slot, a, b)
            for event in self._deliveries.split_within(a, b):
                if a < event:
                    reduced.append((a, event))
                a = event + 1
                has_failed = self._close(event, slot)
                if has_failed:
                    failed.append(event)
                elif has_failed is not None:
                    reduced.append((event, a))
            if a < b:
                reduced.append((a, b))
        for a, b in reduced:
            self._attempts.forget(slot, a, b)
        return reduced, failed

    def fail(self, name: str, slot: int, event: int) -> bool:
        """One delivery has failed; returns whether its event is finished by that."""
        worker = self.workforce.get(name)
        if worker is None or not worker.give_back(slot, event, event + 1):
            return False
        worker.forget_leases(event + 1)
        self._forget(slot, event, event + 1)
        if self._close(event, slot, failed=True) is None:
            return False
        self._attempts.forget(slot, event, event + 1)
        return True

    def ended(self) -> list[tuple[int, bool]]:
        """Events that ended because nobody needs their last deliveries any more, each with whether it has failed."""
        ended = self._deliveries.ended()
        for event, _ in ended:
            self._attempts.drop(event, event + 1)
        return ended

    def drop(self, first: int, stop: int) -> None:
        """[first, stop) are settled some other way (lost, poison): take them from whoever holds them, never give them out."""
        self._skipped.add(max(first, self.cursor), stop)
        if first >= self.cursor:
            return
        for worker in self.workforce:
            for slot in list(worker.leases):
                worker.give_back(slot, first, stop)
        self._orphans.drop(first, stop)
        self._deliveries.drop(first, stop)
        self._suspects.drop(first, stop)
        self._attempts.drop(first, stop)
        if self.lives is not None:
            self.lives.drop(first, stop)

    def _forget(self, slot: int, first: int, stop: int) -> None:
        if self.lives is not None:
            self.lives.done(slot, first, stop)
        self._suspects.acquit(slot, first, stop)

    def _close(self, event: int, slot: int, *, failed: bool = False) -> bool | None:
        """As of ``Deliveries``. Until its event is finished, a delivery may be leased once more, as its result may die with the reducer."""
        slots = self._deliveries.slots(event)
        has_failed = self._deliveries.close(event, slot, failed=failed)
        for one in slots if has_failed is not None else ():
            self._attempts.forget(one, event, event + 1)
        return has_failed

    # ---- events are given out -----------------------------------------------------------------------------------------------

    def assign(self, now: float) -> tuple[list[Span], list[Range]]:
        """Give out what can be given out now; returns the spans, and the events that no worker is to see."""
        spans: list[Span] = []
        void: list[Range] = []
        if self._orphans:
            self._orphans.give_out(spans, now)
        else:
            self._orphans.moved_at = now
        if not self._orphans:
            self._assign_new(spans, void, now)
        return joined(spans), void

    def _lease(
        self,
        worker: Worker,
        first: int,
        count: int,
        slot: int,
        now: float,
        streams: tuple[str, ...] | None = None,
    ) -> list[Span]:
        worker.lease(slot, first, first + count, now)
        attempt = self._attempts.first(first)
        span = Span(first, count, worker.name, slot, attempt, self.epoch_of(first), streams)
        return [span] if self.lives is None else self.lives.lease(worker, span)

    def _assign_new(self, spans: list[Span], void: list[Range], now: float) -> None:
        void_left = VOID_EVENTS_PER_STEP
        while (self.limit is None or self.cursor < self.limit) and void_left > 0:
            binding = self._bindings.reach(self.cursor)
            if binding is None:
                return
            base, part = binding.first, binding.part
            offset = self.cursor - base
            stop = binding.stop if self.limit is None else min(binding.stop, self.limit)
            stop = self._epochs.end(self.cursor, stop)
            if self._skipped:
                skip = self._skipped.run_from(self.cursor)
                if skip > self.cursor:
                    self._skipped.remove(self.cursor, skip)
                    self.cursor = skip
                    continue
                stop = min(stop, self._skipped.first_from(self.cursor) or stop)
            group = int(part.single[offset])
            if group == -2:
                run = self._void_run(part, offset, min(stop - base, offset + void_left))
                void.append((self.cursor, self.cursor + run))
                void_left -= run
                self.cursor += run
            elif group >= 0:
                if not self._assign_single(binding, offset, stop - base, group, spans, now):
                    return
            elif self._assign_split(binding, offset, spans, now):
                self.cursor += 1
            else:
                return

    @staticmethod
    def _void_run(part: CompiledPart, offset: int, stop: int) -> int:
        seen = np.flatnonzero(part.single[offset:stop] != -2)
        return int(seen[0]) if len(seen) else stop - offset

    def _assign_single(
        self, binding: Binding, offset: int, stop: int, group: int, spans: list[Span], now: float
    ) -> bool:
        """Lease a run of events that each have one constraint; False when nobody is free for them."""
        part, bound = binding.part, binding.bound
        edition = self._editions.of(binding.first + offset)
        worker = holder = self._holder(binding, group, edition)
        if worker is None:
            tags = part.tag_sets[int(part.group_tags[group])]
            worker = self.workforce.freest(self.workforce.of_edition(tags, edition))
        if worker is None or worker.free <= 0 or worker.edition < edition:
            return False
        fresh = int(part.fresh_until[offset]) if holder is None else offset
        end = min(stop, fresh, offset + worker.free)
        if end <= offset:
            end = min(stop, int(part.stretch_until[offset]), offset + worker.free)
        last = int(part.single[end - 1])
        overshoot = min(stop, int(part.stretch_until[end - 1]))
        if overshoot - end <= LONGEST_OVERSHOOT:
            end = overshoot
        bound[group : last + 1] = worker.index
        spans += self._lease(worker, binding.first + offset, end - offset, 0, now)
        self.cursor = binding.first + end
        return True

    def _holder(self, binding: Binding, group: int, edition: int) -> Worker | None:
        """The worker that has a constraint; None where it is free, or may go on with one whose code is of ``edition``.

        It may when the older one is through with all that it holds: a constraint is with one worker at a time.
        """
        index = int(binding.bound[group])
        if index < 0:
            return None
        worker = self.workforce.by_index(index)
        return worker if worker.edition >= edition or worker.outstanding else None

    def _assign_split(self, binding: Binding, offset: int, spans: list[Span], now: float) -> bool:
        """Lease one event with several constraints or with cells for all workers; False when it has to wait."""
        part = binding.part
        event = binding.first + offset
        edition, meant = self._editions.of(event), self.workforce.of_edition
        chosen: dict[int, Worker] = {}
        taken: dict[Worker, int] = {}
        for group in part.groups(offset):
            worker = self._holder(binding, group, edition)
            if worker is None:
                tags = part.tag_sets[int(part.group_tags[group])]
                worker = self.workforce.freest(meant(tags, edition), taken)
            if worker is None or worker.free <= 0 or worker.edition < edition:
                return False
            chosen[group] = worker
            taken[worker] = taken.get(worker, 0) + 1
        shares: dict[tuple[str, int], tuple[list[str], list[int], set[frozenset[str]]]] = {}
        for group, worker in chosen.items():
            share = shares.setdefault((worker.name, self._apart(group)), ([], [], set()))
            share[0].extend(part.streams_of_group(offset, group))
            share[1].append(group)
        for tag_set in part.broadcasts(offset):
            tags = part.tag_sets[tag_set]
            suited = self.workforce.suited(meant(tags, edition))
            if not suited or any(worker.free <= 0 for worker in suited):
                return False
            for worker in suited:
                share = shares.setdefault((worker.name, NO_GROUP), ([], [], set()))
                share[0].extend(part.streams_of_broadcast(offset, tag_set))
                share[2].add(tags)
        for group, worker in chosen.items():
            binding.bound[group] = worker.index
        units: list[Unit] = []
        for slot, ((name, _), (streams, groups, tag_sets)) in enumerate(shares.items()):
            unit = Unit(tuple(dict.fromkeys(streams)), tuple(groups), frozenset(tag_sets))
            units.append(unit)
            spans += self._lease(self.workforce[name], event, 1, slot, now, unit.streams)
        self._deliveries.add(event, units)
        return True

    def _apart(self, group: int) -> int:
        """What keeps deliveries of one event to one worker apart: constraints with states of their own have results of their own."""
        return NO_GROUP if self.lives is None else group

    def cut(self, event: int, instances: Iterator[Instance]) -> None:
        """An open-ended run has been closed: from ``event`` on it goes on with other parts than planned."""
        self._attempts.cut(event, 1 if self.lives is None else self.lives.highest_attempt)
        self.drop(event, self.cursor)
        self._skipped.remove(event, sys.maxsize)
        self.cursor = min(self.cursor, event)
        if self.lives is not None:
            self.lives.cut(event)
        self._bindings.cut(event, instances)
        self._epochs.cut(event)
        self._editions.cut(event)

    def forget_settled(self, until: int) -> None:
        """Every event before ``until`` is settled: part instances behind it are no longer needed."""
        self._bindings.forget(until)

    @property
    def idle(self) -> bool:
        """Whether nothing is leased and nothing waits to be leased again."""
        return not self._orphans and self.workforce.outstanding == 0

    @property
    def keeps_start(self) -> bool:
        """Whether event 0 is one that workers get as well that come late."""
        return self._deliveries.start_kept


def _in_question(held: list[Orphan], culprit: int | None) -> list[tuple[int, int, int]]:
    """What may have killed a worker that held these: first event, slot, one past the last."""
    if culprit is not None:
        known = [(culprit, one.slot, culprit + 1) for one in held if one.first <= culprit < one.stop]
        if known:
            return known
    return [(one.first, one.slot, one.stop) for one in held]
