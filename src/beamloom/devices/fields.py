"""What a device sent, by the names that the device gave it.

Devices add fields from one firmware to the next; an analysis reads them by name without waiting for us. So the parsers' objects
hold every field of the packet as an attribute, known beforehand or not.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar, Final, Protocol

import zmq

from beamloom.errors import did_you_mean
from beamloom.events import PacketKind


class MalformedPacket(ValueError):
    """A packet that does not follow its device's protocol; the text is a sentence that says in what."""


class RawPacket(Protocol):
    """What a parser needs of a packet: its type tag and its frames (bytes or other buffers)."""

    typ: str
    frames: list[Any]


def frames_of(packet: RawPacket, typ: str) -> list[Any]:
    """The frames of a packet of type ``typ``. Raises MalformedPacket for one of another type, or without frames."""
    if packet.typ != typ:
        raise MalformedPacket(
            f"this packet is of type {packet.typ!r}, not {typ!r}; packet.parse() finds the parser that fits"
        )
    if not packet.frames:
        raise MalformedPacket("the packet has no frames")
    return packet.frames


def owned(field: Any) -> Any:
    """``field`` with bytes in the place of what looks into a received message, also within lists and dictionaries."""
    if isinstance(field, zmq.Frame):
        return field.bytes
    if isinstance(field, memoryview):
        return bytes(field)
    if type(field) is dict:
        return {name: owned(value) for name, value in field.items()}
    if type(field) in (list, tuple):
        return type(field)(map(owned, field))
    return field


_SHOWN: Final = 64
"""Bytes that are shown one by one; an image is more than anybody wants to see in a log."""


def _shown(field: Any) -> str:
    if isinstance(field, bytes | bytearray | memoryview | zmq.Frame) and len(field) > _SHOWN:
        return f"<{len(field)} bytes>"
    if type(field) is dict:
        return f"{{{', '.join(f'{name!r}: {_shown(value)}' for name, value in field.items())}}}"
    if type(field) is list:
        return f"[{', '.join(map(_shown, field))}]"
    return repr(field)


class NoField(AttributeError):
    """A field that an object does not have. Its sentence is made when somebody reads it, which ``hasattr`` does not."""

    def __init__(self, kind: str, wanted: str, fields: Mapping[str, Any]) -> None:
        super().__init__(wanted)
        self._kind, self._wanted, self._fields = kind, wanted, fields

    def __str__(self) -> str:
        return (
            f"this {self._kind} has no field {self._wanted!r}{did_you_mean(self._wanted, self._fields)}; "
            f"it has {', '.join(map(str, self._fields)) or 'none'}"
        )

    def __reduce__(self) -> tuple[type[AttributeError], tuple[str]]:
        return AttributeError, (str(self),)


class Fields:
    """The fields of one packet as attributes.

    ``"name" in packet`` tells whether a field is there, ``dict(packet)`` gives all of them.
    """

    __slots__ = ("_fields",)

    packet_kind: ClassVar[PacketKind] = PacketKind.DATA
    """Where in its series such a packet stands."""

    _fields: dict[str, Any]

    def __init__(self, /, **fields: Any) -> None:
        self._fields = fields

    def __getattr__(self, name: str) -> Any:
        # While an object is copied or unpickled its slots are empty, and asking for them must not come back here.
        if name.startswith("_"):
            raise AttributeError(name)
        try:
            return self._fields[name]
        except KeyError:
            raise NoField(type(self).__name__, name, self._fields) from None

    def __contains__(self, name: object) -> bool:
        return name in self._fields

    def __iter__(self) -> Iterator[tuple[str, Any]]:
        return iter(self._fields.items())

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *(name for name in self._fields if isinstance(name, str))]

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and isinstance(other, Fields) and self._fields == other._fields

    __hash__ = None  # type: ignore[assignment]

    def __getstate__(self) -> dict[str, Any]:
        return {name: owned(value) for name, value in self}

    def __setstate__(self, fields: dict[str, Any]) -> None:
        self._fields = fields

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{name}={_shown(value)}' for name, value in self)})"
