"""Which worker gets which event.

Policy: events are given out in order. A constraint that is not bound yet goes to the suited worker that is freest, and stays with it for
the rest of its part instance; a cell without a constraint goes to all workers with its tags. Events of a worker that is gone are given
out again before anything new, lowest first, so that a constraint keeps its order.

The first events that a dead worker held are *suspects*: each is leased alone to an idle worker, so that a second death points at
one event, which is then poison. While no worker becomes idle, for instance because all wait for a device that in turn waits for room in the
retention, a suspect is after some time leased as any other.

Invariant: a delivery (event, slot) is leased to at most one worker at a time, and it is settled exactly once.
"""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Iterator

import numpy as np

from beamloom.engine.assignment import Span, joined
from beamloom.engine.bindings import Binding, Bindings
from beamloom.engine.deliveries import Deliveries, Orphan, Unit
from beamloom.engine.epochs import EpochPlan
from beamloom.engine.ranges import Range, RangeSet
from beamloom.engine.suspects import Suspects
from beamloom.engine.workforce import Worker, Workforce
from beamloom.triggermap import CompiledPart, Instance

LONGEST_OVERSHOOT = 1024
"""How far a lease may go beyond the credit to keep a constraint's consecutive events together."""
RELEASE_CHUNK = 32
"""Events of a dead worker are given out again in runs of this length."""
PATIENCE = 5.0
"""Seconds without any delivery done after which a suspect is no longer kept for an idle worker."""
VOID_EVENTS_PER_STEP = 100_000
"""Events that no worker sees are skipped at most so many at a time."""


