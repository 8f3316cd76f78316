"""The format of a journal's files.

A file begins with eight bytes that name the format. Each record is a checksum (CRC-32, 4 bytes), the number of its frames (4 bytes), the
length of each (8 bytes), all little-endian, and the frames. The checksum is that of everything behind it. What does not end as it
should, or whose checksum is wrong, was being written when the process or the machine died: it and all behind it does not count.
"""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Iterator, Sequence
from typing import Any, BinaryIO, NamedTuple

MAGIC = b"BLJRNL01"
MOST_FRAMES = 1 << 20
MOST_BUFFERS = 512
"""Most buffers in one call to the system, below the least limit that systems have."""
_HEAD = struct.Struct("<II")


class Record(NamedTuple):
    """One record as it was read."""

    frames: list[bytes]
    end: int
    """Where it ends in its file, in bytes."""


def pack(frames: Sequence[Any]) -> list[Any]:
    """The buffers that make one record of ``frames``, which are not copied; each has the buffer protocol."""
    views = [memoryview(frame).cast("B") if memoryview(frame).nbytes else b"" for frame in frames]
    lengths = struct.pack(f"<{len(views)}Q", *map(len, views))
    checksum = zlib.crc32(lengths, zlib.crc32(struct.pack("<I", len(views))))
    for view in views:
        checksum = zlib.crc32(view, checksum)
    return [_HEAD.pack(checksum, len(views)) + lengths, *views]


def read_records(file: BinaryIO) -> Iterator[Record]:
    """The records of a file, from its beginning, up to the first that is not whole."""
    if file.read(len(MAGIC)) != MAGIC:
        return
    end = len(MAGIC)
    while True:
        record = read_record(file, end)
        if record is None:
            return
        end = record.end
        yield record


class Outline(NamedTuple):
    """Where a record is in its file, and its first frame."""

    begin: int
    end: int
    first_frame: bytes


def outlines(file: BinaryIO) -> Iterator[Outline]:
    """Where the records of a file are, up to the first that is not whole. Only first frames are read, and no checksum is verified."""
    if file.read(len(MAGIC)) != MAGIC:
        return
    size = file.seek(0, 2)
    end = len(MAGIC)
    while True:
        file.seek(end)
        lengths = _read_lengths(file)
        if lengths is None:
            return
        begin, at = end, file.tell()
        end = at + sum(lengths[1])
        if end > size or not lengths[1]:
            return
        yield Outline(begin, end, file.read(lengths[1][0]))


def _read_lengths(file: BinaryIO) -> tuple[int, tuple[int, ...], int] | None:
    """The checksum of the record that begins here, the lengths of its frames, and the checksum of what was read of it."""
    head = file.read(_HEAD.size)
    if len(head) < _HEAD.size:
        return None
    checksum, count = _HEAD.unpack(head)
    if count > MOST_FRAMES:
        return None
    packed = file.read(8 * count)
    if len(packed) < 8 * count:
        return None
    return checksum, struct.unpack(f"<{count}Q", packed), zlib.crc32(packed, zlib.crc32(head[4:]))


def read_record(file: BinaryIO, begin: int) -> Record | None:
    """The record that begins at ``begin``; None where it is not whole."""
    file.seek(begin)
    found = _read_lengths(file)
    if found is None:
        return None
    checksum, lengths, computed = found
    at = file.tell()
    if sum(lengths) > file.seek(0, 2) - at:
        return None
    file.seek(at)
    frames = [file.read(length) for length in lengths]
    for frame in frames:
        computed = zlib.crc32(frame, computed)
    return Record(frames, at + sum(lengths)) if computed == checksum else None


def write_all(file: int, buffers: Sequence[Any], at: int) -> None:
    """Write all of ``buffers``, of bytes, at a place of a file. Raises OSError, when a part of them may be there."""
    for first in range(0, len(buffers), MOST_BUFFERS):
        left = [memoryview(one) for one in buffers[first : first + MOST_BUFFERS] if len(one)]
        while left:
            written = os.pwritev(file, left, at)
            at += written
            while left and written >= len(left[0]):
                written -= len(left.pop(0))
            if written:
                left[0] = left[0][written:]
