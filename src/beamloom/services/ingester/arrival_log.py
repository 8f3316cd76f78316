"""When the packets of a stream came, as far back as a bounded memory goes.

A row stands for packets that were read at once and follow each other, so that a fast stream costs no more than a slow one.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from typing import Any, NamedTuple

from beamloom.engine.streams.packet_rows import PacketRow
from beamloom.events import Packet, PacketKind

ROWS_KEPT = 4096
LEAST_SPAN = 0.2
"""Seconds over which a rate is told at least: what came at once was not infinitely fast."""

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


class Flow(NamedTuple):
    """How much came lately, per second."""

    packets: float
    nbytes: float
    events: float
    """How fast the numbers of events grew: also where packets are missing, or not every event has one."""


class ArrivalLog:
    """The latest packets of one stream."""

    def __init__(self, also: Witness | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        """``also`` is told the same."""
        self._also = also
        self._clock = clock
        self._rows: deque[Arrivals] = deque(maxlen=ROWS_KEPT)
        self._wants_sample = False
        self._sample: Packet | None = None

    def note(self, first: int, packets: PacketRow) -> None:
        """These packets are those of the events from ``first`` on."""
        size = sum(packets.sizes[: packets.per_packet])
        self._rows.append(Arrivals(self._clock(), first, packets.count, packets.number, size))
        if self._also is not None:
            self._also(first, packets)
        if self._wants_sample and packets.kind is PacketKind.DATA:
            self._wants_sample, self._sample = False, packets[0].get_bytes()

    def sample(self) -> Packet | None:
        """A packet for somebody who looks: the first data packet since this was asked before; None while none has come."""
        taken, self._sample = self._sample, None
        self._wants_sample = taken is None
        return taken

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
    def last(self) -> Arrivals | None:
        """The packets that came last."""
        return self._rows[-1] if self._rows else None

    @property
    def silence(self) -> float | None:
        """Seconds since a packet came; None while none has."""
        return self._clock() - self._rows[-1].at if self._rows else None

    def flow(self, seconds: float) -> Flow:
        """What came in the last ``seconds``, or since the first packet where that is not so long ago; costs a step for each row."""
        now = self._clock()
        packets = nbytes = 0
        first = stop = None
        begun = now
        for row in reversed(self._rows):
            if now - row.at > seconds:
                begun, first = now - seconds, row.first + row.packets
                break
            packets += row.packets
            nbytes += row.packets * row.nbytes
            begun, first = row.at, row.first
            stop = stop or row.first + row.packets
        lasted = max(now - begun, LEAST_SPAN)
        events = 0 if stop is None or first is None else max(stop - first, 0)
        return Flow(packets / lasted, nbytes / lasted, events / lasted)

    @property
    def begins_with(self) -> int | None:
        """The lowest event that is still remembered."""
        return min((row.first for row in self._rows), default=None)
