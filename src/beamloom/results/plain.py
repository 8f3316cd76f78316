"""A publish tree as JSON.

====================================  ==========================================================
in the tree                           in JSON
====================================  ==========================================================
NaN, infinity, NaT                    null
numpy array                           nested lists
array or number, complex              [real, imaginary], as a last axis
array of records                      an object with one list for each field
``datetime``, ``datetime64``          ISO 8601 text
``timedelta``, ``timedelta64``        seconds; of years or months, which have no fixed length, their count
bytes                                 base64 text; in numpy's byte strings the text they hold
tuple, set, ``range``                 list
text that is no Unicode               the text, with what is none in its escaped form
keys that are all numbers, or all     an object of columns: ``key_0``, ``key_1``, ..., ``value`` (or one for each field
tuples of one length                  of the values), each a list
other key that is no text             its text; a tuple's elements with commas: ``"1.0,a"``
dataclass, pydantic model, struct     an object with its fields
enum                                  its value
path                                  text
====================================  ==========================================================
"""

from __future__ import annotations

import base64
import datetime as dt
import enum
import math
import pathlib
from collections import deque
from collections.abc import Mapping
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from beamloom.results.arrays import filled, is_array_like
from beamloom.results.columns import columns_of
from beamloom.results.fields import fields_of
from beamloom.results.keys import key_text
from beamloom.texts import encodable


class NotPlain(Exception):
    """A value that JSON cannot hold; ``place`` is where it sits and ``kind`` what it is."""

    def __init__(self, place: str, kind: str) -> None:
        super().__init__(f"{place} is {kind}")


def to_json(value: Any) -> bytes:
    """JSON text of a value. Raises NotPlain for what JSON cannot hold."""
    try:
        plain = _plain(value, "")
        try:
            return msgspec.json.encode(plain)
        except UnicodeEncodeError:
            return msgspec.json.encode(_encodable(plain))
    except RecursionError as error:
        raise NotPlain("the selected part", "nested too deeply, or contains itself") from error


def _encodable(plain: Any) -> Any:
    """The same with texts that are no Unicode in their escaped form."""
    if isinstance(plain, str):
        return encodable(plain)
    if isinstance(plain, list):
        return [_encodable(one) for one in plain]
    if isinstance(plain, dict):
        return {encodable(name): _encodable(one) for name, one in plain.items()}
    return plain


def to_plain(value: Any) -> Any:
    """What ``to_json`` writes, for what is put into JSON with others. Raises NotPlain for what JSON cannot hold."""
    return _plain(value, "")


def _plain(value: Any, place: str) -> Any:
    if value is None or type(value) in (str, bool, float):
        return value
    if type(value) is int:
        return value if -(2**63) <= value < 2**64 else msgspec.Raw(b"%d" % value)
    if isinstance(value, np.ndarray):
        return _plain_array(value, place)
    if isinstance(value, np.generic):
        return _plain_array(np.asarray(value), place)
    if isinstance(value, enum.Enum):
        return _plain(value.value, place)
    if isinstance(value, Mapping):
        columns = None if all(isinstance(key, str) for key in value) else columns_of(value)
        return _plain_mapping(value if columns is None else columns, place)
    if isinstance(value, list | tuple | set | frozenset | deque | range):
        return [_plain(element, f"{place}[{position}]") for position, element in enumerate(value)]
    if isinstance(value, bytes | bytearray | memoryview):
        return base64.b64encode(bytes(value)).decode()
    if isinstance(value, dt.datetime | dt.date | dt.time):
        return value.isoformat()
    if isinstance(value, dt.timedelta):
        return value.total_seconds()
    if isinstance(value, complex):
        return [value.real, value.imag]
    if isinstance(value, pathlib.PurePath):
        return str(value)
    for plain_type in (str, float, int):
        if isinstance(value, plain_type):
            return _plain(plain_type(value), place)
    if is_array_like(value):
        return _plain_array(np.asarray(value[...]), place)
    fields = fields_of(value)
    if fields is None:
        cls = type(value)
        raise NotPlain(place or "the selected part", f"a {cls.__module__}.{cls.__qualname__}")
    return _plain_mapping(fields, place)


def _plain_mapping(value: Mapping[Any, Any], place: str) -> dict[str, Any]:
    plain: dict[str, Any] = {}
    for key, element in value.items():
        text = key_text(key)
        if text in plain:
            raise NotPlain(place or "the selected part", f"a dictionary with two keys that read {text!r}")
        plain[text] = _plain(element, f"{place}[{text!r}]")
    return plain


def _plain_array(array: npt.NDArray[Any], place: str) -> Any:
    if array.dtype.names is not None:
        return {name: _plain_array(array[name], f"{place}[{name!r}]") for name in array.dtype.names}
    match array.dtype.kind:
        case "b" | "i" | "u":
            return array.tolist()
        case "f":
            # A longdouble's tolist would keep numpy's own type; msgspec writes null for what is not finite.
            return array.astype(np.float64, copy=False).tolist()
        case "c":
            array = filled(array)
            return _plain_array(np.stack([array.real, array.imag], axis=-1), place)
        case "U" | "T":
            return array.tolist()
        case "M":
            if np.datetime_data(array.dtype)[0] == "generic":
                return _plain_array(_counts(array), place)
            texts = np.datetime_as_string(array).astype(object)
            return np.where(np.isnat(array), _NULL, texts).tolist()
        case "m":
            return _plain_array(_seconds(array), place)
        case "S":
            return np.char.decode(array, "utf-8", "replace").tolist()
        case "O":
            return _plain(array.tolist(), place)
    raise NotPlain(place or "the selected part", f"an array of the data type {array.dtype}")


_NULL = np.array(None, dtype=object)


def _counts(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    return np.where(np.isnat(array), math.nan, array.astype(np.int64))


def _seconds(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    if np.datetime_data(array.dtype)[0] in ("generic", "Y", "M"):
        return _counts(array)
    seconds: npt.NDArray[Any] = array / np.timedelta64(1, "s")
    return seconds
