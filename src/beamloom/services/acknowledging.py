"""What the reducer has taken since it last told anybody.

Policy: however many batches arrive in one turn, each worker hears once that all up to the latest of its own are taken, and the controller
once which deliveries they were, as ranges.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from beamloom.engine.ranges import RangeSet

Delivered = tuple[str, int, int, int]
"""Worker, slot, first event and one past the last."""


class Acknowledged(NamedTuple):
    """What is to be told."""

    sequences: Mapping[str, int]
    """By worker, the number of its latest batch."""
    deliveries: list[Delivered]


class Acknowledgements:
    """Gathers what is taken in a turn."""

    def __init__(self) -> None:
        self._sequences: dict[str, int] = {}
        self._deliveries: dict[tuple[str, int], RangeSet] = {}

    def took(self, worker: str, sequence: int, deliveries: Iterable[Delivered]) -> None:
        """A batch is taken, with these deliveries."""
        self._sequences[worker] = max(sequence, self._sequences.get(worker, sequence))
        for by, slot, first, stop in deliveries:
            known = self._deliveries.get((by, slot))
            if known is None:
                known = self._deliveries[by, slot] = RangeSet()
            known.add(first, stop)

    def take(self) -> Acknowledged | None:
        """What was not told yet; None when that is nothing."""
        if not self._sequences:
            return None
        deliveries = [
            (worker, slot, first, stop)
            for (worker, slot), events in self._deliveries.items()
            for first, stop in events
        ]
        told = Acknowledged(self._sequences, deliveries)
        self._sequences, self._deliveries = {}, {}
        return told
