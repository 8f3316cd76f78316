"""An event as plain JSON: what was sent, what the parser makes of it, each array with its shape, type, range and a thumbnail.

::

    {"event_number": 7, "streams": {"eiger": {
        "typ": "STINS", "number": 8, "kind": "data",
        "frames": [{"bytes": 92, "begins": "{'htype': ..."}, {"bytes": 51200}],
        "parsed": "Stream1Data",
        "values": {"frame": 7, "compression": "bslz4", ...},
        "arrays": {"array": {"shape": [512, 512], "dtype": "uint16", "min": 0, "max": 41, "thumbnail": "data:image/png;..."}},
        "problems": {"array": "MalformedPacket: the blob ..."}}}}

Thumbnails are left out where they are not asked for: ``arrays_of`` has the arrays themselves, under the same paths.

A small array has its ``values``, and neither a range nor a thumbnail. What a parser cannot read has its error under ``problem``, in the
place of ``parsed``; a field that cannot be had is named in ``problems``. Nothing here fails because of what a device sent or a site's
parser does.
"""

from __future__ import annotations

import dataclasses
import functools
import inspect
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

import msgspec
import numpy as np
import zmq

from beamloom.devices.fields import Fields
from beamloom.events import Event, Packet
from beamloom.glance.thumbnails import measured, thumbnail

SHOWN_BYTES: Final = 200
"""Of each frame that is text."""
SHOWN_TEXT: Final = 1000
"""Characters of a text."""
SHOWN_ITEMS: Final = 64
"""Items of a list or mapping; more numbers than that are shown as an array."""
SHOWN_ELEMENTS: Final = 16
"""Arrays of so few elements are shown element by element, not as a picture."""
DEEPEST: Final = 6
"""Values within values."""


def show_event(event: Event, *, thumbnails: bool = True) -> dict[str, Any]:
    """The event as this module's docstring has it; for ``results.plain.to_json``."""
    return {
        "event_number": event.event_number,
        "streams": {stream: show_packet(packet, thumbnails) for stream, packet in event.streams.items()},
    }


def arrays_of(packet: Packet) -> dict[str, Any]:
    """The arrays of what a parser makes of a packet, by the paths under which they are shown. Raises what the parser raises."""
    walk = _Walk(lambda array: array)
    shown: dict[str, Any] = walk.over(packet.parse())
    arrays: dict[str, Any] = shown["arrays"]
    return arrays


def show_packet(packet: Packet, thumbnails: bool = True) -> dict[str, Any]:
    """One packet of an event."""
    shown: dict[str, Any] = {
        "typ": packet.typ,
        "number": packet.number,
        "kind": packet.kind.name.lower(),
        "frames": [_frame(frame) for frame in packet.frames],
    }
    try:
        parsed = packet.parse()
    # A site's own parser may raise anything; the other streams of the event are still to be seen.
    except Exception as error:  # noqa: BLE001
        return {**shown, "problem": _problem(error)}
    return {
        **shown,
        "parsed": type(parsed).__name__,
        **_Walk(_describe if thumbnails else _measure).over(parsed),
    }


def _frame(frame: Any) -> dict[str, Any]:
    """The size of a frame; of one that is text also its beginning."""
    # The last character may be cut in two, so what cannot be decoded at the very end is no sign of anything.
    begins = bytes(frame[:SHOWN_BYTES]).decode(errors="replace").rstrip("\ufffd")
    readable = begins and all(character.isprintable() or character in "\t\r\n" for character in begins)
    if not readable or "\ufffd" in begins:
        return {"bytes": len(frame)}
    return {"bytes": len(frame), "begins": begins}


def _problem(error: Exception) -> str:
    return f"{type(error).__name__}: {_text(str(error))}"


