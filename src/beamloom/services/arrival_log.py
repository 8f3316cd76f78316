"""When the packets of a stream came, as far back as a bounded memory goes.

A row stands for packets that were read at once and follow each other, so that a fast stream costs no more than a slow one.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from typing import Any, NamedTuple

from beamloom.engine.packet_rows import PacketRow

ROWS_KEPT = 4096

Witness = Callable[[int, PacketRow], None]
"""Is told an event and the packets of it and of those that follow."""


class Arrivals(NamedTuple):
    """Packets of consecutive events that were read at once."""

    at: float
    """By the clock of the log (s)."""
    first: int
    packets: int
    number: int | None
    """That of the first packet, as its device counts."""
    nbytes: int
    """Size of the first packet."""


class ArrivalLog:
    """The latest packets of one stream."""

    def __init__(self, also: Witness | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        """``also`` is told the same."""
        self._also = also
        self._clock = clock
        self._rows: deque[Arrivals] = deque(maxlen=ROWS_KEPT)

    def note(self, first: int, packets: PacketRow) -> None:
        """These packets are those of the events from ``first`` on."""
        size = sum(packets.sizes[: packets.per_packet])
        self._rows.append(Arrivals(self._clock(), first, packets.count, packets.number, size))
        if self._also is not None:
            self._also(first, packets)

    def of(self, event: int) -> dict[str, Any] | None:
        """What is known of the packet of an event; None where nothing is (any more)."""
        row = next(
            (row for row in reversed(self._rows) if row.first <= event < row.first + row.packets), None
        )
        if row is None:
            return None
        found: dict[str, Any] = {"seconds_ago": max(self._clock() - row.at, 0.0), "together": row.packets}
        if row.number is not None:
            found["number"] = row.number + event - row.first
        found["bytes" if event == row.first else "bytes_about"] = row.nbytes
        return found

    @property
    def begins_with(self) -> int | None:
        """The lowest event that is still remembered."""
        return min((row.first for row in self._rows), default=None)
