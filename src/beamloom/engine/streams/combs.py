"""Event numbers that lie evenly apart, as one share of a stream that is dealt out in turn receives them.

Invariant: a comb is three integers however many events it stands for, so that a report does not grow with the rate of the device.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from beamloom.engine.ranges import Range


class Comb(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """``count`` events from ``first`` on, ``step`` apart."""

    first: int
    count: int
    step: int = 1

    @property
    def stop(self) -> int:
        """One past the last event."""
        return self.first + (self.count - 1) * self.step + 1

    def ranges(self) -> Iterator[Range]:
        """The events as ranges, in growing order."""
        if self.step == 1:
            yield self.first, self.first + self.count
            return
        for event in range(self.first, self.first + self.count * self.step, self.step):
            yield event, event + 1


class Combs:
    """Gathers events, given in growing order, into combs."""

    def __init__(self) -> None:
        self._combs: list[Comb] = []
        self._first = 0
        self._count = 0
        self._step = 1

    def add(self, first: int, stop: int) -> None:
        """[first, stop) follow all that came before."""
        length = stop - first
        if self._count and (self._count == 1 or self._step == 1) and first == self._first + self._count:
            self._count, self._step = self._count + length, 1
        elif self._count == 1 and length == 1:
            self._count, self._step = 2, first - self._first
        elif self._count and length == 1 and first == self._first + self._count * self._step:
            self._count += 1
        else:
            self._close()
            self._first, self._count, self._step = first, length, 1

    def _close(self) -> None:
        if self._count:
            self._combs.append(Comb(self._first, self._count, self._step))
        self._count = 0

    def take(self) -> list[Comb]:
        """What has been gathered since the last call."""
        self._close()
        combs, self._combs = self._combs, []
        return combs
