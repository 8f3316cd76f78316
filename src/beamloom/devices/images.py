"""Arrays as the detectors' JSON headers describe them: ``shape`` in numpy's order, ``type`` a numpy name, row-major, little-endian."""

from __future__ import annotations

import functools
import math
import re
from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from beamloom.devices.fields import MalformedPacket

Image = np.ndarray[Any, np.dtype[Any]]
"""One frame of a detector, or one set of spectra."""


_TYPE_NAME: Final = re.compile(r"[<>=|]?[a-z]+\d*")


@functools.lru_cache(maxsize=64)
def pixel_type(name: str) -> np.dtype[Any]:
    """The numpy type of one pixel. Raises MalformedPacket for anything but a number or a truth value."""
    try:
        dtype = np.dtype(name if _TYPE_NAME.fullmatch(name) else "")
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
    image = np.frombuffer(blob, pixel_type(type_name)).reshape(tuple(shape))
    image.flags.writeable = False
    return image