class _Walk:
    """Goes over what one parser made; arrays are taken out and shown under their path."""

    def __init__(self, describe: Callable[[Any], Any]) -> None:
        """``describe``: what is shown of an array."""
        self._describe = describe
        self._arrays: dict[str, Any] = {}
        self._problems: dict[str, str] = {}
        self._seen: list[Any] = []
        """Arrays that are shown, and kept here so that none of the same identity can follow."""

    def over(self, parsed: Any) -> dict[str, Any]:
        """``values``, ``arrays`` and, where there are any, ``problems``."""
        fields = fields_of(parsed)
        values = {}
        if fields is None:
            values = {"value": self._value(parsed, "value", 0)}
        else:
            # First what is unpacked under the device's name; the bytes under the same name are then not shown.
            for name in worked_out(parsed.__class__):
                try:
                    value = getattr(parsed, name)
                # Unpacking may fail as parsing may.
                except Exception as error:  # noqa: BLE001
                    self._problems[name] = _problem(error)
                else:
                    fields = {**fields, name: value}
            for name, value in _first(fields):
                values[str(name)] = self._value(value, str(name), 1)
        shown: dict[str, Any] = {
            "values": {name: value for name, value in values.items() if value is not _TAKEN_OUT},
            "arrays": self._arrays,
        }
        return {**shown, "problems": self._problems} if self._problems else shown

    def _value(self, value: Any, path: str, depth: int) -> Any:
        if isinstance(value, bytes | bytearray | memoryview | zmq.Frame):
            return {"bytes": len(value)}
        if isinstance(value, str):
            return _text(value)
        if value is None or isinstance(value, bool | int | float | complex):
            return value
        if isinstance(value, np.generic):
            value = np.asarray(value)
        if isinstance(value, np.ndarray):
            return self._array(value, path)
        if depth >= DEEPEST:
            return _text(repr(value))
        if isinstance(value, list | tuple):
            return self._items(value, path, depth)
        fields = fields_of(value)
        if fields is None:
            return _text(repr(value))
        shown = {
            _text(str(name)): self._value(item, f"{path}.{name}", depth + 1) for name, item in _first(fields)
        }
        return {name: item for name, item in shown.items() if item is not _TAKEN_OUT} or _TAKEN_OUT

    def _items(self, items: list[Any] | tuple[Any, ...], path: str, depth: int) -> Any:
        if len(items) > SHOWN_ITEMS and all(type(item) in (int, float) for item in items):
            return self._array(np.array(items, float), path)
        shown = [
            self._value(item, f"{path}[{place}]", depth + 1) for place, item in enumerate(items[:SHOWN_ITEMS])
        ]
        return [item for item in shown if item is not _TAKEN_OUT] if shown != [_TAKEN_OUT] else _TAKEN_OUT

    def _array(self, array: Any, path: str) -> Any:
        if array.ndim == 0 and array.dtype.kind in "biufc":
            return array.item()
        if any(array is one or _same(array, one) for one in self._seen):
            return _TAKEN_OUT
        self._seen.append(array)
        self._arrays[path] = self._describe(array)
        return _TAKEN_OUT


_TAKEN_OUT: Final = object()


def _describe(array: Any) -> dict[str, Any]:
    shown = _measure(array)
    picture = None if "values" in shown else thumbnail(array)
    return shown if picture is None else {**shown, "thumbnail": picture}


def _measure(array: Any) -> dict[str, Any]:
    shown: dict[str, Any] = {"shape": list(array.shape), "dtype": str(array.dtype)}
    if array.size <= SHOWN_ELEMENTS:
        return {**shown, "values": array.tolist() if array.dtype.kind in "biufc" else _text(str(array))}
    if array.dtype.kind in "biuf" and array.size:
        valid = array[measured(array)]
        if valid.size:
            shown |= {"min": valid.min().item(), "max": valid.max().item()}
    return shown


def _same(one: Any, other: Any) -> bool:
    """Whether two arrays look at the same memory in the same way."""
    return bool(
        one.size and one.dtype == other.dtype and one.__array_interface__ == other.__array_interface__
    )


def _first(fields: Mapping[Any, Any]) -> Iterator[tuple[Any, Any]]:
    for place, entry in enumerate(fields.items()):
        if place == SHOWN_ITEMS:
            return
        yield entry


def _text(text: str) -> str:
    text = text.encode(errors="replace").decode()
    return text if len(text) <= SHOWN_TEXT else f"{text[:SHOWN_TEXT]}…"


def fields_of(value: Any) -> dict[Any, Any] | None:
    """The fields of an object that consists of fields."""
    if isinstance(value, Fields):
        return dict(value)
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, msgspec.Struct):
        return {name: getattr(value, name) for name in value.__struct_fields__}
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    return None


@functools.cache
def worked_out(cls: type) -> list[str]:
    """What a parser's class works out when asked, ``array`` first: the others are mostly other names for it."""
    found = [
        name
        for name, member in inspect.getmembers_static(cls)
        if isinstance(member, functools.cached_property | property) and not name.startswith("_")
    ]
    return sorted(found, key=lambda name: (name != "array", name))
