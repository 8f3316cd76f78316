"""Packets of many events in one message.

Small frames are joined, so that a thousand small events cost one message; frames from INLINE_BYTES on travel alone and uncopied.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from typing import Any

from beamloom.engine.packet_rows import PacketRow, common_sizes
from beamloom.events import Packet, PacketKind
from beamloom.transport.messages import PacketBlock

INLINE_BYTES = 32 * 1024
"""Frames below this size are joined into one."""

_KINDS = {int(kind): kind for kind in PacketKind}


def pack(row: PacketRow) -> tuple[PacketBlock, list[Any]]:
    """Packets as a block and the frames that go with it."""
    sizes = row.sizes
    if max(sizes, default=0) < INLINE_BYTES:
        buffers = [b"".join(row.frames)]
    else:
        each = sizes * row.count if row.alike else sizes
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


def unpack(block: PacketBlock, buffers: Sequence[Any]) -> list[Packet]:
    """The packets out of a block and its frames; small frames are ``bytes``, large ones as they were received."""
    blob = bytes(buffers[0])
    each, count, typ = block.frames, block.count, block.typ
    sizes = block.sizes * count if len(block.sizes) == each else block.sizes
    if max(sizes, default=0) < INLINE_BYTES:
        ends = list(accumulate(sizes))
        frames: list[Any] = [blob[begin:end] for begin, end in zip([0, *ends], ends, strict=False)]
    else:
        frames, alone, at = [], iter(buffers[1:]), 0
        for size in sizes:
            if size < INLINE_BYTES:
                frames.append(blob[at : at + size])
                at += size
            else:
                frames.append(next(alone))
    of_packets = (
        [frames[at : at + each] for at in range(0, each * count, each)]
        if each
        else [[] for _ in range(count)]
    )
    kind, number = _KINDS[block.kind], block.number
    if number is None:
        return [Packet(typ, of_packet, None, kind) for of_packet in of_packets]
    return [Packet(typ, of_packet, place, kind) for place, of_packet in enumerate(of_packets, number)]
