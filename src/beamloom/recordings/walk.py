"""One record as this system and dranspose write it, found in the bytes by looking at heads alone.

Policy: what is as usual takes a few steps; at anything else the walk gives up, and the general decoder has its turn, which knows all of
CBOR and says what is wrong. What the walk accepts, the general decoder reads alike. Large frames of files are passed over and read
when they are wanted: who only wants to know what is there does not read them.
"""

from __future__ import annotations

import re
from datetime import datetime

from beamloom.recordings.format import RECORD_HEAD, SELF_DESCRIBED, IncompleteItem, packet_head
from beamloom.recordings.source import Content, FileFrame

LARGE_FRAME = 1 << 16
"""Bytes from which on a frame is passed over."""

Frame = bytes | FileFrame
Heads = dict[int, tuple[bytes, str, str]]
"""By place in the record: the head of a packet as it was last seen, its stream and its type."""

_BYTES, _TEXT, _ARRAY, _MAP = 0x40, 0x60, 0x80, 0xA0
_LEAST = 6
"""No record has fewer bytes."""
_WIDTHS = {24: 1, 25: 2, 26: 4, 27: 8}
_ONE, _TWO, _FOUR = _BYTES | 24, _BYTES | 25, _BYTES | 26
_PACKET_HEAD = packet_head("", "")[1:-1]
_TIME = re.compile(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,6})?(?:Z|[+-]\d\d:\d\d)")


class Unusual(Exception):
    """Something is not written as records are usually written, or is no record at all."""


class WalkedStream:
    """The packet of one stream in a record."""

    __slots__ = ("frames", "name", "places", "sizes", "typ")

    def __init__(self, name: str, typ: str, frames: list[Frame], sizes: list[int], places: list[int]) -> None:
        self.name = name
        self.typ = typ
        self.frames = frames
        self.sizes = sizes
        """Bytes of each frame."""
        self.places = places
        """Where in the buffer each frame begins; meaningless where one was passed over."""


class Walked:
    """One record."""

    __slots__ = ("begin", "end", "event", "number", "passed_over", "streams", "time")

    def __init__(
        self,
        event: int,
        streams: list[WalkedStream],
        begin: int,
        end: int,
        number: tuple[int, int],
        time: tuple[int, int] | None,
        passed_over: bool,
    ) -> None:
        self.event = event
        self.streams = streams
        self.begin = begin
        """Where in the buffer it begins, if nothing was passed over."""
        self.end = end
        """Where in the buffer it ends."""
        self.number = number
        """Where in the buffer its number begins and ends, if nothing was passed over."""
        self.time = time
        """Where in the buffer the text of its time begins and ends; None where it has none."""
        self.passed_over = passed_over

    def is_alike(self, other: Walked) -> bool:
        """Whether all parts have the same lengths in both, and nothing was passed over."""
        return (
            not self.passed_over
            and self.end - self.begin == other.end - other.begin
            and self.number[1] - self.number[0] == other.number[1] - other.number[0]
            and [one.sizes for one in self.streams] == [one.sizes for one in other.streams]
        )


def walk(content: Content, heads: Heads) -> Walked:
    """The record at ``content.position``, which stays where it is.

    Raises IncompleteItem where it goes on behind the buffer, Unusual.
    """
    try:
        return _walk(content, heads)
    except IndexError:
        raise IncompleteItem(len(content.buffer) + 1) from None


def _walk(content: Content, heads: Heads) -> Walked:
    buffer = content.buffer
    begin = at = content.start
    if at + _LEAST > len(buffer):
        raise IncompleteItem(at + _LEAST)
    if buffer.startswith(SELF_DESCRIBED, at):
        at += len(SELF_DESCRIBED)
    if not buffer.startswith(RECORD_HEAD, at):
        raise Unusual
    at += len(RECORD_HEAD)
    fields = buffer[at] - _ARRAY
    if fields not in (2, 3):
        raise Unusual
    at += 1
    first = buffer[at]
    if first < 24:
        event, number = first, (at, at + 1)
    elif first in _WIDTHS:
        number = (at + 1, at + 1 + _WIDTHS[first])
        event = int.from_bytes(buffer[number[0] : number[1]], "big")
    else:
        raise Unusual
    at = number[1]
    count = buffer[at] - _MAP
    if not 0 <= count < 24:
        raise Unusual
    at += 1
    streams: list[WalkedStream] = []
    passed_over = False
    for place in range(count):
        known = heads.get(place)
        if known is None or not buffer.startswith(known[0], at):
            known = heads[place] = _packet_head(buffer, at)
        at += len(known[0])
        packet = WalkedStream(known[1], known[2], [], [], [])
        streams.append(packet)
        of_packet, at = _argument(buffer, at, _ARRAY)
        for _ in range(of_packet):
            kind = buffer[at]
            if kind == _TWO:
                length = buffer[at + 1] << 8 | buffer[at + 2]
                at += 3
            elif kind == _FOUR:
                length = int.from_bytes(buffer[at + 1 : at + 5], "big")
                at += 5
            elif kind == _ONE:
                length = buffer[at + 1]
                at += 2
            else:
                length, at = _argument(buffer, at, _BYTES)
            stop = at + length
            packet.sizes.append(length)
            packet.places.append(at)
            if length >= LARGE_FRAME and (later := content.pass_over(at, length)) is not None:
                packet.frames.append(later)
                buffer, at, passed_over = content.buffer, 0, True
            elif stop > len(buffer):
                raise IncompleteItem(stop)
            else:
                packet.frames.append(buffer[at:stop])
                at = stop
    if count > 1 and len({packet.name for packet in streams}) < count:
        raise Unusual
    time = None
    if fields == 3:
        if buffer[at] != 0xC0:
            raise Unusual
        length, at = _argument(buffer, at + 1, _TEXT)
        time = (at, at + length)
        at += length
        if at > len(buffer):
            raise IncompleteItem(at)
        if _TIME.fullmatch(buffer, *time) is None:
            raise Unusual
    return Walked(event, streams, begin, at, number, time, passed_over)


def _argument(buffer: bytes, at: int, major: int) -> tuple[int, int]:
    """The argument of the head at ``at``, which must be of this major type, and where the head ends."""
    value = buffer[at] - major
    if 0 <= value < 24:
        return value, at + 1
    width = _WIDTHS.get(value)
    if width is None:
        raise Unusual
    end = at + 1 + width
    if end > len(buffer):
        raise IncompleteItem(end)
    return int.from_bytes(buffer[at + 1 : end], "big"), end


def _packet_head(buffer: bytes, begin: int) -> tuple[bytes, str, str]:
    """What precedes the frames of a packet, its stream and its type."""
    stream, at = _text(buffer, begin)
    end = at + len(_PACKET_HEAD)
    if end > len(buffer):
        raise IncompleteItem(end)
    if buffer[at:end] != _PACKET_HEAD:
        raise Unusual
    typ, end = _text(buffer, end)
    return buffer[begin:end], stream, typ


def _text(buffer: bytes, at: int) -> tuple[str, int]:
    length, at = _argument(buffer, at, _TEXT)
    if at + length > len(buffer):
        raise IncompleteItem(at + length)
    try:
        return buffer[at : at + length].decode(), at + length
    except UnicodeDecodeError:
        raise Unusual from None


def moment(text: bytes) -> datetime:
    """The time that a record has as RFC 3339 text. Raises ValueError."""
    return datetime.fromisoformat(text.decode())
