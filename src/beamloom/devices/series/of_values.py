"""The JSON messages of MAX IV's Tango devices that measure values: one object per message, ``series-start``, ``data``, ``series-end``.

``message_id`` counts all messages of the sender, so that a message which was dropped on the way shows; ``frame_number`` counts what was
measured, from 0 in each series. They are not the same: a device that misses a trigger skips a frame number and no message.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import msgspec

from beamloom.devices.fields import MalformedPacket
from beamloom.events import Bearing, Malformed, Packet, PacketKind

START, DATA, END = "series-start", "data", "series-end"

_LARGEST = 2**53
"""Above it JSON's numbers are not exact."""

_decode = msgspec.json.Decoder(dict[str, Any]).decode


def read_object(frame: Any) -> dict[str, Any]:
    """All fields of a JSON object; NaN and Infinity, which senders in Python write, are read too. Raises MalformedPacket."""
    try:
        return _decode(frame)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        reason = error
    try:
        found = json.loads(bytes(frame))
    except (ValueError, RecursionError):
        raise MalformedPacket(f"the message is no JSON object: {reason}") from None
    if not isinstance(found, dict):
        raise MalformedPacket(f"the message is a JSON {type(found).__name__}, not an object")
    return found


def read_message(frames: list[Any]) -> dict[str, Any]:
    """The fields of a message, which has one frame and a known ``message_type``. Raises MalformedPacket."""
    if len(frames) != 1:
        raise MalformedPacket(f"the message has {len(frames)} frames; the device sends one")
    fields = read_object(frames[0])
    if fields.get("message_type") not in (START, DATA, END):
        raise MalformedPacket(
            f"the message has the message_type {fields.get('message_type')!r}; known are {START}, {DATA} and {END}"
        )
    return fields


def whole_number(fields: dict[str, Any], name: str) -> int | None:
    """The field ``name`` where it is a whole number that can count something, else None."""
    value = fields.get(name)
    if not isinstance(value, int) or isinstance(value, bool) or abs(value) > _LARGEST:
        return None
    return value


class SeriesCount:
    """Follows the numbers of one series: what place a frame has, and which place the end has."""

    def __init__(self, first_frame: int) -> None:
        self._first_frame = first_frame
        self._message_id: int | None = None
        self._next = 1
        self._begun = False

    @property
    def bearing(self) -> Bearing | None:
        """Frames are counted from the beginning of the series: nothing else has to be known of it."""
        return {} if self._begun else None

    def resume(self, bearing: Bearing, *, one_series: bool) -> int:
        """Go on in a series whose beginning came to another reader; as of a ResumableSource."""
        if not one_series:
            raise ValueError("its frames are counted in each series anew, and this run may hold several")
        self._begun = True
        return 0

    def begin(self, fields: dict[str, Any]) -> None:
        """A series starts."""
        self._message_id = whole_number(fields, "message_id")
        self._next = 1
        self._begun = True

    def number(self, fields: dict[str, Any], rows: int = 1) -> int:
        """The place in the series of the first of ``rows`` consecutive frames, 1 for the first of all. Raises MalformedPacket."""
        self._message_id = whole_number(fields, "message_id")
        frame = whole_number(fields, "frame_number")
        if frame is None:
            raise MalformedPacket("the message has no frame_number")
        if frame < self._first_frame:
            raise MalformedPacket(
                f"frame_number {frame} comes before the first, which is {self._first_frame} by the setting first_frame"
            )
        number = frame - self._first_frame + 1
        self._next = max(self._next, number + rows)
        return number

    def end(self, fields: dict[str, Any], *, rows_per_message: int | None) -> int | None:
        """The place of the end.

        None when messages were lost right before it and nobody knows how many rows they held.
        """
        before, now = self._message_id, whole_number(fields, "message_id")
        if before is None or now is None or now == before + 1:
            return self._next
        if rows_per_message is None or now < before:
            return None
        return self._next + (now - before - 1) * rows_per_message


class SeriesMessageReader:
    """Tells what the messages are, and numbers them.

    ``take_data`` appends what a message of values holds; ``rows_per_message`` is how many rows each has, None where that differs.
    """

    def __init__(
        self,
        typ: str,
        first_frame: int,
        take_data: Callable[[SeriesCount, dict[str, Any], list[Any], list[Packet | Malformed]], None],
        *,
        rows_per_message: int | None = None,
    ) -> None:
        self._typ = typ
        self._count = SeriesCount(first_frame)
        self._take_data = take_data
        self._rows_per_message = rows_per_message

    @property
    def bearing(self) -> Bearing | None:
        """As of a ResumableSource."""
        return self._count.bearing

    def resume(self, bearing: Bearing, *, one_series: bool) -> int:
        """As of a ResumableSource."""
        return self._count.resume(bearing, one_series=one_series)

    def take(self, frames: list[Any], items: list[Packet | Malformed]) -> None:
        """Append the packets, and what is wrong with the message."""
        try:
            fields = read_message(frames)
            match fields["message_type"]:
                case "series-start":
                    self._count.begin(fields)
                    items.append(Packet(self._typ, frames, None, PacketKind.START))
                case "data":
                    self._take_data(self._count, fields, frames, items)
                case _:
                    number = self._count.end(fields, rows_per_message=self._rows_per_message)
                    items.append(Packet(self._typ, frames, number, PacketKind.END))
        except MalformedPacket as problem:
            items.append(Malformed(str(problem), frames))
