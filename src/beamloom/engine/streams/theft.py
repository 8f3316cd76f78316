"""Recognises that somebody else takes packets of a stream.

A sender that hands its packets out in turn (a PUSH socket) gives each of n clients every n-th of them. So when gaps of the same length
follow each other with the same number of packets in between, again and again, the packets were not lost: another client has them.
"""

from __future__ import annotations

from collections import deque

ALIKE_UNTIL_SURE = 4
LONGEST_RHYTHM = 16
"""Packets and gap together: with so many clients nobody is mistaken any more."""


class Theft:
    """Follows the gaps of one stream."""

    def __init__(self) -> None:
        self._recent: deque[tuple[int, int]] = deque(maxlen=ALIKE_UNTIL_SURE)
        self._last_end: int | None = None

    def gap(self, first: int, stop: int) -> str | None:
        """Items [first, stop) are missing; returns what that looks like, in words, when the same has happened again and again."""
        between = 0 if self._last_end is None else first - self._last_end
        self._last_end = stop
        rhythm = (between, stop - first)
        self._recent.append(rhythm)
        if (
            len(self._recent) < ALIKE_UNTIL_SURE
            or set(self._recent) != {rhythm}
            or sum(rhythm) > LONGEST_RHYTHM
        ):
            return None
        return (
            f"{rhythm[1]} of every {sum(rhythm)} packets are missing in a steady rhythm: another client takes them; "
            "end it, or let only one connect to the device"
        )
