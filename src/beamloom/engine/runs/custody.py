"""What the reducer has said that it has, and whether it is there.

Policy: while a run has no reducer nothing of it is decided that depends on results: nobody is fenced, and the run does not end. A new
reducer says what its result is made of. What it has and was not heard of is taken note of; what was heard of the former one and is not in
its result is no longer reduced. After that each worker says what it still holds: what is leased to it, and neither there nor in the
result, died on its way and is leased again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from beamloom.engine.assignment import Span
from beamloom.engine.ranges import Range, RangeSet
from beamloom.engine.scheduling.workforce import Workforce


class Custody:
    """The results of one run, as far as the controller knows where they are."""

    def __init__(self, patience: float) -> None:
        """``patience``: seconds that the run may be without a reducer."""
        self._patience = patience
        self._patient_from = 0.0
        self.away_since: float | None = None
        """Since when the run has no reducer that has taken it up."""
        self.cause = ""
        """Why not."""
        self._told: dict[int, RangeSet] = {}
        self._asked: dict[str, dict[int, RangeSet]] = {}

    @property
    def away(self) -> bool:
        """Whether the run has no reducer now."""
        return self.away_since is not None

    def overdue(self, now: float) -> bool:
        """Whether it has been so for too long."""
        return self.away_since is not None and now - self._patient_from > self._patience

    def wait_anew(self, now: float) -> None:
        """One is about to take up the run: patience counts from now."""
        self._patient_from = now

    def told(self, slot: int, first: int, stop: int) -> None:
        """The reducer has said that it has these deliveries."""
        known = self._told.get(slot)
        if known is None:
            known = self._told[slot] = RangeSet()
        known.add(first, stop)

    def lose(self, cause: str, now: float) -> None:
        """The reducer is gone, or one that took up the run is."""
        self.cause = cause
        if self.away_since is None:
            self.away_since = self._patient_from = now
        self._asked.clear()

    def take_up(self, taken: Mapping[int, Sequence[Range]]) -> list[tuple[int, int, int]]:
        """A reducer is there whose result is made of ``taken``.

        Returns the deliveries (slot, first, stop) that were told and that it has not.
        """
        self.away_since = None
        has = {slot: RangeSet(events) for slot, events in taken.items()}
        gone = [
            (slot, a, b)
            for slot, told in self._told.items()
            for first, stop in told
            for a, b in has.get(slot, RangeSet()).missing(first, stop)
        ]
        self._told = has
        return gone

    def ask(self, workforce: Workforce, untold: Iterable[Span]) -> None:
        """The workers are asked now what they hold; leases that they have not been told are not meant, nor those that follow."""
        self._asked = {
            worker.name: {slot: RangeSet(lease) for slot, lease in worker.leases.items()}
            for worker in workforce
            if not worker.suspended
        }
        for span in untold:
            self._asked.get(span.worker, {}).get(span.slot, RangeSet()).remove(span.first, span.stop)

    def ghosts(
        self, worker: str, held: Mapping[int, Sequence[Range]], workforce: Workforce
    ) -> list[tuple[int, int, int]]:
        """A worker has answered: the deliveries (slot, first, stop) that are leased to it and are nowhere."""
        asked = self._asked.pop(worker, {})
        found = workforce.get(worker)
        if found is None or found.suspended:
            return []
        return [
            (slot, a, b)
            for slot, lease in asked.items()
            for first, stop in lease
            for left, right in RangeSet(held.get(slot, ())).missing(first, stop)
            for a, b in found.leases.get(slot, RangeSet()).within(left, right)
        ]
