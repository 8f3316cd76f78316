"""The rate at which simulators send."""

from __future__ import annotations

import time
from collections.abc import Callable


class Pace:
    """When what is sent ``rate`` times per second is due.

    Where a reader made the simulator wait, one is sent early after it and no more: no device would send faster either.
    """

    def __init__(self, rate: float, wait: Callable[[float], object]) -> None:
        """``wait`` takes the seconds until then: ``time.sleep``, or the ``wait`` of the event that ends the simulator."""
        self._interval = 1 / rate
        self._wait = wait
        self._due = time.monotonic()

    def wait(self) -> None:
        """Return when the next one is due."""
        self._wait(max(0.0, self._due - time.monotonic()))
        self._due = max(self._due, time.monotonic() - self._interval) + self._interval
