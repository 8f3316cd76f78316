"""Arrays as the detectors' headers describe them: ``shape`` in numpy's order, ``type`` a numpy name, row-major.

Little-endian where the type does not say. Images are read-only, packed or not: those that came uncompressed are the very bytes that
were received, which others may be looking at.
"""

from __future__ import annotations

import functools
import math
import re
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import numpy as np

from beamloom.devices.codecs import unpack, unpacked_size
from beamloom.devices.fields import MalformedPacket

Image = np.ndarray[Any, np.dtype[Any]]
"""One frame of a detector, or one set of spectra."""


class PackedImage(NamedTuple):
    """One image as it was sent, for who passes it on without unpacking it."""

    blob: Any
    """Its bytes."""
    compression: str
    """``none``, or one of the names that ``codecs.unpack`` has."""
    shape: tuple[int, ...]
    dtype: np.dtype[Any]


_TYPE_NAME: Final = re.compile(r"[<>=|]?([a-z]+\d*)")


@functools.lru_cache(maxsize=64)
def pixel_type(name: str) -> np.dtype[Any]:
    """The numpy type of one pixel; the order of the bytes may come first, as in ``<u4`` or ``>uint32``.

    Raises MalformedPacket for anything but a number or a truth value.
    """
    found = _TYPE_NAME.fullmatch(name)
    try:
        dtype = np.dtype(found[1] if found else "").newbyteorder(">" if name.startswith(">") else "<")
    except TypeError:
        raise MalformedPacket(f"the header says type {name!r}, which is no numpy type") from None
    if dtype.kind not in "biufc":
        raise MalformedPacket(f"the header says type {name!r}, but pixels are numbers")
    return dtype


def size_in_bytes(shape: Sequence[int], type_name: str) -> int:
    """Bytes of an uncompressed array. Raises MalformedPacket for a shape or type that no array has."""
    if any(length < 0 for length in shape):
        raise MalformedPacket(f"the header says shape {list(shape)}, but no length is negative")
    return math.prod(shape) * pixel_type(type_name).itemsize


def as_image(blob: Any, shape: Sequence[int], type_name: str) -> Image:
    """The array in ``blob``, uncopied and read-only. Raises MalformedPacket when the sizes disagree."""
    expected = size_in_bytes(shape, type_name)
    if len(blob) != expected:
        raise MalformedPacket(
            f"the blob has {len(blob)} bytes, but shape {list(shape)} of {type_name} takes {expected}"
        )
    return _shaped(blob, shape, pixel_type(type_name))


def decode_image(blob: Any, shape: Sequence[int], type_name: str, compression: str) -> Image:
    """The array in ``blob``, read-only; uncopied where ``compression`` is ``none``, else unpacked.

    Raises MalformedPacket when the blob does not hold that, and UnknownCompression.
    """
    if compression == "none":
        return as_image(blob, shape, type_name)
    pixels = unpack(blob, compression, size_in_bytes(shape, type_name), pixel_type(type_name).itemsize)
    return _shaped(pixels, shape, pixel_type(type_name))


def decode_blobs(blobs: Sequence[Any], shape: Sequence[int], type_name: str, compression: str) -> Image:
    """The array in several blobs: of ``shape`` when they are parts of it, in order; else an image of ``shape`` each, stacked.

    Raises MalformedPacket when they are neither, and UnknownCompression.
    """
    if len(blobs) == 1:
        return decode_image(blobs[0], shape, type_name, compression)
    if not blobs:
        raise MalformedPacket("the image comes without a blob")
    whole = size_in_bytes(shape, type_name)
    sizes = [len(blob) if compression == "none" else unpacked_size(blob) for blob in blobs]
    if sum(sizes) != whole and any(size != whole for size in sizes):
        raise MalformedPacket(
            f"{len(blobs)} blobs of {sizes} bytes do not make up shape {list(shape)} of {type_name}"
        )
    dtype = pixel_type(type_name)
    octets = np.concatenate(
        [
            np.frombuffer(blob, np.uint8)
            if compression == "none"
            else unpack(blob, compression, size, dtype.itemsize)
            for blob, size in zip(blobs, sizes, strict=True)
        ]
    )
    return _shaped(octets, shape if sum(sizes) == whole else (len(blobs), *shape), dtype)


def _shaped(octets: Any, shape: Sequence[int], dtype: np.dtype[Any]) -> Image:
    image = np.frombuffer(octets, dtype).reshape(tuple(shape))
    image.flags.writeable = False
    return image
