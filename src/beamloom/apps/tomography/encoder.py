"""What an encoder says beside a frame: the value of one column, whichever box or scan software sends it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import datetime
from numbers import Real
from typing import Any, NamedTuple

from beamloom import Event, Packet, PacketKind, ParameterSet, UserError
from beamloom.apps.images import Image, data_of


class Reading(NamedTuple):
    """What was captured with a frame."""

    degrees: float
    """As the encoder shows it, scaled, with its offset; NaN without a reading."""
    time: float
    """In seconds, as the box counts them; NaN where it does not."""


class Encoder:
    """Reads the packets of one stream, beside those of the camera."""

    def __init__(self) -> None:
        self._headers: dict[str, list[Any]] = {}
        """The first packets of the streams: rows of old recordings do not say what their columns are."""

    def reading(self, event: Event, frame: Image, given: ParameterSet) -> Reading:
        """What belongs to a frame: a column of another stream, or a field of its own header.

        Raises UserError where there is none of the name that ``given`` has.
        """
        wanted, column = str(given["angle_stream"].value), str(given["angle_column"].value)
        known: list[str] = []
        for name in sorted(event.streams, key=frame.stream.__eq__):
            if wanted and name != wanted:
                continue
            own = name == frame.stream
            columns = dict(frame.parsed) if own else self._columns(name, event.streams[name])
            if column in columns:
                degrees = _number(columns[column]) * float(given["angle_scale"]) + float(
                    given["angle_offset"]
                )
                return Reading(degrees, _number(columns.get(str(given["time_column"].value))))
            known += columns
        raise UserError(
            f"no stream has the column {column!r}; there are {', '.join(known) or 'none'}: name one by the parameters angle_stream "
            "and angle_column"
        )

    def remember(self, event: Event) -> None:
        """Keep what opens a series."""
        for name, packet in event.streams.items():
            if packet.kind is PacketKind.START or event.event_number == 0:
                self._headers[name] = [bytes(frame) for frame in packet.frames]

    def _columns(self, name: str, packet: Packet) -> Mapping[str, Any]:
        if packet.typ == "PCAP_RAW" and len(packet.frames) == 1 and name in self._headers:
            packet = Packet(
                packet.typ, [packet.frames[0], self._headers[name][0]], packet.number, packet.kind
            )
        return columns_of(data_of(packet))


def columns_of(parsed: Any) -> Mapping[str, Any]:
    """The named values of a parsed packet: of a PandABox by column, of others by field; of an array by index."""
    values = getattr(parsed, "values", None)
    if isinstance(values, Mapping) and values:
        return values
    array = getattr(parsed, "array", None)
    if array is not None and array.ndim == 1:
        return {str(index): value for index, value in enumerate(array.tolist())}
    return {} if parsed is None else dict(parsed)


def camera_time(parsed: Any) -> float:
    """When a frame was taken, in seconds since 1970, as its header says in ISO 8601; NaN where it does not."""
    told = getattr(parsed, "timestamps", None)
    for text in told.values() if isinstance(told, Mapping) else ():
        try:
            return datetime.fromisoformat(str(text)).timestamp()
        except ValueError:
            continue
    return math.nan


def _number(value: Any) -> float:
    return float(value) if isinstance(value, Real) else math.nan
