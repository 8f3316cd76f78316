"""Arrays in CBOR: typed arrays and their shapes by RFC 8746, and DECTRIS's tag 56500 for bytes that are compressed.

A tag names the type of the elements and holds their bytes; another, 40, holds the shape and such an array. The bytes may be
``56500([algorithm, size of an element, compressed bytes])`` instead.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

import cbor2
import msgspec
import numpy as np

from beamloom.devices.codecs import UnknownCompression, pack, unpack, unpacked_size
from beamloom.devices.encodings.cbor_views import Tag
from beamloom.devices.fields import MalformedPacket
from beamloom.devices.images import Image, PackedImage

_TYPES: Final[Mapping[int, np.dtype[Any]]] = {
    number: np.dtype(name)
    for number, name in {
        **dict(enumerate(("u1", ">u2", ">u4", ">u8", "u1", "<u2", "<u4", "<u8"), start=64)),
        **dict(enumerate(("i1", ">i2", ">i4", ">i8"), start=72)),
        **dict(enumerate(("<i2", "<i4", "<i8"), start=77)),
        **dict(enumerate((">f2", ">f4", ">f8"), start=80)),
        **dict(enumerate(("<f2", "<f4", "<f8"), start=84)),
    }.items()
}
"""Numbers of 128 bits, 83 and 87, are none that numpy has."""

_ROW_MAJOR: Final = 40
_COLUMN_MAJOR: Final = 1040
_COMPRESSED: Final = 56500


def is_array(item: object) -> bool:
    """Whether ``item`` is an array in one of the forms that ``as_array`` reads."""
    return isinstance(item, Tag) and item.number in (_ROW_MAJOR, _COLUMN_MAJOR, *_TYPES)


def as_array(item: object) -> Image:
    """The array that ``item`` is, read-only; a view of the message unless it is compressed.

    Raises MalformedPacket for anything else and where the sizes disagree, and UnknownCompression.
    """
    if isinstance(item, Tag) and item.number in (_ROW_MAJOR, _COLUMN_MAJOR):
        try:
            shape, typed = msgspec.convert(item.content, tuple[list[int], Any])
        except msgspec.ValidationError:
            raise MalformedPacket("the array has no shape and elements") from None
        elements = _elements(typed, math.prod(shape))
        return elements.reshape(shape, order="F" if item.number == _COLUMN_MAJOR else "C")
    return _elements(item, None)


def _elements(typed: object, count: int | None) -> Image:
    """The elements in one dimension; ``count`` of them, where that is known."""
    if not isinstance(typed, Tag) or typed.number not in _TYPES:
        raise MalformedPacket("the array has elements of no type that is known here")
    dtype = _TYPES[typed.number]
    octets = _octets(typed.content, None if count is None else count * dtype.itemsize)
    if len(octets) % dtype.itemsize or (count is not None and len(octets) != count * dtype.itemsize):
        expected = "whole elements" if count is None else f"{count} elements"
        raise MalformedPacket(
            f"the array has {len(octets)} bytes, but {expected} of {dtype.itemsize} bytes each"
        )
    elements = np.frombuffer(octets, dtype)
    elements.flags.writeable = False
    return elements


def _octets(content: object, size: int | None) -> Any:
    """The bytes, unpacked if they are packed."""
    if isinstance(content, memoryview | bytes):
        return content
    if not isinstance(content, Tag) or content.number != _COMPRESSED:
        raise MalformedPacket("the array has no bytes")
    match content.content:
        case [str(algorithm), int(itemsize), memoryview() | bytes() as blob]:
            expected = unpacked_size(blob) if size is None else size
            return unpack(blob, algorithm, expected, max(itemsize, 1))
        case _:
            raise MalformedPacket(
                "the compressed bytes of the array are not algorithm, size of an element and bytes"
            )


def packed_array(item: object) -> PackedImage | None:
    """The array that ``item`` is, as it was sent; None for one that does not lie in memory row by row.

    Raises MalformedPacket for what has no shape and elements.
    """
    try:
        tag = msgspec.convert(getattr(item, "content", None), tuple[list[int], Any])
    except msgspec.ValidationError:
        raise MalformedPacket("the array has no shape and elements") from None
    shape, typed = tag
    if not isinstance(item, Tag) or item.number != _ROW_MAJOR:
        return None
    if not isinstance(typed, Tag) or typed.number not in _TYPES:
        raise MalformedPacket("the array has elements of no type that is known here")
    dtype = _TYPES[typed.number]
    match typed.content:
        case memoryview() | bytes() as blob:
            return PackedImage(blob, "none", tuple(shape), dtype)
        case Tag(number=number, content=[str(algorithm), int(), memoryview() | bytes() as blob]) if (
            number == _COMPRESSED
        ):
            return PackedImage(blob, algorithm, tuple(shape), dtype)
        case _:
            raise MalformedPacket("the array has no bytes")


def encode_array(array: Image, compression: str) -> cbor2.CBORTag:
    """``array`` with its shape, for ``cbor2``; ``compression`` is ``bslz4``, ``lz4`` or ``none``. For simulators."""
    dtype = array.dtype.newbyteorder("<") if array.dtype.itemsize > 1 else array.dtype
    try:
        number = next(number for number, known in _TYPES.items() if known == dtype)
    except StopIteration:
        raise UnknownCompression(f"CBOR has no arrays of {array.dtype}") from None
    array = np.ascontiguousarray(array, dtype)
    packed: Any = array.tobytes()
    if compression != "none":
        itemsize = dtype.itemsize if compression == "bslz4" else 0
        packed = cbor2.CBORTag(_COMPRESSED, [compression, itemsize, pack(array, compression)])
    shape: Sequence[int] = array.shape
    return cbor2.CBORTag(_ROW_MAJOR, [list(shape), cbor2.CBORTag(number, packed)])
