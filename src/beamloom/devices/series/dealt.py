"""Messages that a device deals out to several clients, as one of them receives them.

Only one client gets the message that opens the series. Until the others know which series that was, they cannot tell its packets from what
was left over of an earlier one: so they hold what comes, and read it when they are told.
"""

from __future__ import annotations

from collections import deque
from typing import Any, Final, Protocol, runtime_checkable

from beamloom.events import Malformed, Packet, frame_bytes

HELD_BYTES: Final = 256 << 20
"""So much is held before the series is known; beyond that the oldest messages are discarded, of a device that sends all the time."""


@runtime_checkable
class DealtReader(Protocol):
    """What the reader of a device's messages has besides whose stream may be dealt out."""

    def take(self, frames: list[Any], items: list[Packet | Malformed]) -> None:
        """Append what the message completes; nothing for one of an earlier series than the run's. Never raises."""

    def origin_of(self, frames: list[Any]) -> int | None:
        """What tells the series that this message opens from others; None of a message that opens none. Never raises."""

    def begin_at(self, origin: int, *, one_series: bool = False) -> None:
        """The run's series is the one that ``origin_of`` says this of: packets are numbered from its beginning, through the run.

        ``one_series``: the run has no place for another one, and packets of a series that is begun anew have the numbers of the first.
        """


class Dealt:
    """One client's part of the messages."""

    def __init__(self, reader: DealtReader, *, one_series: bool = False) -> None:
        self.origin: int | None = None
        """What tells the first series whose beginning came here from others."""
        self.discarded = 0
        """Messages of earlier series."""
        self._reader = reader
        self._one_series = one_series
        self._begun = False
        self._held: deque[list[Any]] = deque()
        self._held_bytes = 0

    def begin_at(self, origin: int) -> None:
        """It is known which series is the run's."""
        if not self._begun:
            self._begun = True
            self._reader.begin_at(origin, one_series=self._one_series)

    def take(self, frames: list[Any], items: list[Packet | Malformed]) -> None:
        """A message has come; appends what it completes, if that may be read already."""
        if self._begun:
            self._read(frames, items)
            return
        if self.origin is None:
            self.origin = self._reader.origin_of(frames)
        self._held.append(frames)
        self._held_bytes += sum(map(frame_bytes, frames))
        while self._held_bytes > HELD_BYTES and len(self._held) > 1:
            self._held_bytes -= sum(map(frame_bytes, self._held.popleft()))
            self.discarded += 1

    def take_held(self, limit: int, items: list[Packet | Malformed]) -> None:
        """Append what was held, up to about ``limit`` items."""
        while self._begun and self._held and len(items) < limit:
            self._read(self._held.popleft(), items)

    def _read(self, frames: list[Any], items: list[Packet | Malformed]) -> None:
        before = len(items)
        self._reader.take(frames, items)
        self.discarded += len(items) == before
