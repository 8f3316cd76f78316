"""Copies of a publish tree that share with the copy before them whatever did not change.

A reducer changes its tree in place. A copy never changes, so what is equal to its counterpart in the copy before is not kept a second
time: it is that counterpart, the same object. "Has this changed?" is then a comparison by ``is``, at every level.

- Dictionaries, lists, tuples, sets and arrays are copied; dataclasses, pydantic models and structs are, field by field.
- Result types are not copied: they give their own snapshots, which never change.
- Arrays are compared by their bytes, block by block up to the first difference: reading both costs no more than copying one. What is
  equal is not copied.
- What else there is (an array-like, an object of the analysis) is shared with the reducer, since nothing is known of it. It may change
  at any time, and counts as changed in every copy: see ``may_change``.
"""

from __future__ import annotations

import copy
import dataclasses
import datetime as dt
import decimal
import enum
import fractions
import operator
import pathlib
import types
from collections import deque
from collections.abc import Collection, Iterable, Mapping
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from beamloom.results.chunked import FrozenArray
from beamloom.results.fields import fields_of
from beamloom.results.types import ResultType, is_result_type

FIRST_WORDS = 2**11
"""How much of two arrays is compared first: most that have changed differ there."""
BLOCK_WORDS = 2**15
"""How much is compared at once after that."""
FROZEN_BYTES = 2**16
"""Arrays of a result type's snapshot, which need no copy, are compared up to this size; larger ones count as changed with it."""
MOST_LEVELS = 200

PLAIN: frozenset[type] = frozenset({bool, int, float, complex, str, bytes, type(None)})
"""Values that never change and that ``==`` compares in full."""
UNCHANGING = (
    *PLAIN,
    np.generic,
    dt.date,
    dt.time,
    dt.timedelta,
    decimal.Decimal,
    fractions.Fraction,
    enum.Enum,
    pathlib.PurePath,
    range,
    frozenset,
    type,
    types.FunctionType,
)
"""Values that never change."""
CONTAINERS = (dict, list, tuple, set, deque, bytearray, np.ndarray, FrozenArray)


class TooDeep(ValueError):
    """A tree that is nested too deeply, or contains itself."""


class Sharer:
    """Makes the copies of one tree, one after the other."""

    def __init__(self) -> None:
        self._shown: dict[int, tuple[ResultType, int, Any]] = {}
        self._seen: dict[int, tuple[ResultType, int, Any]] = {}

    def copy(self, value: Any, before: Any = None) -> Any:
        """A copy of ``value``; ``before`` itself, the copy made last, where nothing has changed. Raises TooDeep."""
        self._seen = {}
        copied = self._copy(value, before, 0)
        self._shown = self._seen
        return copied

    def _copy(self, value: Any, before: Any, level: int) -> Any:
        kind = type(value)
        if kind in PLAIN:
            return before if type(before) is kind and _same_plain(value, before) else value
        if level > MOST_LEVELS:
            raise TooDeep(
                f"it is nested more than {MOST_LEVELS} deep, or contains itself; publish a flatter dictionary"
            )
        if isinstance(value, np.ndarray):
            return _copied_array(value, before)
        if isinstance(value, dict):
            return self._dictionary(value, before, level)
        if isinstance(value, list | tuple):
            return self._sequence(value, before, level)
        if is_result_type(value):
            return self._result(value, before, level)
        if isinstance(value, set | bytearray):
            return before if type(before) is kind and value == before else kind(value)
        if isinstance(value, deque):
            held = self._copy(list(value), list(before) if type(before) is deque else None, level + 1)
            same = type(before) is deque and before.maxlen == value.maxlen and _same_elements(held, before)
            return before if same else deque(held, value.maxlen)
        if isinstance(value, UNCHANGING):
            return before if type(before) is kind and _same_value(value, before) else value
        if _is_record(value):
            return self._record(value, before, level)
        return value

    def _dictionary(self, value: dict[Any, Any], before: Any, level: int) -> Any:
        known = before if isinstance(before, dict) else {}
        if _all_plain(value.values()):
            same = len(known) == len(value) and _same_plain_dictionaries(value, known)
            return known if same and isinstance(before, dict) else dict(value)
        copied = {key: self._copy(one, known.get(key), level + 1) for key, one in value.items()}
        if isinstance(before, dict) and len(known) == len(copied) and _same_entries(copied, known):
            return before
        return copied

    def _sequence(self, value: list[Any] | tuple[Any, ...], before: Any, level: int) -> Any:
        kind = list if isinstance(value, list) else type(value)
        known = before if type(before) is kind else ()
        if _all_plain(value):
            same = type(before) is kind and _same_plain_sequences(value, before)
            return before if same else _sequence_of(value, value)
        shared = min(len(known), len(value))
        copied = [
            self._copy(one, known[place] if place < shared else None, level + 1)
            for place, one in enumerate(value)
        ]
        same = type(before) is kind and _same_elements(copied, before)
        return before if same else _sequence_of(value, copied)

    def _result(self, value: ResultType, before: Any, level: int) -> Any:
        version = value.version
        known = self._shown.get(id(value))
        if known is not None and known[0] is value and known[1] == version and known[2] is before:
            shown = before
        else:
            shown = _joined(value.snapshot(), before, level)
        self._seen[id(value)] = value, version, shown
        return shown

    def _record(self, value: Any, before: Any, level: int) -> Any:
        fields = fields_of(value) or {}
        known = (fields_of(before) or {}) if type(before) is type(value) else {}
        copied = {name: self._copy(one, known.get(name), level + 1) for name, one in fields.items()}
        if known and len(known) == len(copied) and _same_entries(copied, known):
            return before
        made = copy.copy(value)
        for name, one in copied.items():
            if one is not fields[name]:
                _set_field(made, name, one)
        return made


