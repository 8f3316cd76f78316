"""Pickles of one sender, read several times as fast, as they are alike in all but their numbers.

A sender writes each of its messages by the same instructions; only the bytes of numbers and of arrays differ. What ``unpickle`` has read
once leaves its pattern: the bytes that stay, and where in the value the numbers between them go. A message whose other bytes are those of
a pattern would run the very same instructions, so its value is put together without running them; any other message is given to
``unpickle``. So nothing is read here that ``unpickle`` would refuse.
"""

from __future__ import annotations

from typing import Any, Final

from beamloom.devices.pickles.pattern import NOT_ALIKE, Pattern, pattern_of
from beamloom.devices.pickles.unpickle import unpickle

MOST_PATTERNS: Final = 8
_EVERY: Final = 64
"""Once there are so many patterns, of messages like none before one in 64 makes another: that takes as long as reading 20."""


class AlikePickles:
    """Reads what senders of one kind send. Threads may share one."""

    def __init__(self) -> None:
        self._patterns: tuple[Pattern, ...] = ()
        self._unlike = 0

    def unpickle(self, frame: Any) -> Any:
        """The value, new each time, as ``unpickle.unpickle`` gives it. Raises ForbiddenPickle and BadPickle."""
        octets = bytes(frame)
        for place, pattern in enumerate(self._patterns):
            value = pattern.read(octets)
            if value is not NOT_ALIKE:
                if place:
                    self._put_first(pattern)
                return value
        value = unpickle(octets)
        self._unlike += 1
        if self._unlike <= MOST_PATTERNS or self._unlike % _EVERY == 0:
            made = pattern_of(octets)
            if made is not None:
                self._put_first(made)
        return value

    def _put_first(self, pattern: Pattern) -> None:
        others = (one for one in self._patterns if one is not pattern)
        self._patterns = (pattern, *others)[:MOST_PATTERNS]
