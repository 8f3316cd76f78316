"""Packets of many events in one message.

Small frames are joined, so that a thousand small events cost one message; frames from INLINE_BYTES on travel alone and uncopied.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from beamloom.events import Packet, PacketKind, frame_bytes
from beamloom.transport.messages import PacketBlock

INLINE_BYTES = 32 * 1024
"""Frames below this size are joined into one."""

_KINDS = {int(kind): kind for kind in PacketKind}


def pack(packets: Sequence[Packet]) -> tuple[PacketBlock, list[Any]]:
    """Packets of one type as a block and the frames that go with it."""
    inline: list[Any] = []
    alone: list[Any] = []
    sizes: list[int] = []
    for packet in packets:
        for frame in packet.frames:
            size = frame_bytes(frame)
            sizes.append(size)
            (inline if size < INLINE_BYTES else alone).append(frame)
    frames = [len(packet.frames) for packet in packets]
    if frames.count(frames[0]) == len(frames):
        frames = frames[:1]
    kinds = bytes([packet.kind for packet in packets])
    if kinds.count(kinds[0]) == len(kinds):
        kinds = kinds[:1]
    numbers = [packet.number for packet in packets]
    first = numbers[0]
    if numbers == ([None] * len(numbers) if first is None else list(range(first, first + len(numbers)))):
        numbers = [first]
    block = PacketBlock(packets[0].typ, len(packets), frames, sizes, kinds, numbers)
    return block, [b"".join(inline), *alone]


def unpack(block: PacketBlock, buffers: Sequence[Any]) -> list[Packet]:
    """The packets out of a block and its frames; small frames are ``bytes``, large ones as they were received."""
    blob = bytes(buffers[0])
    alone = iter(buffers[1:])
    sizes = iter(block.sizes)
    same_frames = block.frames[0] if len(block.frames) == 1 else None
    same_kind = _KINDS[block.kinds[0]] if len(block.kinds) == 1 else None
    first = block.numbers[0]
    counted = len(block.numbers) == 1
    packets: list[Packet] = []
    at = 0
    for i in range(block.count):
        frames: list[Any] = []
        for _ in range(same_frames if same_frames is not None else block.frames[i]):
            size = next(sizes)
            if size < INLINE_BYTES:
                frames.append(blob[at : at + size])
                at += size
            else:
                frames.append(next(alone))
        kind = same_kind if same_kind is not None else _KINDS[block.kinds[i]]
        number = (None if first is None else first + i) if counted else block.numbers[i]
        packets.append(Packet(block.typ, frames, number, kind))
    return packets


def same_type_runs(packets: Sequence[Packet]) -> list[tuple[int, int]]:
    """Where runs of packets of the same type begin and end."""
    runs: list[tuple[int, int]] = []
    first = 0
    for i in range(1, len(packets) + 1):
        if i == len(packets) or packets[i].typ != packets[first].typ:
            runs.append((first, i))
            first = i
    return runs