def may_change(value: Any) -> bool:
    """Whether an object in a copy is shared with the reducer, so that the same object may hold something else than before."""
    return (
        type(value) not in PLAIN
        and not isinstance(value, CONTAINERS)
        and not isinstance(value, UNCHANGING)
        and not _is_record(value)
    )


def _sequence_of(like: list[Any] | tuple[Any, ...], elements: Iterable[Any]) -> Any:
    """A list, a tuple, or a named tuple of the same class with these elements; of other classes of tuples a tuple."""
    if isinstance(like, list):
        return list(elements)
    make = getattr(type(like), "_make", tuple)
    return make(elements)


def _is_record(value: Any) -> bool:
    return (
        isinstance(value, msgspec.Struct)
        or (dataclasses.is_dataclass(value) and not isinstance(value, type))
        or hasattr(type(value), "__pydantic_fields__")
    )


def _set_field(record: Any, name: str, value: Any) -> None:
    if isinstance(record, msgspec.Struct):
        msgspec.structs.force_setattr(record, name, value)
    elif name in getattr(record, "__dict__", {}):
        record.__dict__[name] = value
    elif name in (getattr(record, "__pydantic_extra__", None) or {}):
        extra = {**record.__pydantic_extra__, name: value}
        object.__setattr__(record, "__pydantic_extra__", extra)
    else:
        object.__setattr__(record, name, value)


def _joined(value: Any, before: Any, level: int) -> Any:
    """A part of a result type's snapshot; what is the same as before is what was there before. Nothing is copied."""
    if value is before:
        return before
    if type(value) in PLAIN:
        return before if type(before) is type(value) and _same_plain(value, before) else value
    if isinstance(value, Mapping) and level <= MOST_LEVELS:
        known: Mapping[Any, Any] = before if isinstance(before, dict) else {}
        joined = {key: _joined(one, known.get(key), level + 1) for key, one in value.items()}
        if isinstance(before, dict) and len(known) == len(joined) and _same_entries(joined, known):
            return before
        return joined
    if isinstance(value, list | tuple) and type(value) is type(before) and _all_plain(value):
        return before if _same_plain_sequences(value, before) else value
    if isinstance(value, FrozenArray) and isinstance(before, FrozenArray):
        return before if value.is_same(before) else value
    if type(value) is np.ndarray and type(before) is np.ndarray and value.nbytes <= FROZEN_BYTES:
        return before if _same_arrays(value, before) else value
    return value


# ---- comparing -------------------------------------------------------------------------------------------------------------


def _all_plain(values: Iterable[Any]) -> bool:
    return PLAIN.issuperset(map(type, values))


def _same_plain(value: Any, before: Any) -> bool:
    """Whether two plain values of one type are the same; NaN is the same as NaN."""
    return bool(value == before or (value != value and before != before))


def _same_value(value: Any, before: Any) -> bool:
    if isinstance(value, np.generic):
        return bool(value.dtype == before.dtype and value.tobytes() == before.tobytes())
    return value is before or bool(value == before)


def _same_types(values: Collection[Any], before: Collection[Any]) -> bool:
    return all(map(operator.is_, map(type, values), map(type, before)))


def _same_plain_sequences(value: Any, before: Any) -> bool:
    """Types come first: what was there before may be arrays, of which ``==`` says nothing that is true or false."""
    return len(value) == len(before) and _same_types(value, before) and list(value) == list(before)


def _same_plain_dictionaries(value: dict[Any, Any], before: dict[Any, Any]) -> bool:
    """Of two dictionaries of one length; types come first here, too."""
    return list(value) == list(before) and _same_types(value.values(), before.values()) and value == before


def _same_entries(copied: Mapping[Any, Any], before: Mapping[Any, Any]) -> bool:
    """Whether two dictionaries of one length hold the same objects under the same keys in the same order."""
    return all(
        key == key_before and one is one_before and not may_change(one)
        for (key, one), (key_before, one_before) in zip(copied.items(), before.items(), strict=True)
    )


def _same_elements(copied: Collection[Any], before: Collection[Any]) -> bool:
    return len(copied) == len(before) and all(
        new is old and not may_change(new) for new, old in zip(copied, before, strict=True)
    )


def _copied_array(value: npt.NDArray[Any], before: Any) -> npt.NDArray[Any]:
    """A copy that cannot be written to, or the one made before."""
    if type(before) is np.ndarray and type(value) is np.ndarray and _same_arrays(value, before):
        return before
    copied = value.copy()
    copied.flags.writeable = False
    return copied


def _same_arrays(value: npt.NDArray[Any], before: npt.NDArray[Any]) -> bool:
    """Whether two arrays hold the same bytes; those that hold objects, whether these are plain and the same."""
    if value.shape != before.shape or value.dtype != before.dtype:
        return False
    if value.dtype.hasobject:
        if value.dtype != object:
            return False
        mine, other = value.ravel().tolist(), before.ravel().tolist()
        return _all_plain(mine) and _same_plain_sequences(mine, other)
    if not value.size or not value.dtype.itemsize:
        return True
    mine_words, other_words = _words_of(value), _words_of(before)
    begin, end = 0, FIRST_WORDS
    while begin < len(mine_words):
        if (mine_words[begin:end] != other_words[begin:end]).any():
            return False
        begin, end = end, end + BLOCK_WORDS
    return True


def _words_of(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """The bytes of an array, as integers as large as fit in."""
    flat = np.ascontiguousarray(array).reshape(-1)
    return flat.view(np.uint64 if flat.nbytes % 8 == 0 else np.uint8)
