"""Records whose parts have the same lengths, one behind the other: read by columns and not one by one.

A detector that sends frames of one size, by far the most common of those that send many, makes such records: from one to the next only the
number, the time and the content of the frames differ. So a stretch of them is a table with rows of one length. Where all other
columns are what they were in a record that was walked, these are records as that one.
"""

from __future__ import annotations

import struct
from itertools import chain, pairwise
from typing import Any, Final

import numpy as np

from beamloom.recordings.walk import Walked

_NUMBER_TYPES: Final[dict[int, np.dtype[Any]]] = {
    1: np.dtype("u1"),
    2: np.dtype(">u2"),
    4: np.dtype(">u4"),
    8: np.dtype(">u8"),
}
_IN_A_BYTE: Final = 24
"""What precedes a number of one byte; a smaller one is its own head."""


class Layout:
    """What is where in records that are alike; places in bytes from their beginnings."""

    def __init__(self, buffer: bytes, record: Walked) -> None:
        """Those like ``record``, which lies in ``buffer`` with nothing passed over."""
        begin = record.begin
        self.length = record.end - begin
        self.streams = [
            (one.name, one.typ, one.sizes, self._columns([at - begin for at in one.places], one.sizes))
            for one in record.streams
        ]
        low, high = record.number
        self._number = (low - begin, high - begin)
        self._own_head = high - low == 1 and buffer[low - 1] != _IN_A_BYTE
        self.time: struct.Struct | None = None
        free = [self._number]
        for stream in record.streams:
            free += [
                (at - begin, at - begin + size) for at, size in zip(stream.places, stream.sizes, strict=True)
            ]
        if record.time is not None:
            first, stop = record.time
            self.time = self._columns([first - begin], [stop - first])
            free.append((first - begin, stop - begin))
        gaps = pairwise([0, *chain.from_iterable(free), self.length])
        self._fixed = [
            (a, b, np.frombuffer(buffer, np.uint8, b - a, begin + a)) for a, b in list(gaps)[::2] if a < b
        ]
        """What is the same in all of them: begin, end, bytes."""

    def _columns(self, places: list[int], sizes: list[int]) -> struct.Struct:
        pieces, at = [], 0
        for place, size in zip(places, sizes, strict=True):
            pieces.append(f"{place - at}x{size}s")
            at = place + size
        return struct.Struct(f"{''.join(pieces)}{self.length - at}x")

    def events(self, buffer: bytes, start: int) -> list[int]:
        """The numbers of the records from ``start`` on, as far as they are like this, and as the buffer goes."""
        count = (len(buffer) - start) // self.length
        if count <= 0:
            return []
        table = np.frombuffer(buffer, np.uint8, count * self.length, start).reshape(count, self.length)
        low, high = self._number
        alike = table[:, low] < _IN_A_BYTE if self._own_head else np.ones(count, np.bool_)
        for begin, end, content in self._fixed:
            alike &= (table[:, begin:end] == content).all(axis=1)
        if not alike.all():
            count = int(alike.argmin())
        numbers = np.ascontiguousarray(table[:count, low:high]).view(_NUMBER_TYPES[high - low])
        events: list[int] = numbers.ravel().tolist()
        return events


def consecutive(events: list[int]) -> list[tuple[int, int]]:
    """The places [begin, end) in ``events`` between which each is one more than the one before."""
    breaks = np.flatnonzero(np.diff(np.asarray(events, np.uint64)) != 1) + 1
    return list(pairwise([0, *breaks.tolist(), len(events)]))
