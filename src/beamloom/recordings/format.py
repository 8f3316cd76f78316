"""The recording format: a CBOR sequence (RFC 8742) with one item for each recorded event of one ingester.

::

    55799( 42877( [event_number, {stream: 42878( [typ, [frame, ...]] ), ...}, created_at] ) )

``created_at`` is tag 0 with RFC 3339 text; recordings made before November 2024 lack it, and some lack the tag 55799 that
says "this is CBOR". The tags and their order are dranspose's, so that each system reads what the other wrote.

A record holds a packet's type and frames. Its device number and kind are not part of the format: whoever replays derives
them again from the frames.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import cbor2
import msgspec

from beamloom.errors import UsageError
from beamloom.events import Packet

TAG_SELF_DESCRIBED = 55799
TAG_RECORD = 42877
TAG_PACKET = 42878

BYTES, TEXT, ARRAY, MAP, TAG = 2, 3, 4, 5, 6
"""Major types of CBOR (RFC 8949, part 3.1)."""

INDEFINITE = 31
BREAK = 0xFF


class NotARecording(UsageError):
    """A file that was given as a recording is something else."""


class CorruptRecording(UsageError):
    """A recording holds an item that is not a record."""


class IncompleteItem(Exception):
    """A buffer ends inside an item; ``needed`` is the least length that the buffer must have to get further."""

    def __init__(self, needed: int) -> None:
        super().__init__(needed)
        self.needed = needed


class Record(msgspec.Struct):
    """The packets that one ingester had for one event, and when they were recorded (None: not known)."""

    event_number: int
    streams: dict[str, Packet]
    created_at: datetime | None = None


def head(major: int, argument: int) -> bytes:
    """The shortest head of a CBOR item: major type and argument (RFC 8949, part 3)."""
    top = major << 5
    if argument < 24:
        return bytes((top | argument,))
    if argument < 0x100:
        return bytes((top | 24, argument))
    if argument < 0x10000:
        return struct.pack(">BH", top | 25, argument)
    if argument < 0x100000000:
        return struct.pack(">BI", top | 26, argument)
    return struct.pack(">BQ", top | 27, argument)


def text(value: str) -> bytes:
    """A CBOR text string."""
    encoded = value.encode()
    return head(TEXT, len(encoded)) + encoded


RECORD_HEAD = head(TAG, TAG_RECORD)
SELF_DESCRIBED = head(TAG, TAG_SELF_DESCRIBED)


def packet_head(stream: str, typ: str) -> bytes:
    """All that precedes the frames of a packet and does not change from event to event."""
    return text(stream) + head(TAG, TAG_PACKET) + head(ARRAY, 2) + text(typ)


def time_item(moment: datetime) -> bytes:
    """Tag 0 with RFC 3339 text. Raises ValueError for a time without zone."""
    if moment.tzinfo is None:
        raise ValueError("the time of a record needs a time zone: use datetime.now(timezone.utc)")
    written = _JSON.encode(moment)[1:-1]
    return _TIME_HEAD + head(TEXT, len(written)) + written


_JSON = msgspec.json.Encoder()
"""Writes RFC 3339 ten times faster than datetime.isoformat."""
_TIME_HEAD = head(TAG, 0)


def item_end(buffer: bytes | memoryview, start: int) -> int:
    """Where the CBOR item that starts at ``start`` ends.

    Raises IncompleteItem when the buffer ends before the item does, ValueError when the bytes are not CBOR.
    """
    position, available = start, len(buffer)
    open_items: float = 1
    enclosing: list[float] = []
    while open_items:
        if position >= available:
            raise IncompleteItem(position + 1)
        initial = buffer[position]
        position += 1
        open_items -= 1
        argument = initial & 0x1F
        major = initial >> 5
        if argument >= 24:
            if argument <= 27:
                width = 1 << (argument - 24)
                argument = int.from_bytes(buffer[position : position + width], "big")
                position += width
                if position > available:
                    raise IncompleteItem(position)
            elif argument == INDEFINITE and BYTES <= major <= MAP:
                enclosing.append(open_items)
                open_items = float("inf")
                continue
            elif initial == BREAK and open_items == float("inf"):
                open_items = enclosing.pop()
                continue
            else:
                raise ValueError(f"the byte 0x{initial:02x} at {position - 1} does not start a CBOR item")
        if major in (BYTES, TEXT):
            position += argument
            if position > available:
                raise IncompleteItem(position)
        elif major == ARRAY:
            open_items += argument
        elif major == MAP:
            open_items += 2 * argument
        elif major == TAG:
            open_items += 1
    return position


def decode_record(item: bytes | memoryview) -> Record:
    """The record in one CBOR item, with or without tag 55799, with or without a time.

    Raises ValueError with a phrase that says what the item is instead.
    """
    try:
        value = cbor2.loads(item)
    except Exception as error:
        # cbor2 lets errors of Python's own types through for malformed times, text and tags.
        raise ValueError(f"it is not readable CBOR ({error})") from error
    return record_of(value)


def record_of(value: Any) -> Record:
    """The record in a decoded CBOR item. Raises ValueError as decode_record does."""
    if isinstance(value, cbor2.CBORTag) and value.tag == TAG_SELF_DESCRIBED:
        value = value.value
    if not isinstance(value, cbor2.CBORTag) or value.tag != TAG_RECORD:
        raise ValueError(f"it is {_describe(value)}, and a record is CBOR with the tag {TAG_RECORD}")
    fields = value.value
    if not isinstance(fields, _ARRAYS) or len(fields) not in (2, 3):
        raise ValueError(
            f"tag {TAG_RECORD} holds {_describe(fields)} instead of an event number, streams and a time"
        )
    event_number, streams = fields[:2]
    created_at = fields[2] if len(fields) == 3 else None
    if not isinstance(event_number, int):
        raise ValueError(f"it has {_describe(event_number)} where the event number belongs")
    if not isinstance(streams, Mapping):
        raise ValueError(f"it has {_describe(streams)} where the streams belong")
    if not isinstance(created_at, datetime | None):
        raise ValueError(f"it has {_describe(created_at)} where the time belongs")
    return Record(
        event_number, {stream: _packet(stream, tagged) for stream, tagged in streams.items()}, created_at
    )


_ARRAYS = (list, tuple)
"""cbor2 gives an array inside a tag as either, by its version."""


def _packet(stream: Any, tagged: Any) -> Packet:
    if isinstance(tagged, cbor2.CBORTag) and tagged.tag == TAG_PACKET:
        fields = tagged.value
        if isinstance(fields, _ARRAYS) and len(fields) == 2:
            typ, frames = fields
            if isinstance(typ, str) and isinstance(frames, _ARRAYS) and isinstance(stream, str):
                for frame in frames:
                    if not isinstance(frame, bytes):
                        break
                else:
                    return Packet(typ, list(frames))
    raise ValueError(f"its stream {stream!r} is {_describe(tagged)} instead of a packet (tag {TAG_PACKET})")


def _describe(value: Any) -> str:
    if isinstance(value, cbor2.CBORTag):
        return f"an item with the tag {value.tag}"
    if isinstance(value, list | tuple):
        if value and all(isinstance(element, bytes) for element in value):
            return "an array of byte strings (a raw capture of a device's messages)"
        return f"an array of {len(value)} items"
    return f"a {type(value).__name__}"
