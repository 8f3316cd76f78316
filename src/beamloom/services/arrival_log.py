"""When the packets of a stream came, as far back as a bounded memory goes.

A row stands for packets that were read at once and follow each other, so that a fast stream costs no more than a slow one.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from beamloom.events import Packet

ROWS_KEPT = 4096

Witness = Callable[[int, Sequence[Packet]], None]
"""Is told an event and the packets of it and of those that follow."""


class Arrivals(NamedTuple):
    """Packets of consecutive events that were read at once."""

    at: float
    """By the clock of the log (s)."""
    first: int
    packets: int
    first_number: int | None
    last_number: int | None
    nbytes: int
    """Size of the first packet."""


class ArrivalLog:
    """The latest packets of one stream."""

    def __init__(self, also: Witness | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        """``also`` is told the same."""
        self._also = also
        self._clock = clock
        self._rows: deque[Arrivals] = deque(maxlen=ROWS_KEPT)

    def note(self, first: int, packets: Sequence[Packet]) -> None:
        """These packets are those of the events from ``first`` on."""
        begin, end = packets[0], packets[-1]
        self._rows.append(
            Arrivals(self._clock(), first, len(packets), begin.number, end.number, begin.nbytes)
        )
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
        numbers = (row.first_number, row.last_number)
        if None not in numbers and row.last_number - row.first_number == row.packets - 1:  # type: ignore[operator]
            found["number"] = row.first_number + event - row.first  # type: ignore[operator]
        found["bytes" if event == row.first else "bytes_about"] = row.nbytes
        return found

    @property
    def begins_with(self) -> int | None:
        """The lowest event that is still remembered."""
        return min((row.first for row in self._rows), default=None)
