"""When a device that sends fast is read again: not for each packet that arrives, but once in a moment.

What a process does for a message hardly depends on how many packets are in it. Where a stream sends so many that several come within a
moment, reading each as it comes keeps all processes busy with messages of one packet, and where processors are few that takes longer than
the moment: packets then wait in line for tens of milliseconds. A stream that sends seldom is read at once, always.
"""

from __future__ import annotations

import math

REST = 0.001
"""Seconds until the next read."""
WORTH = 2
"""Packets in that time from which on it is waited for."""

ENOUGH = 64
"""Packets in one read from which on more of them make little difference."""


class ReadPace:
    """The reads of one stream."""

    def __init__(self) -> None:
        self._read_at = -math.inf

    def rest_after(self, packets: int, now: float, *, drained: bool) -> float | None:
        """So many were read at ``now``; returns when to read again, None for as soon as there are more.

        ``drained``: there is nothing more to read at present.
        """
        since, self._read_at = now - self._read_at, now
        several = packets * REST >= WORTH * since
        return now + REST if drained and several and packets < ENOUGH else None
