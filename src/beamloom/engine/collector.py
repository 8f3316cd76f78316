"""How the reducer takes each result once.

Invariant: a delivery (event, slot) is taken at most once in a run, whatever arrives how often and from whom. After a worker has been fenced
nothing of it is taken, so that the controller knows exactly what was.
"""

from __future__ import annotations

from beamloom.engine.ranges import RangeSet


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

    def take(self, worker: str, slot: int, event: int) -> bool:
        """Whether the result is to be reduced; it counts as taken from now on."""
        if worker in self._fenced:
            self.fenced_results += 1
            return False
        taken = self._taken.get(slot)
        if taken is None:
            taken = self._taken[slot] = RangeSet()
        if taken.add(event, event + 1):
            return True
        self.duplicates += 1
        return False

    def fence(self, worker: str) -> None:
        """Nothing more is taken from this worker."""
        self._fenced.add(worker)
