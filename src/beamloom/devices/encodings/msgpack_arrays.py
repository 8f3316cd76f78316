"""msgpack maps with numpy arrays inside, in the form of the package msgpack-numpy.

An array is a map of its own: ``nd`` true, ``type`` as numpy's code (``<f4``), ``shape`` and ``data``; a numpy number likewise with ``nd``
false. Arrays of Python objects travel as pickles in that form; they are refused.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Mapping, Sequence
from enum import Enum
from pathlib import PurePath
from typing import Any
from uuid import UUID

import msgpack
import numpy as np

from beamloom.devices.fields import MalformedPacket
from beamloom.devices.images import as_image

LARGEST = 2**31 - 1
"""Bytes of the largest array that is read."""
_NUMBERS = "biufc"
_TEXT_AND_TIMES = "USMm"


def read_map(frame: Any) -> dict[str, Any]:
    """The map in ``frame`` (bytes or another buffer); arrays are read-only. Raises MalformedPacket."""
    try:
        unpacked = msgpack.unpackb(
            memoryview(frame), raw=False, strict_map_key=False, object_hook=_array_of, max_bin_len=LARGEST
        )
    except MalformedPacket:
        raise
    # msgpack raises errors of its own, those of bytes.decode, and ValueError for most others; whatever it is, the frame is to blame.
    except Exception as error:  # noqa: BLE001
        raise MalformedPacket(f"the values cannot be read: {error or type(error).__name__}") from None
    if not isinstance(unpacked, dict):
        raise MalformedPacket(f"the values are a {type(unpacked).__name__}, not a map of names")
    return unpacked


def write_map(values: Mapping[str, Any]) -> bytes:
    """``values`` as ``read_map`` reads them; enumerations as their values, paths and times as text, sets as lists.

    Arrays of text, of times, of records and of objects are lists of what they hold. Raises TypeError for what is neither of these, nor
    plain, nor numpy.
    """
    packed: bytes = msgpack.packb(values, default=_packed)
    return packed


def _array_of(packed: dict[Any, Any]) -> Any:
    entries = {
        name.decode("latin1") if isinstance(name, bytes) else name: value for name, value in packed.items()
    }
    if "nd" not in entries:
        return packed
    raw, code = entries.get("data", b""), entries.get("type")
    if entries.get("kind") not in (b"", "", None) or not isinstance(raw, bytes) or not isinstance(code, str):
        raise MalformedPacket("the message holds an array that is no array of numbers")
    try:
        dtype = np.dtype(code)
    except (TypeError, ValueError, SyntaxError):
        raise MalformedPacket(
            f"the message holds an array of type {code!r}, which is no numpy type"
        ) from None
    shape = entries.get("shape", []) if entries["nd"] else []
    if not isinstance(shape, list | tuple) or not all(isinstance(length, int) for length in shape):
        raise MalformedPacket(f"the message holds an array of shape {shape!r}")
    if dtype.kind in _TEXT_AND_TIMES:
        # msgpack-numpy writes these as it writes numbers.
        return _of_other_kind(raw, dtype, shape) if entries["nd"] else _of_other_kind(raw, dtype, ())[()]
    array = as_image(raw, shape, dtype.name)
    if dtype.byteorder == ">":
        array = array.view(dtype)
    return array if entries["nd"] else array[()]


def _of_other_kind(raw: bytes, dtype: np.dtype[Any], shape: Sequence[int]) -> np.ndarray[Any, np.dtype[Any]]:
    if min(shape, default=0) < 0 or len(raw) != math.prod(shape) * dtype.itemsize:
        raise MalformedPacket(
            f"the message holds {len(raw)} bytes for an array of shape {list(shape)} and type {dtype}"
        )
    if not dtype.itemsize:
        return np.zeros(tuple(shape), dtype)
    return np.frombuffer(raw, dtype).reshape(tuple(shape))


def _packed(value: Any) -> Any:
    if isinstance(value, np.ndarray) and value.dtype.kind in _NUMBERS:
        return {
            b"nd": True,
            b"type": value.dtype.str,
            b"kind": b"",
            b"shape": value.shape,
            b"data": value.tobytes(),
        }
    if isinstance(value, np.ndarray):
        return (np.datetime_as_string(value) if value.dtype.kind == "M" else value).tolist()
    if isinstance(value, np.datetime64):
        return str(value)
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, PurePath | UUID):
        return str(value)
    if isinstance(value, dt.date | dt.time):
        return value.isoformat()
    if isinstance(value, dt.timedelta):
        return value.total_seconds()
    if isinstance(value, set | frozenset):
        return list(value)
    raise TypeError(f"{type(value).__name__} is neither a plain value nor a numpy array")
