"""Packets that wait for those before them, on disk besides, where packets are to outlive their ingester.

Policy: what begins to wait is written at once, and removed at the next call, when the retention has it by its event. The next ingester
of the stream takes up what it finds as if it had just arrived, but for what the retention has already. Only for streams with one series
a run, where a number is the same item whatever happens; elsewhere a packet might be taken for one of another series.
"""

from __future__ import annotations

from typing import Protocol

from beamloom.engine.streams.packet_rows import Arrivals, PacketRow, Rows, row_of
from beamloom.engine.streams.reorder import Reorder
from beamloom.engine.streams.retention import Spool
from beamloom.engine.streams.streamplan import ENDLESS
from beamloom.events import Malformed, Packet


class Ordering(Protocol):
    """What puts the packets of a stream in order."""

    @property
    def reordered(self) -> int:
        """Packets that came behind higher ones and were put in their places."""

    def __len__(self) -> int:
        """How many wait."""

    @property
    def due_at(self) -> float | None:
        """When ``due`` has something to release; None while nothing is held."""

    def arrive(self, arrivals: Arrivals, now: float) -> Rows:
        """The source has read these; returns what goes on, in order."""

    def due(self, now: float) -> Rows:
        """What has waited long enough for those before it."""

    def flush(self) -> Rows:
        """All that is held: nothing more will come."""


class HeldOnDisk:
    """A window whose packets are on disk, too, by their numbers."""

    def __init__(self, window: Reorder, spool: Spool, expected: int | None) -> None:
        """``expected``: the number behind the last packet that the retention has from a former life; None where it has none."""
        self._window = window
        self._spool = spool
        self._written: set[int] = set()
        left = [(number, packet) for number, packet, _ in spool.within(0, ENDLESS)]
        self._left: list[Packet] = [packet for number, packet in left if number >= (expected or 0)]
        for number, _ in left:
            self._written.add(number)

    @property
    def reordered(self) -> int:
        """Packets that came behind higher ones and were put in their places."""
        return self._window.reordered

    def __len__(self) -> int:
        """How many wait."""
        return len(self._window) + len(self._left)

    @property
    def due_at(self) -> float | None:
        """When ``due`` has something to release or to take up; None while nothing is held."""
        return 0.0 if self._left else self._window.due_at

    def arrive(self, arrivals: Arrivals, now: float) -> Rows:
        """The source has read these; returns what goes on, in order."""
        left, self._left = self._left, []
        return self._follow(self._window.arrive([*left, *arrivals] if left else arrivals, now))

    def due(self, now: float) -> Rows:
        """What has waited long enough for those before it; and what a former life has left, as far as that is to wait no more."""
        if self._left:
            return self.arrive((), now)
        return self._follow(self._window.due(now))

    def flush(self) -> Rows:
        """All that is held: nothing more will come."""
        left, self._left = self._left, []
        # However old the moment is, nothing waits beyond this call.
        before = self._window.arrive(left, 0.0) if left else []
        return self._follow([*before, *self._window.flush()])

    def _follow(self, released: Rows) -> Rows:
        """Have on disk what waits now, and no longer what was released by an earlier call."""
        if not self._written and not len(self._window):
            return released
        waiting = {one.number: one for one in self._window.waiting if one.number is not None}
        passing = {number for number in self._written if any(_has(row, number) for row in released)}
        for number in self._written - waiting.keys() - passing:
            self._spool.release(number, number + 1)
        for number in waiting.keys() - self._written:
            self._spool.write(number, row_of([waiting[number]]), 0)
        self._written = waiting.keys() | passing
        return released


def _has(row: PacketRow | Malformed, number: int) -> bool:
    if isinstance(row, Malformed) or row.number is None:
        return False
    return row.number <= number < row.number + row.count
