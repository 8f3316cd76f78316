"""When ingesters are told that events are settled, and their packets need not be kept.

Policy: nobody waits for this, so it goes with other orders, or a moment later alone. Where many workers are each in the middle of
something, what is settled is many small pieces, each of which every ingester has to look up: then it is held back until gaps between
them have closed, yet not for long, and not while an ingester needs the room.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

from beamloom.engine.ranges import Range, RangeSet

LATER = 0.005
"""Seconds for which it waits for something else to be told."""
MANY = 32
"""Pieces of which it is worth while to wait until they are fewer."""
LONGEST = 0.1
"""Seconds for which many are held back."""


class LettingGo:
    """The settled events that the ingesters have not been told of."""

    def __init__(self) -> None:
        self._events = RangeSet()
        self._since = 0.0

    def add(self, settled: Iterable[Range], now: float) -> None:
        """These have been settled."""
        if not self._events:
            self._since = now
        for first, stop in settled:
            self._events.add(first, stop)

    def take(self, now: float, *, with_others: bool, at_once: bool) -> list[Range]:
        """What is to be told now; ``with_others``: orders go out anyway, ``at_once``: it must not wait."""
        waited = now - self._since
        due = waited >= LONGEST if self._events.pieces > MANY else with_others or waited >= LATER
        return self._events.clear() if due or at_once else []

    def wait(self, now: float) -> float:
        """Seconds until something is to be told, unless others are told before; infinite where there is nothing."""
        if not self._events:
            return math.inf
        longest = LONGEST if self._events.pieces > MANY else LATER
        return max(0.0, self._since + longest - now)