class Scheduler:
    """Binds constraints to workers and leases events."""

    def __init__(self, instances: Iterator[Instance], lookahead: float) -> None:
        self.workforce = Workforce()
        self.cursor = 0
        """Next event that has never been given out."""
        self.limit: int | None = None
        """No event from here on is given out; None: no limit."""
        self._lookahead = lookahead
        self._bindings = Bindings(instances)
        self._deliveries = Deliveries()
        self._skipped = RangeSet()
        self._orphans: list[Orphan] = []
        self._suspects = Suspects()
        self._attempts: dict[tuple[int, int], int] = {}
        self._epochs = EpochPlan()
        self._cut_at: int | None = None
        self._attempt_behind_cut = 1
        self._moved_at = 0.0

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

    # ---- workers come and go ------------------------------------------------------------------------------------------------

    def add_worker(self, name: str, tags: frozenset[str], now: float) -> list[Span]:
        """A worker joins; returns the start event's delivery for it when that event was given out already."""
        worker = self.workforce.add(name, tags)
        joined_start = self._deliveries.join_start(worker.tags)
        if joined_start is None:
            return []
        slot, streams = joined_start
        worker.lease(slot, 0, 1, now)
        if self._suspects.joins_start(slot):
            worker.careful = (0, slot)
        self._void_start_orphans()
        return [Span(0, 1, name, slot, 1, self.epoch_of(0), streams)]

    def _void_start_orphans(self) -> None:
        """A worker has just been given the start event: what waits to be leased again may not be needed any more."""
        kept: list[Orphan] = []
        for orphan in self._orphans:
            if orphan.first == 0 and self._deliveries.void(0, orphan.slot):
                self._suspects.void((0, orphan.slot))
                self._attempts.pop((0, orphan.slot), None)
            else:
                kept.append(orphan)
        self._orphans = kept

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
        poison: list[int] = []
        if killed and worker.careful is not None:
            if self._suspects.convict(worker.careful):
                poison.append(worker.careful[0])
        elif killed:
            self._suspects.suspect(_in_question(held, culprit))
        for orphan in held:
            if self._deliveries.void(orphan.first, orphan.slot):
                self._suspects.void((orphan.first, orphan.slot))
                self._attempts.pop((orphan.first, orphan.slot), None)
            else:
                self._orphan(orphan)
        self._orphans.sort()
        return poison

    def renew(self, name: str, slot: int, first: int, stop: int) -> list[Span]:
        """``name`` was given these deliveries and never had them: they are leased to it once more, under a higher attempt."""
        for event in range(first, stop):
            key = (event, slot)
            self._attempts[key] = self._attempts.get(key, self._first_attempt(event)) + 1
        return self.leases_of(name, slot, first, stop)

    def leases_of(self, name: str, slot: int, first: int, stop: int) -> list[Span]:
        """These deliveries, all of which ``name`` holds, as they were given to it."""
        spans: list[Span] = []
        for event in range(first, stop):
            split = self._deliveries.of(event)
            streams = None if split is None else split.units[slot].streams
            attempt = self._attempts.get((event, slot), self._first_attempt(event))
            spans.append(Span(event, 1, name, slot, attempt, self.epoch_of(event), streams))
        return joined(spans)

    @property
    def was_cut(self) -> bool:
        """Whether events may have been leased that are not the run's."""
        return self._cut_at is not None

    def _orphan(self, orphan: Orphan) -> None:
        for event in range(orphan.first, orphan.stop):
            key = (event, orphan.slot)
            self._attempts[key] = self._attempts.get(key, self._first_attempt(event)) + 1
        self._orphans.append(orphan)

    def release(self, name: str, slot: int, first: int, stop: int) -> None:
        """The results of these deliveries died on their way, and ``name`` has them no more: they wait to be leased again."""
        worker = self.workforce.get(name)
        for start, end in [] if worker is None else worker.give_back(slot, first, stop):
            for a, b in self._deliveries.pieces(start, end):
                self._orphan(Orphan(a, slot, b))
        self._orphans.sort()

    def reopen(self, slot: int, first: int, stop: int) -> None:
        """Results of deliveries that were done are gone: those of events that are still open wait to be leased again."""
        for event in self._deliveries.split_within(first, stop):
            if self._deliveries.reopen(event, slot):
                self._orphan(Orphan(event, slot, event + 1))
        self._orphans.sort()

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
            self._moved_at = now
            self._forget(slot, a, b)
            if self._deliveries.all_simple(a):
                reduced.append((a, b))
                continue
            for event in range(a, b):
                has_failed = self._deliveries.close(event, slot)
                if has_failed:
                    failed.append(event)
                elif has_failed is not None:
                    reduced.append((event, event + 1))
        return reduced, failed

    def fail(self, name: str, slot: int, event: int) -> bool:
        """One delivery has failed; returns whether its event is finished by that."""
        worker = self.workforce.get(name)
        if worker is None or not worker.give_back(slot, event, event + 1):
            return False
        worker.forget_leases(event + 1)
        self._forget(slot, event, event + 1)
        return self._deliveries.close(event, slot, failed=True) is not None

    def ended(self) -> list[tuple[int, bool]]:
        """Events that ended because nobody needs their last deliveries any more, each with whether it has failed."""
        return self._deliveries.ended()

    def drop(self, first: int, stop: int) -> None:
        """[first, stop) are settled some other way (lost, poison): take them from whoever holds them, never give them out."""
        self._skipped.add(max(first, self.cursor), stop)
        if first >= self.cursor:
            return
        for worker in self.workforce:
            for slot in list(worker.leases):
                worker.give_back(slot, first, stop)
        kept: list[Orphan] = []
        for orphan in self._orphans:
            left = RangeSet([(orphan.first, orphan.stop)])
            left.remove(first, stop)
            kept.extend(Orphan(a, orphan.slot, b) for a, b in left)
        self._orphans = kept
        self._deliveries.drop(first, stop)
        self._suspects.drop(first, stop)
        for key in [key for key in self._attempts if first <= key[0] < stop]:
            del self._attempts[key]

    def _forget(self, slot: int, first: int, stop: int) -> None:
        self._suspects.acquit(slot, first, stop)
        if self._attempts:
            for event in range(first, stop):
                self._attempts.pop((event, slot), None)

    # ---- events are given out -----------------------------------------------------------------------------------------------

    def assign(self, now: float) -> tuple[list[Span], list[Range]]:
        """Give out what can be given out now; returns the spans, and the events that no worker is to see."""
        spans: list[Span] = []
        void: list[Range] = []
        if self._orphans:
            self._release_orphans(spans, now)
        else:
            self._moved_at = now
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
    ) -> Span:
        worker.lease(slot, first, first + count, now)
        return Span(
            first, count, worker.name, slot, self._first_attempt(first), self.epoch_of(first), streams
        )

    def _first_attempt(self, event: int) -> int:
        """Events that were leased ahead and then cut off are leased under the same numbers again, as other events."""
        return 1 if self._cut_at is None or event < self._cut_at else self._attempt_behind_cut

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
        index = int(bound[group])
        if index >= 0:
            worker: Worker | None = self.workforce.by_index(index)
        else:
            worker = self.workforce.freest(part.tag_sets[int(part.group_tags[group])])
        if worker is None or worker.free <= 0:
            return False
        fresh = int(part.fresh_until[offset]) if index < 0 else offset
        end = min(stop, fresh, offset + worker.free)
        if end <= offset:
            end = min(stop, int(part.stretch_until[offset]), offset + worker.free)
        last = int(part.single[end - 1])
        overshoot = min(stop, int(part.stretch_until[end - 1]))
        if overshoot - end <= LONGEST_OVERSHOOT:
            end = overshoot
        bound[group : last + 1] = worker.index
        spans.append(self._lease(worker, binding.first + offset, end - offset, 0, now))
        self.cursor = binding.first + end
        return True

    def _assign_split(self, binding: Binding, offset: int, spans: list[Span], now: float) -> bool:
        """Lease one event with several constraints or with cells for all workers; False when it has to wait."""
        part = binding.part
        event = binding.first + offset
        chosen: dict[int, Worker] = {}
        taken: dict[str, int] = {}
        for group in part.groups(offset):
            index = int(binding.bound[group])
            tags = part.tag_sets[int(part.group_tags[group])]
            if index >= 0:
                worker: Worker | None = self.workforce.by_index(index)
            else:
                worker = max(
                    self.workforce.suited(tags), key=lambda w: w.free - 2 * taken.get(w.name, 0), default=None
                )
            if worker is None or worker.free <= 0:
                return False
            chosen[group] = worker
            taken[worker.name] = taken.get(worker.name, 0) + 1
        shares: dict[str, tuple[list[str], list[int], set[frozenset[str]]]] = {}
        for group, worker in chosen.items():
            share = shares.setdefault(worker.name, ([], [], set()))
            share[0].extend(part.streams_of_group(offset, group))
            share[1].append(group)
        for tag_set in part.broadcasts(offset):
            tags = part.tag_sets[tag_set]
            suited = self.workforce.suited(tags)
            if not suited or any(worker.free <= 0 for worker in suited):
                return False
            for worker in suited:
                share = shares.setdefault(worker.name, ([], [], set()))
                share[0].extend(part.streams_of_broadcast(offset, tag_set))
                share[2].add(tags)
        for group, worker in chosen.items():
            binding.bound[group] = worker.index
        units: list[Unit] = []
        for slot, (name, (streams, groups, tag_sets)) in enumerate(shares.items()):
            unit = Unit(tuple(dict.fromkeys(streams)), tuple(groups), frozenset(tag_sets))
            units.append(unit)
            spans.append(self._lease(self.workforce[name], event, 1, slot, now, unit.streams))
        self._deliveries.add(event, units)
        return True

    def cut(self, event: int, instances: Iterator[Instance]) -> None:
        """An open-ended run has been closed: from ``event`` on it goes on with other parts than planned."""
        before = [attempt for (leased, _), attempt in self._attempts.items() if leased >= event]
        self._attempt_behind_cut = max(before, default=1) + 1
        self.drop(event, self.cursor)
        self._cut_at = event
        self._skipped.remove(event, sys.maxsize)
        self.cursor = min(self.cursor, event)
        self._bindings.cut(event, instances)
        self._epochs.cut(event)

    def forget_settled(self, until: int) -> None:
        """Every event before ``until`` is settled: part instances behind it are no longer needed."""
        self._bindings.forget(until)

    # ---- events are given out again -----------------------------------------------------------------------------------------

    def _release_orphans(self, spans: list[Span], now: float) -> None:
        waiting: list[Orphan] = []
        queue = deque(self._orphans)
        while queue:
            orphan = queue.popleft()
            careful = (orphan.first, orphan.slot) in self._suspects
            stop = self._same_care(orphan, careful)
            worker, end = self._heir(orphan, stop, careful)
            if worker is None:
                waiting = [orphan, *queue]
                break
            if worker.careful is not None or (careful and worker.outstanding > 0):
                if not self._waits_in_vain(orphan, worker, now):
                    waiting = [orphan, *queue]
                    break
                careful, worker.careful = False, None
            spans.append(self._lease_again(worker, orphan.first, end, orphan.slot, careful, now))
            if end < orphan.stop:
                queue.appendleft(Orphan(end, orphan.slot, orphan.stop))
        self._orphans = waiting

    def _waits_in_vain(self, orphan: Orphan, worker: Worker, now: float) -> bool:
        """Whether ``worker`` may never become idle, as the packets that it waits for cannot be read before ``orphan`` is settled."""
        lowest = worker.lowest
        return lowest is not None and lowest > orphan.first and now - self._moved_at > PATIENCE

    def _same_care(self, orphan: Orphan, careful: bool) -> int:
        """Up to which event the orphaned deliveries may be leased as one span."""
        if careful:
            return orphan.first + 1
        stop = min(orphan.stop, orphan.first + RELEASE_CHUNK)
        attempt, epoch = self._attempts[(orphan.first, orphan.slot)], self.epoch_of(orphan.first)
        for event in range(orphan.first + 1, stop):
            if (
                (event, orphan.slot) in self._suspects
                or self._attempts[(event, orphan.slot)] != attempt
                or self.epoch_of(event) != epoch
            ):
                return event
        return stop

    def _heir(self, orphan: Orphan, stop: int, careful: bool) -> tuple[Worker | None, int]:
        """The worker that gets the deliveries from ``orphan.first`` on, and up to which event it gets them."""
        split = self._deliveries.of(orphan.first)
        binding = self._bindings.of(orphan.first)
        part, bound = binding.part, binding.bound
        if split is None:
            groups = part.groups(orphan.first - binding.first)
            tags: frozenset[str] = frozenset()
        else:
            unit = split.units[orphan.slot]
            groups, tags = unit.groups, frozenset[str]().union(*unit.broadcasts)
            stop = orphan.first + 1
        tags = tags.union(*(part.tag_sets[int(part.group_tags[group])] for group in groups))
        heirs = [int(bound[group]) for group in groups if bound[group] >= 0]
        worker = self.workforce.by_index(heirs[0]) if heirs else self._idlest(tags, careful)
        if worker is None or worker.suspended:
            return None, orphan.first
        for group in groups:
            bound[group] = worker.index
        end = orphan.first + 1
        while end < min(stop, binding.stop) and self._follows(binding, end, worker):
            end += 1
        return worker, end

    def _follows(self, binding: Binding, event: int, worker: Worker) -> bool:
        """Whether the next orphaned event may go along to the same worker; binds its constraint if so."""
        part = binding.part
        group = int(part.single[event - binding.first])
        index = int(binding.bound[group])
        if index < 0 and part.tag_sets[int(part.group_tags[group])] <= worker.tags:
            binding.bound[group] = worker.index
            return True
        return index == worker.index

    def _idlest(self, tags: frozenset[str], careful: bool) -> Worker | None:
        if careful:
            return min(self.workforce.suited(tags), key=lambda w: w.outstanding, default=None)
        return max(
            self.workforce.suited(tags),
            key=lambda w: (w.careful is None, w.credit - w.outstanding),
            default=None,
        )

    def _lease_again(
        self, worker: Worker, first: int, stop: int, slot: int, careful: bool, now: float
    ) -> Span:
        split = self._deliveries.of(first)
        streams = split.units[slot].streams if split is not None else None
        if careful:
            worker.careful = (first, slot)
        worker.lease(slot, first, stop, now)
        attempt = self._attempts[(first, slot)]
        return Span(first, stop - first, worker.name, slot, attempt, self.epoch_of(first), streams)

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
