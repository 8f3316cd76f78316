"""Which parameter epoch holds for which event.

Invariant: the epoch of an event that has been given out never changes.
"""

from __future__ import annotations

import sys
from bisect import bisect_right, insort


class EpochPlan:
    """The parameter epochs of a run, each with the event that it begins with; epoch 0 begins with event 0."""

    def __init__(self) -> None:
        self._begins: list[tuple[int, int]] = [(0, 0)]

    def plan(self, first_event: int, epoch: int) -> None:
        """``epoch`` is to hold from ``first_event`` on, which has not been given out yet."""
        self._begins = [entry for entry in self._begins if entry[0] != first_event]
        insort(self._begins, (first_event, epoch))

    def of(self, event: int) -> int:
        """The epoch that holds for an event."""
        return self._begins[bisect_right(self._begins, (event, sys.maxsize)) - 1][1]

    def end(self, event: int, stop: int) -> int:
        """Up to where the epoch of ``event`` holds, ``stop`` at most."""
        if self._begins[-1][0] <= event:
            return stop
        return min(stop, self._begins[bisect_right(self._begins, (event, sys.maxsize))][0])

    def cut(self, event: int) -> None:
        """From ``event`` on the run goes on with other events: what was to begin behind it begins there, the newest alone."""
        if self._begins[-1][0] > event:
            newest = self._begins[-1][1]
            self._begins = [entry for entry in self._begins if entry[0] < event]
            self._begins.append((event, newest))
