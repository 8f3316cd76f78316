"""The structure NTNDArray as p4p gives it, made a header and pixels."""

from __future__ import annotations

import math
from typing import Any, Final

import numpy as np

from beamloom.devices.fields import MalformedPacket
from beamloom.devices.images import size_in_bytes
from beamloom.devices.pva.packets import COLOUR_MODES, Header

SCALAR_TYPES: Final = (
    "bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "float32", "float64",
)  # fmt: skip
"""numpy's names of the scalar types of PV Access, by the number that ``codec.parameters`` gives for compressed pixels."""


def read_structure(value: Any) -> tuple[Header, Any]:
    """The header and the pixels (an array of one dimension, as it came) in a p4p value. Raises MalformedPacket."""
    try:
        pixels = value["value"]
        shape = [int(dimension["size"]) for dimension in value["dimension"]][::-1]
        codec = str(value["codec.name"]) if "codec" in value else ""
        stamp = value["dataTimeStamp"]
        seconds = stamp["secondsPastEpoch"] + 1e-9 * stamp["nanoseconds"]
        attributes = {str(each["name"]): _plain(each["value"]) for each in value["attribute"]}
        unique_id = int(value["uniqueId"])
    except (KeyError, TypeError, ValueError, AttributeError) as problem:
        raise MalformedPacket(f"the process variable is no NTNDArray: {problem!r}") from None
    if pixels is None:
        pixels = np.empty(0, np.uint8)
    if not isinstance(pixels, np.ndarray):
        raise MalformedPacket(
            f"the process variable holds a {type(pixels).__name__} where its pixels should be"
        )
    dtype = pixels.dtype.name
    if codec:
        dtype = _packed_type(value["codec.parameters"])
        packed_size = int(value["compressedSize"]) if "compressedSize" in value else 0
        if 0 < packed_size < pixels.nbytes:
            pixels = pixels.view(np.uint8)[:packed_size]
    elif pixels.nbytes != size_in_bytes(shape or [0], dtype):
        raise MalformedPacket(
            f"image {unique_id} has {pixels.nbytes} bytes, but shape {shape} of {dtype} takes {size_in_bytes(shape or [0], dtype)}"
        )
    mode = attributes.get("ColorMode", 0)
    colour = COLOUR_MODES[mode] if isinstance(mode, int) and 0 <= mode < len(COLOUR_MODES) else str(mode)
    return Header(unique_id, shape or [0], dtype, codec or "none", colour, seconds, attributes), pixels


def _packed_type(parameters: Any) -> str:
    """The type of compressed pixels, which travel as bytes."""
    number = getattr(parameters, "value", parameters)
    if not isinstance(number, int) or not 0 <= number < len(SCALAR_TYPES):
        raise MalformedPacket(
            f"the image is compressed and says that its pixels are of type {number!r}, which is none"
        )
    return SCALAR_TYPES[number]


def _plain(value: Any) -> Any:
    """The value of an attribute as JSON has it."""
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, np.ndarray | np.generic):
        return _plain(value.tolist())
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    inner = getattr(value, "value", None)
    return str(value) if inner is None else _plain(inner)
