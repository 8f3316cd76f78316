"""What the packets of image files are to an analysis."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any, Final

import msgspec

from beamloom.devices.fields import Fields, MalformedPacket, RawPacket, frames_of
from beamloom.devices.file_reading.packets import read_header
from beamloom.devices.image_files.decoding import decode
from beamloom.devices.images import Image
from beamloom.events import PacketKind

TYP: Final = "IMAGE_FILE"


class ImageFileStart(Fields):
    """A series begins."""

    packet_kind = PacketKind.START

    files: str
    """The path or the pattern of the settings."""
    first: str
    """The name of the first file."""


class ImageFile(Fields):
    """One file."""

    file: str
    """Its path."""
    blob: Any
    """The file as it is."""

    @functools.cached_property
    def array(self) -> Image:
        """The image, read-only, (rows, columns); (images, rows, columns) for a file of several. Decoded when it is first asked for.

        Raises MalformedPacket for a file that fabio cannot read, and NeedsFabio.
        """
        return self._decoded[0]

    @property
    def header(self) -> dict[str, str]:
        """What the file says of its (first) image, by the names that its format has for it. Raises as ``array`` does."""
        return self._decoded[1]

    @functools.cached_property
    def _decoded(self) -> tuple[Image, dict[str, str]]:
        return decode(self.blob, Path(self.file).name)


class ImageFileEnd(Fields):
    """The series is complete."""

    packet_kind = PacketKind.END

    files: int
    """How many there were, those among them that are missing."""
    reason: str
    """Why there are no more."""


ImageFilePacket = ImageFileStart | ImageFile | ImageFileEnd


class _Head(msgspec.Struct, gc=False):
    """What every header has, and what that of an image must have."""

    type: str
    file: str = ""


def parse(packet: RawPacket) -> ImageFilePacket:
    """The packet as objects. Raises MalformedPacket."""
    frames = frames_of(packet, TYP)
    head, fields = read_header(frames, _Head)
    match head.type:
        case "start":
            return ImageFileStart(**fields)
        case "end":
            return ImageFileEnd(**fields)
        case "image" if head.file:
            return ImageFile(**fields | {"blob": frames[1]})
    raise MalformedPacket(f"the header has the type {head.type!r} and names the file {head.file!r}")
