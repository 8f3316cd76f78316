"""What the packets of a process variable are to an analysis."""

from __future__ import annotations

import functools
import importlib
import io
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec
import numpy as np

from beamloom.devices.codecs import UnknownCompression
from beamloom.devices.fields import Fields, MalformedPacket, RawPacket, frames_of
from beamloom.devices.images import Image, decode_image
from beamloom.devices.series.endless import read_mark
from beamloom.events import PacketKind

TYP = "NTNDArray"

COLOUR_MODES: Final = ("Mono", "Bayer", "RGB1", "RGB2", "RGB3", "YUV444", "YUV422", "YUV411")
"""By the number in the attribute ``ColorMode``."""
_COLOUR_AXIS: Final[Mapping[str, int]] = {"RGB1": 2, "RGB2": 1, "RGB3": 0}
_CODECS: Final[Mapping[str, str]] = {"": "none", "lz4": "lz4-block", "bslz4": "bslz4-bare"}
"""What areaDetector's codecs are called here, where that differs."""


class NTNDArrayStart(Fields):
    """What the first image looks like: all fields of ``NTNDArrayData`` but the pixels."""

    packet_kind = PacketKind.START


class NTNDArrayData(Fields):
    """One image."""

    unique_id: int
    shape: list[int]
    """In numpy's order: (rows, columns), with colours as ``color_mode`` says."""
    dtype: str
    codec: str
    """``none``, ``jpeg``, ``blosc``, ``lz4`` or ``bslz4``."""
    color_mode: str
    """One of ``COLOUR_MODES``."""
    time_stamp: float
    """When the image was taken, in seconds since 1970."""
    attributes: dict[str, Any]
    blob: Any
    """The pixels as they came."""

    @functools.cached_property
    def array(self) -> Image:
        """The pixels, read-only, of ``shape``; unpacked when they are first asked for.

        Raises MalformedPacket where the blob does not hold that, and UnknownCompression.
        """
        if self.codec == "jpeg":
            return _decode_jpeg(self.blob, self.shape, self.dtype)
        return decode_image(self.blob, self.shape, self.dtype, _CODECS.get(self.codec, self.codec))

    @property
    def rgb(self) -> Image:
        """A colour image as (rows, columns, 3), whichever way it was sent. Raises MalformedPacket for any other image."""
        axis = _COLOUR_AXIS.get(self.color_mode)
        if axis is None or len(self.shape) != 3:
            raise MalformedPacket(
                f"the image has the colour mode {self.color_mode} and is no RGB image; use array"
            )
        return np.moveaxis(self.array, axis, 2)


class NTNDArrayEnd(Fields):
    """The run has all the images that it is for."""

    packet_kind = PacketKind.END


NTNDArrayPacket = NTNDArrayStart | NTNDArrayData | NTNDArrayEnd


def parse(packet: RawPacket) -> NTNDArrayPacket:
    """The packet as objects. Raises MalformedPacket."""
    frames = frames_of(packet, TYP)
    if len(frames) == 1 and (mark := read_mark(frames[0])) is not None:
        return NTNDArrayStart(**mark[1]) if mark[0] == "start" else NTNDArrayEnd(**mark[1])
    if len(frames) != 2:
        raise MalformedPacket(f"the packet has {len(frames)} frames; a header and the pixels are two")
    try:
        header = msgspec.json.decode(frames[0], type=Header)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise MalformedPacket(f"the header cannot be read: {error}") from None
    return NTNDArrayData(**msgspec.structs.asdict(header), blob=frames[1])


def _decode_jpeg(blob: Any, shape: Sequence[int], dtype: str) -> Image:
    try:
        pillow = importlib.import_module("PIL.Image")
    except ModuleNotFoundError:
        raise UnknownCompression(
            "unpacking jpeg images needs the package pillow (pip install pillow); use blob until then"
        ) from None
    try:
        image: Image = np.array(pillow.open(io.BytesIO(blob)))
    # What pillow raises depends on where in the image the fault is.
    except Exception as error:  # noqa: BLE001
        raise MalformedPacket(f"the jpeg image cannot be unpacked: {error}") from None
    if image.shape != tuple(shape) or image.dtype.name != dtype:
        raise MalformedPacket(
            f"the jpeg image has shape {list(image.shape)} of {image.dtype}, but the header says {list(shape)} of {dtype}"
        )
    image.flags.writeable = False
    return image


class Header(msgspec.Struct, gc=False):
    """The first frame of an image."""

    unique_id: int
    shape: list[int]
    dtype: str
    codec: str
    color_mode: str
    time_stamp: float
    attributes: dict[str, Any]
