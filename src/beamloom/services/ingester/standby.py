"""A device that stays connected between runs: what it sends before its run is armed is kept, and becomes the first events of that run.

Policy: only series count, from START to END. What comes outside of one, and the rest of a series whose run is over, belongs to nobody
and is counted. A run reads one series (several where its trigger map has a place for them), the next stays for the next run. What a
run has read before it began in earnest is given back when it never does, so that an arming that is refused in the end loses nothing.

At most ``limit_bytes`` wait; beyond that the device is not read on, and waits itself where its protocol can.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from beamloom.devices.device import EndlessSource, Source, StandingSource, TriggeredSource
from beamloom.events import Malformed, Packet, PacketKind, frame_bytes
from beamloom.services.ingester.device_faults import let_go
from beamloom.transport.channel import Channel

logger = logging.getLogger(__name__)

Item = Packet | Malformed

ANNOUNCE_EVERY = 1.0
"""Seconds between two announcements of the same series."""
READ_LIMIT = 512
"""Most packets that are read between runs before others have their turn."""


class Standby:
    """The device of one stream that stays connected."""

    def __init__(
        self, stream: str, open_source: Callable[[], Source], limit_bytes: int, channel: Channel
    ) -> None:
        self.discarded = 0
        """Items that belonged to no series, or to one whose run was over."""
        self._stream = stream
        self._open_source = open_source
        self._limit_bytes = limit_bytes
        self._channel = channel
        self._source: Source | None = None
        self._kept: deque[Item] = deque()
        self._kept_bytes = 0
        self._in_series = False
        self._reader: SeriesSource | None = None
        self._watching = False
        self._announce_at = 0.0
        self._told_full = False

    def open(self) -> Standby:
        """Connect, to stay. Raises ValueError or OSError with a sentence for a device that cannot."""
        source = self._open_source()
        if isinstance(source, EndlessSource | TriggeredSource):
            raise ValueError(
                "this device cannot arm a run, as it opens no series by itself; leave 'arms' out of the stream's keys"
            )
        if isinstance(source, StandingSource):
            source.stand()
        try:
            source.open()
        except BaseException:
            let_go(source, self._stream)
            raise
        self._source = source
        return self

    @property
    def source(self) -> Source:
        """The connection. Raises ValueError while there is none."""
        if self._source is None:
            raise ValueError(f"stream {self._stream!r}: its device is not open; look at the ingester's log")
        return self._source

    # ---- between runs ---------------------------------------------------------------------------------------------------------

    def turn(self) -> bool:
        """Read what nobody else reads; returns whether there may be more."""
        if self._source is None or (self._reader is not None and not self._reader.exhausted):
            return False
        if self._kept_bytes >= self._limit_bytes:
            self._watch(False)
            self._tell_full()
            return False
        self._watch(True)
        return self._fill(READ_LIMIT)

    def announces(self, now: float) -> bool:
        """Whether it is time to tell the controller that a series waits for a run."""
        if self._reader is not None or not self._kept or now < self._announce_at:
            return False
        self._announce_at = now + ANNOUNCE_EVERY
        return True

    def _watch(self, wanted: bool) -> None:
        if wanted is not self._watching:
            (self._channel.watch if wanted else self._channel.unwatch)(self.source.pollable)
            self._watching = wanted

    def _tell_full(self) -> None:
        if not self._told_full:
            self._told_full = True
            logger.warning(
                "stream %r: %d bytes wait for a run, as many as may (retention_bytes); the device is read on when one is armed",
                self._stream,
                self._kept_bytes,
            )

    def _fill(self, limit: int) -> bool:
        """Keep what has arrived and belongs to a series."""
        arrivals = self.source.read(limit)
        for item in arrivals:
            kind = item.kind if isinstance(item, Packet) else None
            self._in_series = self._in_series or kind is PacketKind.START
            if self._in_series:
                self._kept.append(item)
                self._kept_bytes += _size(item)
            else:
                self.discarded += 1
            self._in_series = self._in_series and kind is not PacketKind.END
        return len(arrivals) > 0

    # ---- runs -----------------------------------------------------------------------------------------------------------------

    def begin(self, *, one_series: bool) -> SeriesSource:
        """The source of a run that reads up to the END of the first series, or on behind it."""
        self._watch(False)
        self._told_full = False
        self._reader = SeriesSource(self, one_series=one_series)
        return self._reader

    def take_back(self) -> None:
        """There is no run after all: what comes is kept for the next one."""
        if self._reader is not None:
            self._reader.close()

    def take(self, limit: int, *, up_to_end: bool) -> list[Item]:
        """At most ``limit`` items, oldest first; up to the first END where that is asked for."""
        if not self._kept:
            self._fill(limit)
        taken: list[Item] = []
        while self._kept and len(taken) < limit:
            item = self._kept.popleft()
            self._kept_bytes -= _size(item)
            taken.append(item)
            if up_to_end and is_end(item):
                break
        return taken

    def release(self, reader: SeriesSource, unread: Sequence[Item], *, in_series: bool) -> None:
        """``reader`` has ended. ``unread`` is given back; what follows of a series that it was in is for nobody."""
        if self._reader is not reader:
            return
        self._reader = None
        self._announce_at = 0.0
        if unread:
            self._kept.extendleft(reversed(unread))
            self._kept_bytes += sum(map(_size, unread))
        elif in_series:
            self._skip_rest()

    def _skip_rest(self) -> None:
        while self._kept and not (
            isinstance(self._kept[0], Packet) and self._kept[0].kind is PacketKind.START
        ):
            item = self._kept.popleft()
            self._kept_bytes -= _size(item)
            self.discarded += 1
        self._in_series = self._in_series and bool(self._kept)

    def close(self) -> None:
        """Let go of the device. May be called twice."""
        if self._source is not None:
            self._watch(False)
            let_go(self._source, self._stream)
        self._source = None
        self._kept.clear()
        self._kept_bytes = 0


class SeriesSource:
    """What a device that stays connected sends to one run."""

    def __init__(self, standby: Standby, *, one_series: bool) -> None:
        self.exhausted = False
        """Whether the run has got all that is for it."""
        self._standby = standby
        self._device = standby.source
        self._one_series = one_series
        self._before: int | None = None
        self._in_series = False
        self._read_before: list[Item] | None = []

    def open(self) -> None:
        """The device is connected already."""

    def connected(self) -> bool:
        """Whether the device is there."""
        return self._device.connected()

    def connection_problem(self) -> str | None:
        """Why the device is not there, in a sentence; None when it is."""
        return self._device.connection_problem()

    @property
    def pollable(self) -> Any:
        """That of the device."""
        return self._device.pollable

    @property
    def discarded_before_start(self) -> int:
        """What belonged to no series, since the ingester was started. Raises AttributeError for a device that cannot tell."""
        device: Any = self._device
        return int(device.discarded_before_start) + self._standby.discarded

    @property
    def reconnects(self) -> int:
        """How often the connection was there again, since the ingester was started. Raises AttributeError for a device that cannot tell."""
        device: Any = self._device
        return int(device.reconnects)

    def began(self) -> None:
        """The run goes on: what it has read is its own."""
        self._read_before = None

    def read(self, limit: int) -> Sequence[Item]:
        """At most ``limit`` items of what was kept and then of what arrives, oldest first. Never waits."""
        if self.exhausted:
            return []
        items = self._standby.take(limit, up_to_end=self._one_series)
        if not items:
            return items
        if self._read_before is not None:
            self._read_before += items
        for index, item in enumerate(items):
            if isinstance(item, Packet) and item.kind is not PacketKind.DATA:
                self._in_series = item.kind is PacketKind.START
                if self._in_series:
                    items[index] = self._placed(item)
        self.exhausted = self._one_series and is_end(items[-1])
        return items

    def _placed(self, start: Packet) -> Packet:
        """A START packet that may count itself among all that the device has sent, counted in this run."""
        number = start.number or 0
        if self._before is None:
            self._before = number
        number -= self._before
        if start.number is None or start.number == number:
            return start
        return msgspec.structs.replace(start, number=number if number > 0 else None)

    def close(self) -> None:
        """The run is over; the device stays connected. May be called twice."""
        self._standby.release(self, self._read_before or [], in_series=self._in_series)


def is_end(item: Item) -> bool:
    """Whether this closes a series."""
    return isinstance(item, Packet) and item.kind is PacketKind.END


def _size(item: Item) -> int:
    return sum(map(frame_bytes, item.frames))
