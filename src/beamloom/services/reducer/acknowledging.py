"""What the reducer has taken since it last told anybody.

Policy: what comes after a silence is told at once; while results keep coming they are told together, when they are many, or after a while.
That is a moment where a worker has used half of what is leased to it, a fraction of one where it has nothing left, and several where none
has used as much: each of these words has two processes wake up beside the next event. The controller hears which deliveries they were, as
ranges. Each worker hears that all up to the latest of its own are taken, which only frees its memory: seldom, unless its results have
arrays of their own.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from beamloom.engine.ranges import RangeSet

MOMENT = 0.004
"""Seconds between two acknowledgements while a worker may soon have nothing left to do."""
MOMENTS = 4
"""So many while none may."""
DRY_MOMENTS = 0.25
"""So many where one has nothing left: at the beginning of a fast series, and after everybody was held up."""
MANY = 512
"""Events after which none is waited for."""
WORKERS_MOMENTS = 12
"""Moments until workers are told what frees little memory, and nothing else has to be told."""

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
        """``moment``: seconds between two acknowledgements, the shortest."""
        self._moment = moment
        self._told_at = -math.inf
        self._workers_told_at = -math.inf
        self._events = 0
        self._large = False
        self._moments: float = MOMENTS
        """Between two acknowledgements, as it stands."""
        self._sequences: dict[str, int] = {}
        self._deliveries: dict[tuple[str, int], RangeSet] = {}
        self._untold: dict[str, int] = {}
        """By worker, the deliveries of which the controller has not heard."""

    def took(
        self,
        worker: str,
        sequence: int,
        deliveries: Iterable[Delivered],
        ahead: int = 0,
        *,
        large: bool = False,
    ) -> None:
        """A batch is taken, with these deliveries.

        ``ahead``: those that its worker still had before it. ``large``: it holds arrays of their own, which the worker keeps so far.
        """
        self._sequences[worker] = max(sequence, self._sequences.get(worker, sequence))
        self._large = self._large or large
        for by, slot, first, stop in deliveries:
            known = self._deliveries.get((by, slot))
            if known is None:
                known = self._deliveries[by, slot] = RangeSet()
            known.add(first, stop)
            self._events += stop - first
            self._untold[by] = self._untold.get(by, 0) + stop - first
        if ahead == 0:
            self._moments = DRY_MOMENTS
        elif ahead <= self._untold.get(worker, 0):
            self._moments = min(self._moments, 1)

    def wait(self, now: float) -> float:
        """Seconds until what was taken is to be told; infinite where nothing was."""
        if not self._sequences:
            return math.inf
        if self._events >= MANY:
            return 0.0
        due = self._workers_told_at + WORKERS_MOMENTS * self._moment
        if self._deliveries or self._large:
            moments = min(self._moments, 1) if self._large else self._moments
            due = min(due, self._told_at + self._moment * moments)
        return max(0.0, due - now)

    def take_due(self, now: float) -> Acknowledged | None:
        """What is to be told now."""
        if self.wait(now) > 0:
            return None
        self._told_at = now
        if self._large or now >= self._workers_told_at + WORKERS_MOMENTS * self._moment:
            self._workers_told_at = now
            return self.take()
        return Acknowledged({}, self._take_deliveries())

    def take(self) -> Acknowledged | None:
        """What was not told yet; None when that is nothing."""
        if not self._sequences:
            return None
        sequences, self._sequences, self._large = self._sequences, {}, False
        return Acknowledged(sequences, self._take_deliveries())

    def _take_deliveries(self) -> list[Delivered]:
        deliveries = [
            (worker, slot, first, stop)
            for (worker, slot), events in self._deliveries.items()
            for first, stop in events
        ]
        self._deliveries, self._untold, self._events, self._moments = {}, {}, 0, MOMENTS
        return deliveries
