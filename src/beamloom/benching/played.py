"""A source that plays packets out of memory: it costs as little as a source can, so that what is measured is the rest of the pipeline."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from beamloom.benching.material import Extent
from beamloom.devices.sources.at_hand import AtHand
from beamloom.devices.sources.timer import Timer
from beamloom.events import Malformed, Packet, PacketKind
from beamloom.recordings import RecordingReader


class PlayedSource(AtHand):
    """The packets of one stream, those in the middle as often as the run wants them."""

    def __init__(self, packets: dict[int, Packet], extent: Extent, *, wrapped: bool) -> None:
        """``packets`` by their items in one pass; where one is missing, its number is left out.

        ``wrapped``: the first of the run opens the series, the last closes it.
        """
        self._packets = packets
        self._extent = extent
        self._wrapped = wrapped
        self._items = extent.total
        self._next = 0
        self._timer: Timer | None = None

    def expect(self, items: int | None) -> None:
        """The run has so many packets of this stream."""
        self._items = self._extent.total if items is None else items

    def open(self) -> None:
        """Make ready; everything is there at once."""
        if self._timer is None:
            self._timer = Timer()
            self._timer.set(0)

    @property
    def pollable(self) -> int:
        """Readable while there is more. Raises RuntimeError before ``open`` and after ``close``."""
        if self._timer is None:
            raise RuntimeError("the source is not open; call open() first")
        return self._timer.fd

    def read(self, limit: int) -> Sequence[Packet | Malformed]:
        """The next packets."""
        first, stop = self._next, min(self._next + limit, self._items)
        self._next = stop
        if stop == self._items and self._timer is not None:
            self._timer.set(None)
        read = []
        for item in range(first, stop):
            packet = self._packets.get(self._in_one_pass(item))
            if packet is not None:
                read.append(Packet(packet.typ, packet.frames, item, self._kind(item)))
        return read

    def _in_one_pass(self, item: int) -> int:
        extent = self._extent
        behind = item - (self._items - extent.tail)
        if behind >= 0:
            return extent.head + extent.body + behind
        if item < extent.head or not extent.body:
            return item
        return extent.head + (item - extent.head) % extent.body

    def _kind(self, item: int) -> PacketKind:
        if self._wrapped and item in (0, self._items - 1):
            return PacketKind.END if item else PacketKind.START
        return PacketKind.DATA

    def close(self) -> None:
        """Forget where it was. May be called twice."""
        if self._timer is not None:
            self._timer.close()
        self._timer = None


def read_packets(path: Path, stream: str) -> dict[int, Packet]:
    """The packets of a recording that ``Material`` wrote, by their items."""
    return {record.event_number: record.streams[stream] for record in RecordingReader(path)}
