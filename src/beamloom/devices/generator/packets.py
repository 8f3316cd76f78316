"""What the packets of a generator are to an analysis, and which place each has."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from beamloom.devices.encodings.json_headers import read_fields
from beamloom.devices.fields import Fields, MalformedPacket, RawPacket, frames_of
from beamloom.devices.generator.items import Kind
from beamloom.devices.images import Image, as_image, size_in_bytes
from beamloom.events import Malformed, Packet, PacketKind

TYP: Final = "GENERATOR"


class GeneratorStart(Fields):
    """A series begins."""

    packet_kind = PacketKind.START

    kind: Kind
    items: int
    """How many there will be; 0 where that is not known."""
    shape: list[int]
    dtype: str
    seed: int


class GeneratorItem(Fields):
    """One image, set of spectra, set of angles or scan point."""

    kind: Kind
    number: int
    """Counted from 0 in the series: the ``item`` of ``truth``."""
    array: Image
    """Read-only. Images: (rows, columns), counts. Spectra: (channels, bins), counts. Encoder: (axes), degrees. Scan: the positions of
    the slow and the fast axis, from -1 to 1."""
    values: dict[str, float]
    """What the array was made of, by the names of ``Truth.values``."""


class GeneratorEnd(Fields):
    """The series is complete."""

    packet_kind = PacketKind.END

    items: int


GeneratorPacket = GeneratorStart | GeneratorItem | GeneratorEnd


def parse(packet: RawPacket) -> GeneratorPacket:
    """The packet as objects. Raises MalformedPacket."""
    frames = frames_of(packet, TYP)
    head = _read_head(frames)
    fields = read_fields(frames[0])
    match fields.pop("type"):
        case "start":
            return GeneratorStart(**fields)
        case "item":
            array = as_image(frames[1], head.shape, head.dtype)
            return GeneratorItem(**{**fields, "array": array})
        case _:
            return GeneratorEnd(**fields)


class _Head(msgspec.Struct, gc=False):
    """What tells the kind, the place and the size of a packet."""

    type: str
    number: int = 0
    items: int = 0
    shape: tuple[int, ...] = ()
    dtype: str = ""


_decode_head = msgspec.json.Decoder(_Head).decode


def _read_head(frames: Sequence[Any]) -> _Head:
    """Raises MalformedPacket for what is not whole."""
    try:
        head = _decode_head(frames[0])
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise MalformedPacket(f"the first frame is no JSON header: {error}") from None
    if head.type not in ("start", "item", "end"):
        raise MalformedPacket(f"the header has the type {head.type!r}; known are start, item and end")
    if len(frames) != (2 if head.type == "item" else 1):
        raise MalformedPacket(f"the packet of type {head.type} has {len(frames)} frames")
    if min(head.number, head.items) < 0:
        raise MalformedPacket("the header has a negative number")
    if head.type == "item" and len(frames[1]) != size_in_bytes(head.shape, head.dtype):
        raise MalformedPacket(
            f"the array has {len(frames[1])} bytes, but shape {list(head.shape)} of {head.dtype} takes "
            f"{size_in_bytes(head.shape, head.dtype)}"
        )
    return head


class GeneratorReader:
    """Tells what the messages of a generator are."""

    def take(self, frames: list[Any], items: list[Packet | Malformed]) -> None:
        """Append the packet, or what is wrong with it."""
        try:
            head = _read_head(frames)
        except MalformedPacket as problem:
            items.append(Malformed(str(problem), frames))
            return
        if head.type == "item":
            items.append(Packet(TYP, frames, head.number + 1))
        elif head.type == "start":
            items.append(Packet(TYP, frames, None, PacketKind.START))
        else:
            items.append(Packet(TYP, frames, head.items + 1, PacketKind.END))
