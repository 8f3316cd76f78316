"""Deliveries whose worker is gone, until they are leased to another one.

Policy: they are leased again before anything new, lowest first, so that a constraint keeps its order. Each suspect is leased alone to an
idle worker, so that a second death points at one event. While no worker becomes idle, for instance because all wait for a device that in
turn waits for room in the retention, a suspect is after some time leased as any other.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence

from beamloom.engine.assignment import Span
from beamloom.engine.ranges import RangeSet
from beamloom.engine.scheduling.attempts import Attempts
from beamloom.engine.scheduling.bindings import Binding, Bindings
from beamloom.engine.scheduling.deliveries import Deliveries, Orphan
from beamloom.engine.scheduling.epochs import EpochPlan
from beamloom.engine.scheduling.lives import Lives
from beamloom.engine.scheduling.suspects import Suspects
from beamloom.engine.scheduling.workforce import Worker, Workforce

RELEASE_CHUNK = 32
"""Events of a dead worker are given out again in runs of this length."""
LOOKED_PAST = 256
"""At most so many runs of deliveries that have to wait are looked past, to what need not."""
PATIENCE = 5.0
"""Seconds without any delivery done after which a suspect is no longer kept for an idle worker."""


class Orphans:
    """The deliveries of one run that wait to be leased again."""

    def __init__(
        self,
        workforce: Workforce,
        bindings: Bindings,
        deliveries: Deliveries,
        suspects: Suspects,
        attempts: Attempts,
        epochs: EpochPlan,
        editions: EpochPlan,
    ) -> None:
        """``editions``: which edition of the code each event is meant for."""
        self.moved_at = 0.0
        """When a delivery was done, the last time, or nothing waited."""
        self._workforce = workforce
        self._bindings = bindings
        self._deliveries = deliveries
        self._suspects = suspects
        self._attempts = attempts
        self._epochs = epochs
        self._editions = editions
        self._waiting: list[Orphan] = []
        self.lives: Lives | None = None
        """Who has the state of each constraint, where there is one."""

    def __len__(self) -> int:
        return len(self._waiting)

    def add(self, orphans: Iterable[Orphan]) -> None:
        """These deliveries are to be leased once more."""
        for orphan in orphans:
            self._attempts.another(orphan.slot, orphan.first, orphan.stop)
            self._waiting.append(orphan)
        self._waiting.sort()

    def bereave(self, held: Iterable[Orphan]) -> None:
        """A worker is gone that held these: what is still needed of them is to be leased once more."""
        self.add([orphan for orphan in held if not self._is_void(orphan)])

    def void_start(self) -> None:
        """A worker has just been given the start event: what waits to be leased again may not be needed any more."""
        self._waiting = [orphan for orphan in self._waiting if orphan.first != 0 or not self._is_void(orphan)]

    def _is_void(self, orphan: Orphan) -> bool:
        if not self._deliveries.void(orphan.first, orphan.slot):
            return False
        self._suspects.void((orphan.first, orphan.slot))
        self._attempts.forget(orphan.slot, orphan.first, orphan.first + 1)
        return True

    def drop(self, first: int, stop: int) -> None:
        """[first, stop) are settled some other way."""
        kept: list[Orphan] = []
        for orphan in self._waiting:
            left = RangeSet([(orphan.first, orphan.stop)])
            left.remove(first, stop)
            kept.extend(Orphan(a, orphan.slot, b) for a, b in left)
        self._waiting = kept

    def give_out(self, spans: list[Span], now: float) -> None:
        """Lease again what can be leased now; adds to ``spans``.

        What has to wait for one worker holds up nothing that others may have.
        """
        waiting: list[Orphan] = []
        busy: set[str] = set()
        """Workers that something waits for: what comes behind it on the same one keeps its place."""
        queue = deque(self._waiting)
        while queue and len(waiting) < LOOKED_PAST:
            orphan = queue.popleft()
            careful = (orphan.first, orphan.slot) in self._suspects
            worker, bound = self._heir(orphan, careful)
            if worker is None:
                waiting.append(orphan)
                break
            waits = worker.careful is not None or (careful and worker.outstanding > 0)
            if waits and worker.name not in busy and self._waits_in_vain(orphan, worker, now):
                careful, worker.careful, waits = False, None, False
            if waits or worker.suspended or worker.name in busy:
                end = self._bound_until(orphan, worker) if bound else orphan.first
                if end == orphan.first:
                    # Nobody has more room than this one, or constraints of what waits may be those of what comes behind it.
                    waiting.append(orphan)
                    break
                waiting.append(Orphan(orphan.first, orphan.slot, end))
                if end < orphan.stop:
                    queue.appendleft(Orphan(end, orphan.slot, orphan.stop))
                busy.add(worker.name)
                continue
            end = self._bind(orphan, self._same_care(orphan, careful), worker)
            spans += self._lease_again(worker, orphan.first, end, orphan.slot, careful, now)
            if end < orphan.stop:
                queue.appendleft(Orphan(end, orphan.slot, orphan.stop))
        self._waiting = [*waiting, *queue]

    def _waits_in_vain(self, orphan: Orphan, worker: Worker, now: float) -> bool:
        """Whether ``worker`` may never become idle, as the packets that it waits for cannot be read before ``orphan`` is settled."""
        lowest = worker.lowest
        return lowest is not None and lowest > orphan.first and now - self.moved_at > PATIENCE

    def _same_care(self, orphan: Orphan, careful: bool) -> int:
        """Up to which event the orphaned deliveries may be leased as one span."""
        if careful:
            return orphan.first + 1
        stop = min(orphan.stop, orphan.first + RELEASE_CHUNK)
        attempt, epoch = self._attempts.of(orphan.first, orphan.slot), self._epochs.of(orphan.first)
        stop = self._editions.end(orphan.first, stop)
        for event in range(orphan.first + 1, stop):
            if (
                (event, orphan.slot) in self._suspects
                or self._attempts.of(event, orphan.slot) != attempt
                or self._epochs.of(event) != epoch
            ):
                return event
        return stop

    def _heir(self, orphan: Orphan, careful: bool) -> tuple[Worker | None, bool]:
        """The worker that is to have the deliveries from ``orphan.first`` on, and whether a constraint is bound to it already."""
        groups, tags, binding = self._serves(orphan)
        edition = self._editions.of(orphan.first)
        bound = [int(binding.bound[group]) for group in groups if binding.bound[group] >= 0]
        heir = next((one for one in map(self._workforce.by_index, bound) if one.edition >= edition), None)
        if heir is not None:
            return heir, True
        tags = self._workforce.of_edition(tags, edition)
        return (self._workforce.idlest(tags) if careful else self._workforce.roomiest(tags)), False

    def _serves(self, orphan: Orphan) -> tuple[Sequence[int], frozenset[str], Binding]:
        """The constraints and the tags of the first of these deliveries, and the part instance that they belong to."""
        split = self._deliveries.of(orphan.first)
        binding = self._bindings.of(orphan.first)
        part = binding.part
        groups: Sequence[int]
        if split is None:
            groups, tags = part.groups(orphan.first - binding.first), frozenset[str]()
        else:
            unit = split.units[orphan.slot]
            groups, tags = unit.groups, frozenset[str]().union(*unit.broadcasts)
        return groups, tags.union(*(part.tag_sets[int(part.group_tags[group])] for group in groups)), binding

    def _bind(self, orphan: Orphan, stop: int, worker: Worker) -> int:
        """Bind the constraints of what goes to this worker; returns up to which event that is, ``stop`` at most."""
        groups, _, binding = self._serves(orphan)
        if self._deliveries.of(orphan.first) is not None:
            stop = orphan.first + 1
        for group in groups:
            binding.bound[group] = worker.index
        end = orphan.first + 1
        while end < min(stop, binding.stop) and self._follows(binding, end, worker):
            end += 1
        return end

    def _bound_until(self, orphan: Orphan, worker: Worker) -> int:
        """Up to which event all constraints are bound to this worker; the first one where the deliveries have several."""
        if self._deliveries.of(orphan.first) is not None:
            return orphan.first
        binding = self._bindings.of(orphan.first)
        event, stop = orphan.first, min(orphan.stop, binding.stop)
        while event < stop and self._deliveries.of(event) is None:
            group = int(binding.part.single[event - binding.first])
            if group < 0 or binding.bound[group] != worker.index:
                break
            event += 1
        return event

    def _follows(self, binding: Binding, event: int, worker: Worker) -> bool:
        """Whether the next orphaned event may go along to the same worker; binds its constraint if so."""
        part = binding.part
        group = int(part.single[event - binding.first])
        index = int(binding.bound[group])
        if index < 0 and part.tag_sets[int(part.group_tags[group])] <= worker.tags:
            binding.bound[group] = worker.index
            return True
        return index == worker.index

    def _lease_again(
        self, worker: Worker, first: int, stop: int, slot: int, careful: bool, now: float
    ) -> list[Span]:
        split = self._deliveries.of(first)
        streams = split.units[slot].streams if split is not None else None
        if careful:
            worker.careful = (first, slot)
        worker.lease(slot, first, stop, now)
        attempt = self._attempts.of(first, slot)
        span = Span(first, stop - first, worker.name, slot, attempt, self._epochs.of(first), streams)
        return [span] if self.lives is None else self.lives.lease(worker, span)
