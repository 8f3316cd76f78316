"""Packets of many events in one message.

Small frames are joined, so that a thousand small events cost one message; frames from INLINE_BYTES on travel alone and uncopied.
"""

from __future__ import annotations

import functools
import itertools
import struct
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate, repeat
from typing import Any, overload

from beamloom.engine.streams.later_frames import LaterFrames, LaterPackets
from beamloom.engine.streams.packet_rows import PacketRow, common_sizes
from beamloom.events import LaterFrame, Packet, PacketKind, in_memory
from beamloom.transport.messages import PacketBlock

INLINE_BYTES = 32 * 1024
"""Frames below this size are joined into one."""

_KINDS = {int(kind): kind for kind in PacketKind}


def pack(row: PacketRow) -> tuple[PacketBlock, list[Any]]:
    """Packets as a block and the frames that go with it; frames that come later stay what they are."""
    sizes = row.sizes
    if isinstance(row.frames, LaterFrames):
        buffers: list[Any] = [row.frames]
    elif max(sizes, default=0) < INLINE_BYTES:
        buffers = [b"".join(row.frames)]
    else:
        each = row.frame_sizes()
        inline = [frame for frame, size in zip(row.frames, each, strict=True) if size < INLINE_BYTES]
        alone = [frame for frame, size in zip(row.frames, each, strict=True) if size >= INLINE_BYTES]
        buffers = [b"".join(inline), *alone]
    if not row.alike:
        sizes = common_sizes(sizes, row.count)
    return PacketBlock(row.typ, row.count, row.per_packet, sizes, int(row.kind), row.number), buffers


def large_sizes(block: PacketBlock) -> list[int]:
    """Bytes of each frame that travels alone, in order."""
    sizes = block.sizes * block.count if len(block.sizes) == block.frames else block.sizes
    return [size for size in sizes if size >= INLINE_BYTES]


def unpack(block: PacketBlock, buffers: Sequence[Any]) -> Sequence[Packet]:
    """The packets out of a block and its frames, made when the first of them is asked for.

    Small frames are ``bytes``, large ones as they were received. A slice costs the same however long it is.
    """
    later = any(isinstance(buffer, LaterFrame) for buffer in buffers)
    return (_LaterPart if later else _Part)(_Contents(block, buffers), 0, block.count)


class _Contents:
    """The packets of one message."""

    __slots__ = ("_block", "_buffers", "_packets")

    def __init__(self, block: PacketBlock, buffers: Sequence[Any]) -> None:
        self._block = block
        self._buffers = buffers
        self._packets: list[Packet] | None = None

    @property
    def packets(self) -> list[Packet]:
        """All of them; made once."""
        if self._packets is None:
            self._packets = _packets(self._block, self._buffers)
            self._buffers = ()
        return self._packets


class _Part(Sequence[Packet]):
    """Consecutive packets of one message."""

    __slots__ = ("_begin", "_contents", "_end")

    def __init__(self, contents: _Contents, begin: int, end: int) -> None:
        self._contents = contents
        self._begin = begin
        self._end = end

    def __len__(self) -> int:
        return self._end - self._begin

    @overload
    def __getitem__(self, place: int) -> Packet: ...
    @overload
    def __getitem__(self, place: slice) -> Sequence[Packet]: ...
    def __getitem__(self, place: int | slice) -> Packet | Sequence[Packet]:
        if isinstance(place, slice):
            begin, end, step = place.indices(len(self))
            if step != 1:
                return self._contents.packets[self._begin : self._end][place]
            return type(self)(self._contents, self._begin + begin, self._begin + max(begin, end))
        return self._contents.packets[range(self._begin, self._end)[place]]

    def __iter__(self) -> Iterator[Packet]:
        return iter(self._contents.packets[self._begin : self._end])


class _LaterPart(_Part, LaterPackets):
    """The same where large frames are still to be read."""

    __slots__ = ()

    @overload
    def __getitem__(self, place: int) -> Packet: ...
    @overload
    def __getitem__(self, place: slice) -> Sequence[Packet]: ...
    def __getitem__(self, place: int | slice) -> Packet | Sequence[Packet]:
        found = super().__getitem__(place)
        if isinstance(found, Packet):
            return _read(found)
        return found if isinstance(found, _LaterPart) else list(map(_read, found))

    def __iter__(self) -> Iterator[Packet]:
        return map(_read, super().__iter__())


def _read(packet: Packet) -> Packet:
    return Packet(packet.typ, in_memory(packet.frames), packet.number, packet.kind)


def _packets(block: PacketBlock, buffers: Sequence[Any]) -> list[Packet]:
    each, count = block.frames, block.count
    frames: Iterable[list[Any]]
    if not each:
        frames = ([] for _ in range(count))
    elif isinstance(buffers[0], LaterFrames):
        frames = map(list, buffers[0].packets())
    elif len(block.sizes) == each and max(block.sizes) < INLINE_BYTES and any(block.sizes):
        frames = map(list, _layout(tuple(block.sizes)).iter_unpack(buffers[0]))
    else:
        found = _frames(block.sizes * (count if len(block.sizes) == each else 1), buffers)
        frames = (found[at : at + each] for at in range(0, each * count, each))
    numbers: Iterable[int | None] = repeat(None) if block.number is None else itertools.count(block.number)
    return list(map(Packet, repeat(block.typ, count), frames, numbers, repeat(_KINDS[block.kind])))


@functools.lru_cache(maxsize=256)
def _layout(sizes: tuple[int, ...]) -> struct.Struct:
    """What cuts joined packets with frames of these sizes apart: all of them in one call."""
    return struct.Struct("".join(f"{size}s" for size in sizes))


def _frames(sizes: Sequence[int], buffers: Sequence[Any]) -> list[Any]:
    """The frames of all packets, one after the other."""
    blob = bytes(buffers[0])
    if max(sizes, default=0) < INLINE_BYTES:
        ends = list(accumulate(sizes))
        return [blob[begin:end] for begin, end in zip([0, *ends], ends, strict=False)]
    frames: list[Any] = []
    alone, at = iter(buffers[1:]), 0
    for size in sizes:
        if size < INLINE_BYTES:
            frames.append(blob[at : at + size])
            at += size
        else:
            frames.append(next(alone))
    return frames
