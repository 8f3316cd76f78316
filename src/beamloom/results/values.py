"""One value of a publish tree as an array with elements that HDF5 has.

=========================================  ==================================================================
published                                  becomes
=========================================  ==================================================================
array, array-like                          itself (``arrays.py`` says which elements are converted)
masked array                               its values; what is masked is NaN, in integers the fill value
number, truth value                        a single element: int64, uint64, float64, complex128, bool
integer beyond 64 bits                     its digits as text
text, path, date, ``datetime``             text (dates as ISO 8601)
``timedelta``                              seconds
bytes                                      a byte string; bytes that are no text: an array of uint8
enum                                       its value
list, tuple, set, ``deque``, ``range``     an array, if the elements have one shape and one kind; None among numbers is NaN,
                                           numbers among texts are texts; lists of numbers of different lengths:
                                           an array of arrays
None                                       no value (a null dataspace)
=========================================  ==================================================================
"""

from __future__ import annotations

import datetime as dt
import enum
import math
import pathlib
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from beamloom.results.arrays import (
    TEXT,
    ArrayLike,
    arrays_of,
    clean_text,
    element_kind,
    filled,
    held,
    is_array_like,
)
from beamloom.results.fields import fields_of
from beamloom.results.keys import key_text

SEQUENCES = (list, tuple, set, frozenset, deque, range)
"""What is taken as a list."""
NUMBERS = "biufc"
"""The kinds of data types that are numbers."""


class NoArray(Exception):
    """A value that is no array; the text says what it is."""


def values_of(value: Any) -> ArrayLike | None:
    """``value`` as an array with elements that can be held; None for None. Raises NoArray."""
    if value is None:
        return None
    if isinstance(value, np.ma.MaskedArray):
        return values_of(filled(value))
    if isinstance(value, np.generic):
        value = np.asarray(value)
    if is_array_like(value):
        return _array(value)
    if isinstance(value, enum.Enum):
        return values_of(value.value)
    if isinstance(value, SEQUENCES):
        return _list_values(_in_order(value))
    if isinstance(value, bytes | bytearray | memoryview):
        return _bytes(bytes(value))
    plain = _plain(value)
    if isinstance(plain, str):
        return text_array(plain)
    if isinstance(plain, bool | int | float | complex):
        array = np.asarray(plain)
        return text_array(str(plain)) if array.dtype.kind == "O" else array
    for method in ("to_numpy", "__array__"):
        if hasattr(value, method):
            return values_of(getattr(value, method)())
    raise NoArray(f"a {type(value).__module__}.{type(value).__qualname__}")


def text_array(text: str) -> npt.NDArray[Any]:
    """A single text, as an array without axes."""
    return np.array(clean_text(text), TEXT)


def _array(array: ArrayLike) -> ArrayLike | None:
    if (values := held(array)) is not None:
        return values
    if array.dtype.kind == "O":
        objects = np.asarray(array[...])
        elements = objects.tolist()
        if objects.size == 0 and objects.ndim:
            return np.empty(objects.shape)
        return _list_values(elements) if objects.ndim else values_of(elements)
    raise NoArray(f"an array of the data type {array.dtype}")


def _plain(value: Any) -> Any:
    """Dates, paths and subclasses of numbers and text as plain numbers and text."""
    if isinstance(value, dt.datetime | dt.date | dt.time):
        return value.isoformat()
    if isinstance(value, dt.timedelta):
        return value.total_seconds()
    if isinstance(value, pathlib.PurePath):
        return str(value)
    if isinstance(value, str):
        return str(value)
    if isinstance(value, int):
        return bool(value) if isinstance(value, bool) else int(value)
    if isinstance(value, float):
        return float(value)
    return value


def _bytes(content: bytes) -> npt.NDArray[Any]:
    if b"\0" not in content:
        try:
            content.decode()
        except UnicodeDecodeError:
            pass
        else:
            return np.array(content, f"S{max(len(content), 1)}")
    return np.frombuffer(content, np.uint8)


def _in_order(elements: Any) -> list[Any]:
    if isinstance(elements, set | frozenset):
        try:
            return sorted(elements)
        except TypeError:
            return sorted(elements, key=repr)
    return list(elements)


def _list_values(elements: list[Any]) -> ArrayLike:
    if not elements:
        return np.empty(0)
    types = set(map(type, elements))
    if types == {str}:
        return _texts(elements)
    if types <= {bool, int, float, complex} or (len(types) == 1 and isinstance(elements[0], np.generic)):
        array = np.asarray(elements)
        if array.dtype.kind != "O" and (values := held(array)) is not None:
            return values
    for element in elements:
        if isinstance(element, Mapping) or fields_of(element) is not None:
            raise NoArray("a list of groups")
    return _joined([values_of(element) for element in elements])


def _joined(parts: Sequence[ArrayLike | None]) -> ArrayLike:
    """The elements of a list, each an array of its own (or None), as one array."""
    there = [np.asarray(part[...]) for part in parts if part is not None]
    if not there:
        return np.full(len(parts), math.nan)
    kinds = {_kind(array.dtype) for array in there}
    if len({array.shape for array in there}) > 1:
        return _ragged(parts, kinds)
    if kinds == {"number"}:
        blank = np.full(there[0].shape, math.nan)
        return np.stack([blank if part is None else np.asarray(part[...]) for part in parts])
    if kinds <= {"number", "text"}:
        return _stacked_texts(parts, there[0].shape)
    if len({array.dtype for array in there}) == 1 and len(there) == len(parts):
        return np.stack(there)
    raise NoArray("a list of different things")


def _kind(dtype: np.dtype[Any]) -> str:
    if dtype.kind in NUMBERS and dtype.names is None:
        return "number"
    if dtype.kind == "S" or element_kind(dtype) is str:
        return "text"
    return str(dtype)


def _ragged(parts: Sequence[ArrayLike | None], kinds: set[str]) -> ArrayLike:
    rows = [np.empty(0) if part is None else np.asarray(part[...]) for part in parts]
    if kinds != {"number"} or any(row.ndim != 1 for row in rows):
        raise NoArray("a list of things of different shapes")
    dtype = np.result_type(*(row.dtype for row in rows if row.size))
    array = np.empty(len(rows), arrays_of(dtype))
    for place, row in enumerate(rows):
        array[place] = row.astype(dtype)
    return array


def _texts(elements: list[str]) -> npt.NDArray[Any]:
    array = np.empty(len(elements), TEXT)
    array[:] = [clean_text(element) for element in elements]
    return array


def _stacked_texts(parts: Sequence[ArrayLike | None], shape: tuple[int, ...]) -> npt.NDArray[Any]:
    array = np.empty((len(parts), *shape), TEXT)
    for place, part in enumerate(parts):
        elements = np.full(shape, "", object) if part is None else np.asarray(part[...], object)
        for position in np.ndindex(shape):
            array[(place, *position)] = _text(elements[position])
    return array


def _text(element: Any) -> str:
    if isinstance(element, bytes):
        return clean_text(element.decode("utf-8", "replace"))
    return element if isinstance(element, str) else key_text(element)
