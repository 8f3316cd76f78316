"""What the streams of a recording are made of, as far as a first analysis wants to know it."""

from __future__ import annotations

import enum
import importlib.metadata
import keyword
import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec
import numpy as np

from beamloom.events import Packet, PacketKind

MOST_NUMBERS: Final = 4
"""So many numbers of a stream become columns."""
_PREFERRED: Final = ("array", "data")
_COUNTERS: Final = frozenset(
    {"frame", "number", "image_id", "series_id", "unique_id", "message_id", "msg_number", "version", "size", "items",
     "packet_kind", "point_nb"}
)  # fmt: skip
"""Numbers that count packets, and say nothing of the experiment."""


class Seen(msgspec.Struct):
    """One stream."""

    name: str
    typ: str
    variable: str
    """Its name as one of Python."""
    packets: int = 0
    attribute: str = ""
    """Where its packets have an array; empty where they have none."""
    dtype: str = ""
    shape: tuple[int, ...] | None = ()
    """Of that array; None where it changes."""
    middle: float = 0.0
    """Half of the highest value that was seen."""
    numbers: list[str] = []
    """Where they have numbers."""
    unread: int = 0
    """Packets that cannot be read by themselves."""

    @property
    def readable(self) -> bool:
        """Whether each packet can be read by itself, and some have data."""
        return self.packets > 0 and not self.unread

    def column(self, number: str) -> str:
        """The column of one of its numbers."""
        short = re.sub(r"\W+", "_", number.rpartition("/")[2] or number, flags=re.ASCII).strip("_")
        return f"{self.variable}_{short}"

    @property
    def device(self) -> str | None:
        """The device that sends such packets; None where none is known."""
        parsers = {one.name: one.module for one in importlib.metadata.entry_points(group="beamloom.parsers")}
        devices = {one.module: one.name for one in importlib.metadata.entry_points(group="beamloom.devices")}
        return devices.get(parsers.get(self.typ, ""))


def streams_of(events: Iterable[Mapping[str, Packet]]) -> list[Seen]:
    """The streams of these events, by name."""
    found: dict[str, Seen] = {}
    for streams in events:
        for name, packet in streams.items():
            if name not in found:
                found[name] = Seen(name, packet.typ, _variable(name, found), shape=(), numbers=[])
            try:
                parsed = data_of(packet)
            except (ValueError, LookupError):
                found[name].unread += 1
                continue
            if parsed is not None:
                _look(found[name], parsed)
    return [found[name] for name in sorted(found)]


def data_of(packet: Packet) -> Any:
    """The packet parsed; None where it opens or closes a series. Raises what the parser raises."""
    if packet.kind is not PacketKind.DATA:
        return None
    parsed = packet.parse()
    return parsed if getattr(parsed, "packet_kind", PacketKind.DATA) is PacketKind.DATA else None


def _look(seen: Seen, parsed: Any) -> None:
    attributes = _attributes(parsed)
    arrays = {
        name: value
        for name, value in attributes.items()
        if isinstance(value, np.ndarray) and value.dtype.kind in "buif" and value.size > 1
    }
    numbers = {
        name
        for name, value in attributes.items()
        if isinstance(value, int | float | np.number)
        and not isinstance(value, bool | enum.Enum)
        and name not in _COUNTERS
    }
    if seen.packets == 0:
        seen.numbers = sorted(numbers)[:MOST_NUMBERS]
        best = [name for name in (*_PREFERRED, *sorted(arrays)) if name in arrays]
        if best:
            seen.attribute = best[0]
            seen.shape, seen.dtype = arrays[best[0]].shape, str(arrays[best[0]].dtype)
    seen.packets += 1
    seen.numbers = [name for name in seen.numbers if name in numbers]
    if seen.attribute:
        array = arrays.get(seen.attribute)
        if array is None or array.dtype != seen.dtype or array.shape != seen.shape:
            seen.shape = None
        if array is None:
            seen.attribute = ""
        elif np.isfinite(highest := float(array.max())):
            seen.middle = max(seen.middle, float(f"{highest / 2:.2g}"))


def _attributes(parsed: Any) -> dict[str, Any]:
    names = getattr(type(parsed), "model_fields", None) or getattr(parsed, "__struct_fields__", None)
    if names is None:
        names = [name for name in dir(parsed) if not name.startswith("_")]
    found: dict[str, Any] = {}
    for name in names:
        value = getattr(parsed, name, None)
        if not callable(value):
            found[name] = value
    return found


def _variable(name: str, taken: Mapping[str, Seen]) -> str:
    variable = re.sub(r"\W", "_", name, flags=re.ASCII).lower().strip("_") or "stream"
    if variable[0].isdigit() or keyword.iskeyword(variable) or variable in _RESERVED:
        variable = f"stream_{variable}"
    others = {one.variable for one in taken.values()}
    while variable in others:
        variable += "_"
    return variable


_RESERVED: Final = frozenset({"event", "parameters", "results", "row", "self", "frame", "data_of"})
