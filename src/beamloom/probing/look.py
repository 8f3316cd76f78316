"""What one packet holds, in a line for people: shape, type and compression of its arrays."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgspec
import numpy as np

from beamloom.devices.fields import RawPacket
from beamloom.errors import UserError
from beamloom.events import Packet, PacketKind

_DEPTH: Final = 3
"""How deep arrays are looked for within lists and dictionaries."""

_ARRAYS_SHOWN: Final = 4

PARSER_ERRORS: Final = (
    ArithmeticError,
    AttributeError,
    EOFError,
    LookupError,
    RuntimeError,
    TypeError,
    UserError,
    ValueError,
)
"""What parsers raise for packets that are not theirs; those of other packages may raise any of them."""


class Look(msgspec.Struct, frozen=True):
    """What a packet holds."""

    kind: PacketKind
    shape: tuple[int, ...] | None = None
    """Of its image or set of spectra; None where it has none."""
    dtype: str | None = None
    compression: str | None = None
    """As the device calls it; None where the protocol knows no compression."""
    fields: tuple[str, ...] = ()
    """Where there is no image: the names of what there is, arrays with their shapes."""
    declared: int = 0
    """How many of the fields that the device's documentation names are there."""
    missing: int = 0
    """How many of them are not."""
    problem: str | None = None
    """Why the packet cannot be parsed, or its array not be unpacked."""

    def __str__(self) -> str:
        if self.problem is not None:
            return f"unreadable: {self.problem}"
        if self.shape is not None:
            size = "×".join(map(str, self.shape)) or "scalar"
            return " ".join(filter(None, [size, self.dtype, self.compression]))
        more = f", and {len(self.fields) - _ARRAYS_SHOWN} more" if len(self.fields) > _ARRAYS_SHOWN else ""
        return ", ".join(self.fields[:_ARRAYS_SHOWN]) + more


def look_at(packet: Packet) -> Look:
    """Parse a packet and unpack its array; what goes wrong is said in the look."""
    return look_with(packet.parse, packet.kind)


def look_by(parser: Any, packet: Packet) -> Look:
    """As look_at, with a parser that need not be installed under the packet's type."""
    raw: RawPacket = packet
    return look_with(lambda: parser(raw), packet.kind)


def look_with(parse: Any, kind: PacketKind) -> Look:
    """What ``parse()`` returns, in short."""
    try:
        parsed = parse()
        kind = getattr(parsed, "packet_kind", kind)
        compression = getattr(parsed, "compression", None) or getattr(parsed, "codec", None)
        compression = compression if isinstance(compression, str) else None
        there = [hasattr(parsed, name) for name in inspect.get_annotations(type(parsed))]
        declared, missing = there.count(True), there.count(False)
        image = _image(parsed) if kind is PacketKind.DATA else None
        if isinstance(image, np.ndarray):
            return Look(kind, image.shape, image.dtype.name, compression, (), declared, missing)
        return Look(
            kind, compression=compression, fields=tuple(_fields(parsed)), declared=declared, missing=missing
        )
    except PARSER_ERRORS as error:
        return Look(kind, problem=str(error) or type(error).__name__)


def _image(parsed: Any) -> Any:
    """Its one array: an image, or a set of spectra or traces."""
    array = getattr(parsed, "array", None)
    return getattr(parsed, "data", None) if array is None else array


def _fields(parsed: Any) -> Iterator[str]:
    try:
        named = dict(parsed)
    except (TypeError, ValueError):
        named = dict(getattr(parsed, "__dict__", {}))
    arrays = list(_arrays("", named, _DEPTH))
    if arrays:
        yield from arrays
    else:
        yield from (str(name) for name in named if not str(name).startswith("_"))


def _arrays(path: str, value: Any, depth: int) -> Iterator[str]:
    if isinstance(value, np.ndarray):
        yield f"{path} {'×'.join(map(str, value.shape)) or 'scalar'} {value.dtype.name}"
    elif isinstance(value, Mapping) and depth:
        for name, inner in value.items():
            yield from _arrays(f"{path}.{name}" if path else str(name), inner, depth - 1)
