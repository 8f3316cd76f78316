"""How long a disk takes to answer, told by others than the one who waits.

A call to a file system that hangs (a server that is gone, a disk that fails slowly) does not fail and has no time limit. Whoever makes it
stands still, so it says before that it asks, and any other thread can tell for how long there has been no answer.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

PATIENCE = 3.0
"""Seconds without an answer after which that is worth a sentence."""


class DiskAnswers:
    """The questions of one thread to one disk."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.held_up = 0
        """How often an answer took longer than ``PATIENCE``, one that is still out not counted."""
        self._clock = clock
        self._since: float | None = None

    @contextmanager
    def asked(self) -> Iterator[None]:
        """While this is open, the disk is asked."""
        since = self._since = self._clock()
        try:
            yield
        finally:
            self._since = None
            self.held_up += self._clock() - since > PATIENCE

    @property
    def waits(self) -> float:
        """Seconds since the disk was asked what it has not answered; 0 while nothing is asked. May be called in any thread."""
        since = self._since
        return 0.0 if since is None else self._clock() - since

    @property
    def silent(self) -> float | None:
        """``waits``, where that is longer than usual; None otherwise."""
        waits = self.waits
        return waits if waits > PATIENCE else None
