"""Packets of one stream that follow each other and are alike, as columns.

Invariant: the packets of a row have one type, one kind and one number of frames; their numbers count up by one, or they have none. A
packet that opens or closes a series has a row of its own. So what is regular costs a few steps for a thousand packets, and what is not
shows as a row of one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from operator import add
from typing import Any, TypeAlias

from beamloom.engine.streams.later_frames import LaterFrames
from beamloom.events import LaterFrame, Malformed, Packet, PacketKind, frame_bytes

_DATA = PacketKind.DATA
_PLAIN = {bytes}


class PacketRow:
    """Packets that follow each other and are alike; the packets themselves are made when they are asked for."""

    __slots__ = ("_nbytes", "count", "frames", "kind", "number", "per_packet", "sizes", "typ")

    def __init__(
        self,
        typ: str,
        kind: PacketKind,
        number: int | None,
        count: int,
        per_packet: int,
        frames: list[Any] | LaterFrames,
        sizes: list[int],
    ) -> None:
        self.typ = typ
        self.kind = kind
        self.number = number
        """That of the first packet, as its device counts."""
        self.count = count
        self.per_packet = per_packet
        """Frames of each packet."""
        self.frames = frames
        """Those of all packets, one after the other."""
        self.sizes = sizes
        """Bytes of each frame: of those of one packet where all packets are alike, else of all."""
        self._nbytes = -1

    @property
    def nbytes(self) -> int:
        """Bytes of all frames."""
        if self._nbytes < 0:
            self._nbytes = sum(self.sizes) * (self.count if self.alike else 1)
        return self._nbytes

    @property
    def later_nbytes(self) -> int:
        """Bytes of frames that are each read when they are wanted; what LaterFrames are cut out of may be in memory."""
        if isinstance(self.frames, LaterFrames):
            return 0
        each = zip(self.frames, self.frame_sizes(), strict=True)
        return sum(size for frame, size in each if isinstance(frame, LaterFrame))

    @property
    def alike(self) -> bool:
        """Whether the frames of all packets are known to have the same sizes."""
        return len(self.sizes) == self.per_packet

    def part(self, begin: int, end: int) -> PacketRow:
        """The packets in the places [begin, end)."""
        if begin == 0 and end == self.count:
            return self
        each = self.per_packet
        low, high = begin * each, end * each
        number = None if self.number is None else self.number + begin
        sizes = self.sizes if self.alike else self.sizes[low:high]
        return PacketRow(self.typ, self.kind, number, end - begin, each, self.frames[low:high], sizes)

    def numbered(self, number: int, kind: PacketKind) -> PacketRow:
        """The same packets, the first of which has this number."""
        return PacketRow(self.typ, kind, number, self.count, self.per_packet, self.frames, self.sizes)

    def continues(self, other: PacketRow) -> bool:
        """Whether the packets of ``other`` may stand in one row behind these."""
        return (
            self.kind is _DATA
            and other.kind is _DATA
            and other.typ == self.typ
            and other.per_packet == self.per_packet
            and other.number == (None if self.number is None else self.number + self.count)
        )

    def frame_sizes(self) -> list[int]:
        """Bytes of each frame of all packets."""
        return self.sizes * self.count if self.alike else self.sizes

    def packet_sizes(self) -> list[int]:
        """Bytes of each packet."""
        each, sizes = self.per_packet, self.sizes
        if self.alike:
            return [sum(sizes)] * self.count
        totals = sizes[::each]
        for place in range(1, each):
            totals = list(map(add, totals, sizes[place::each]))
        return totals

    @property
    def largest(self) -> int:
        """Bytes of the largest packet."""
        return sum(self.sizes) if self.alike else max(self.packet_sizes())

    def __len__(self) -> int:
        return self.count

    def __iter__(self) -> Iterator[Packet]:
        typ, kind, number, each, frames = self.typ, self.kind, self.number, self.per_packet, self.frames
        packets: Iterable[Sequence[Any]]
        if isinstance(frames, LaterFrames):
            packets = frames.packets()
        else:
            packets = (frames[place * each : (place + 1) * each] for place in range(self.count))
        for place, one in enumerate(packets):
            yield Packet(typ, list(one), None if number is None else number + place, kind)

    def __getitem__(self, place: int) -> Packet:
        place = range(self.count)[place]
        at = place * self.per_packet
        number = None if self.number is None else self.number + place
        return Packet(self.typ, list(self.frames[at : at + self.per_packet]), number, self.kind)


Arrivals: TypeAlias = Sequence[PacketRow | Packet | Malformed]
"""What a device has sent, in order, in rows or one by one."""
Rows: TypeAlias = list[PacketRow | Malformed]


def rows_of(arrivals: Iterable[PacketRow | Packet | Malformed]) -> Rows:
    """The same in as few rows as there can be; those that are there already stay as they are."""
    rows: Rows = []
    frames: list[Any] = []
    typ, kind, begin, number, count, each = "", _DATA, None, None, 0, 0
    for one in arrivals:
        if isinstance(one, Packet):
            if (
                count
                and one.number == number
                and one.kind is _DATA
                and kind is _DATA
                and one.typ == typ
                and len(one.frames) == each
            ):
                count += 1
                frames += one.frames
            else:
                if count:
                    rows.append(row_of_frames(typ, kind, begin, count, each, frames))
                typ, kind, begin, number, count = one.typ, one.kind, one.number, one.number, 1
                frames = list(one.frames)
                each = len(frames)
            if number is not None:
                number += 1
            continue
        if count:
            rows.append(row_of_frames(typ, kind, begin, count, each, frames))
            count = 0
        rows.append(one)
    if count:
        rows.append(row_of_frames(typ, kind, begin, count, each, frames))
    return rows


def row_of_frames(
    typ: str, kind: PacketKind, number: int | None, count: int, each: int, frames: list[Any]
) -> PacketRow:
    """These frames as packets of ``each`` of them."""
    if _PLAIN.issuperset(map(type, frames)):
        sizes = list(map(len, frames))
    else:
        sizes = [frame_bytes(frame) for frame in frames]
    return PacketRow(typ, kind, number, count, each, frames, common_sizes(sizes, count))


def common_sizes(sizes: list[int], count: int) -> list[int]:
    """The sizes of the frames of one packet where those of all ``count`` packets are the same, else ``sizes``."""
    first = sizes[: len(sizes) // count]
    return first if first * count == sizes else sizes


def row_of(packets: Iterable[Packet]) -> PacketRow:
    """Packets that make one row. Raises ValueError for others."""
    rows = rows_of(packets)
    if len(rows) != 1 or not isinstance(rows[0], PacketRow):
        raise ValueError(f"these packets are not alike: they make {len(rows)} rows")
    return rows[0]


def join(rows: Sequence[PacketRow]) -> PacketRow:
    """The packets of all these rows, of which each ``continues`` the one before."""
    first = rows[0]
    if len(rows) == 1:
        return first
    later = [row.frames for row in rows if isinstance(row.frames, LaterFrames)]
    frames: list[Any] | LaterFrames
    if len(later) == len(rows):
        frames = LaterFrames.join(later)
    else:
        frames = list(chain.from_iterable(row.frames for row in rows))
    count = sum(row.count for row in rows)
    sizes = first.sizes
    if not all(row.alike and row.sizes == sizes for row in rows):
        sizes = []
        for row in rows:
            sizes += row.frame_sizes()
    return PacketRow(first.typ, first.kind, first.number, count, first.per_packet, frames, sizes)


def singles(arrivals: Iterable[PacketRow | Packet | Malformed]) -> Iterator[Packet | Malformed]:
    """The same one by one."""
    for one in arrivals:
        if isinstance(one, PacketRow):
            yield from one
        else:
            yield one
