"""What the reducer has taken since it last told anybody.

Policy: what comes after a silence is told at once; while results keep coming they are told together, after a moment or when they are many.
Each worker hears once that all up to the latest of its own are taken, and the controller once which deliveries they were, as ranges. Nobody
waits for these words as long as leases are ahead of the packets, yet each of them has two processes wake up beside the next event.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from beamloom.engine.ranges import RangeSet

MOMENT = 0.004
"""Seconds between two acknowledgements."""
MANY = 512
"""Events after which none is waited for."""

Delivered = tuple[str, int, int, int]
"""Worker, slot, first event and one past the last."""


class Acknowledged(NamedTuple):
    """What is to be told."""

    sequences: Mapping[str, int]
    """By worker, the number of its latest batch."""
    deliveries: list[Delivered]


class Acknowledgements:
    """Gathers what is taken, until it is due."""

    def __init__(self, moment: float = MOMENT) -> None:
        """``moment``: seconds between two acknowledgements."""
        self._moment = moment
        self._told_at = -math.inf
        self._events = 0
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
            self._events += stop - first

    def wait(self, now: float) -> float:
        """Seconds until what was taken is to be told; infinite where nothing was."""
        if not self._sequences:
            return math.inf
        return 0.0 if self._events >= MANY else max(0.0, self._told_at + self._moment - now)

    def take_due(self, now: float) -> Acknowledged | None:
        """What is to be told now."""
        if self.wait(now) > 0:
            return None
        self._told_at = now
        return self.take()

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
        self._sequences, self._deliveries, self._events = {}, {}, 0
        return told
