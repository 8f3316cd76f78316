"""Packets made of files: a JSON header whose ``type`` is ``start``, ``image`` or ``end``, and behind that of an image its bytes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol, TypeVar

import msgspec

from beamloom.devices.fields import MalformedPacket
from beamloom.texts import encodable


class FileHead(Protocol):
    """What every header has."""

    @property
    def type(self) -> str:
        """What the packet is."""


Head = TypeVar("Head", bound=FileHead)


def write_header(fields: Mapping[str, Any]) -> bytes:
    """The first frame of such a packet. What is no Unicode, as in names of files, is in its escaped form."""
    try:
        return msgspec.json.encode(fields)
    except UnicodeEncodeError:
        return msgspec.json.encode(_encodable(fields))


def _encodable(value: Any) -> Any:
    match value:
        case str():
            return encodable(value)
        case Mapping():
            return {_encodable(name): _encodable(inner) for name, inner in value.items()}
        case list() | tuple():
            return [_encodable(inner) for inner in value]
        case _:
            return value


def read_header(frames: Sequence[Any], kind: type[Head]) -> tuple[Head, dict[str, Any]]:
    """The header as ``kind``, and all its fields but ``type``.

    Raises MalformedPacket for what is no such header, or has too few or too many frames behind it.
    """
    try:
        head = msgspec.json.decode(frames[0], type=kind)
        fields = msgspec.json.decode(frames[0], type=dict[str, Any])
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise MalformedPacket(f"the first frame is no JSON header: {error}") from None
    del fields["type"]
    if len(frames) != (2 if head.type == "image" else 1):
        raise MalformedPacket(f"the packet of type {head.type!r} has {len(frames)} frames")
    return head, fields
