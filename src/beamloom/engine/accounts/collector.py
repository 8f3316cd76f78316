"""How the reducer takes each result once.

Invariant: a delivery (event, slot) is taken at most once in a run, whatever arrives how often and from whom. After a worker has been fenced
nothing of it is taken, so that the controller knows exactly what was. A result that stands for several events is taken for all of them or
for none.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from beamloom.engine.ranges import Range, RangeSet


class Collector:
    """Remembers what has been taken."""

    def __init__(self) -> None:
        self._taken: dict[int, RangeSet] = {}
        self._fenced: set[str] = set()
        self.duplicates = 0
        """Results that had been taken already."""
        self.fenced_results = 0
        """Results of workers that were fenced before."""

    def admits(self, worker: str) -> bool:
        """Whether results of this worker may be taken."""
        return worker not in self._fenced

    def take(self, worker: str, slot: int, first: int, stop: int) -> list[Range]:
        """Which of the results of [first, stop) are to be reduced; they count as taken from now on."""
        if worker in self._fenced:
            self.fenced_results += stop - first
            return []
        taken = self._taken.get(slot)
        if taken is None:
            taken = self._taken[slot] = RangeSet()
        fresh = taken.missing(first, stop)
        new = taken.add(first, stop)
        self.duplicates += stop - first - new
        return fresh

    def take_together(self, worker: str, slot: int, events: Collection[Range]) -> tuple[bool, list[Range]]:
        """Whether one result of several events is to be reduced; they count as taken from now on.

        Where some of them had been taken and others not, it is not, and the others can no longer be had: they are returned. A delivery is
        leased to one worker at a time, so that this does not happen while everyone keeps to the protocol.
        """
        if worker in self._fenced:
            self.fenced_results += 1
            return False, []
        taken = self._taken.setdefault(slot, RangeSet())
        fresh = [gap for first, stop in events for gap in taken.missing(first, stop)]
        known = any(taken.within(first, stop) for first, stop in events)
        for first, stop in fresh:
            taken.add(first, stop)
        if not known:
            return True, []
        self.duplicates += 1
        return False, fresh

    def know(self, slot: int, first: int, stop: int) -> None:
        """Another collector has taken these deliveries."""
        self._taken.setdefault(slot, RangeSet()).add(first, stop)

    @property
    def taken(self) -> dict[int, list[Range]]:
        """By slot, the events whose deliveries have been taken."""
        return {slot: list(events) for slot, events in self._taken.items()}

    @property
    def fenced(self) -> list[str]:
        """The workers of which nothing more is taken."""
        return sorted(self._fenced)

    def restore(self, taken: Mapping[int, Iterable[Range]], fenced: Iterable[str]) -> None:
        """Go on from what another collector had taken."""
        self._taken = {slot: RangeSet(events) for slot, events in taken.items()}
        self._fenced = set(fenced)

    def fence(self, worker: str) -> None:
        """Nothing more is taken from this worker."""
        self._fenced.add(worker)
