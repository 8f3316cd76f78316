"""Readers of protocols of which every message says the series that it belongs to, and every image its number there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, Protocol, TypeVar

from beamloom.devices.fields import MalformedPacket
from beamloom.devices.series.numbers import SeriesNumbers
from beamloom.events import Bearing, Malformed, Packet


class SeriesHead(Protocol):
    """What tells the kind and the number of a packet."""

    @property
    def series(self) -> int:
        """Which one it belongs to."""

    @property
    def opens(self) -> bool:
        """Whether the series begins with it."""


Head = TypeVar("Head", bound=SeriesHead)


class ImageSeriesReader(Generic[Head]):
    """Tells what the messages of a detector are, and numbers them.

    ``head`` reads what stands at the beginning of a message, and ``packet`` makes the packet that it is, numbered by the SeriesNumbers;
    both raise MalformedPacket.
    """

    def __init__(
        self,
        numbers: SeriesNumbers,
        head: Callable[[list[Any]], Head],
        packet: Callable[[Head, list[Any], SeriesNumbers], Packet],
    ) -> None:
        self._numbers = numbers
        self._head = head
        self._packet = packet

    @property
    def bearing(self) -> Bearing | None:
        """As of a ResumableSource."""
        return self._numbers.bearing

    def resume(self, bearing: Bearing, *, one_series: bool) -> int:
        """As of a ResumableSource."""
        return self._numbers.resume(bearing, one_series=one_series)

    def take(self, frames: list[Any], items: list[Packet | Malformed]) -> None:
        """Append the packet, or what is wrong with it."""
        try:
            head = self._head(frames)
            if not self._numbers.is_left_over(head.series):
                items.append(self._packet(head, frames, self._numbers))
        except MalformedPacket as problem:
            items.append(Malformed(str(problem), frames))

    def origin_of(self, frames: list[Any]) -> int | None:
        """The series that the message opens."""
        try:
            head = self._head(frames)
        except MalformedPacket:
            return None
        return head.series if head.opens else None

    def begin_at(self, origin: int, *, one_series: bool = False) -> None:
        """The run takes this series, and none beside it in any case."""
        self._numbers.begin_at(origin)
