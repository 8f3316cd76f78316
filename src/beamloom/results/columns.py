"""A dictionary keyed by numbers or tuples, such as the positions of a map, as columns.

Row n of each column belongs to the n-th key. The parts of the keys are ``key_0``, ``key_1``, ...; the values are one column for each of
their fields (dictionaries, dataclasses, records), one for each place where they are tuples (``value_0``, ``value_1``, ...), or else the
column ``value``. A field that a value does not have is None there.
"""

from __future__ import annotations

import numbers
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from beamloom.results.fields import fields_of, named_tuple_fields


def columns_of(mapping: Mapping[Any, Any]) -> dict[str, list[Any]] | None:
    """The columns of a dictionary, all equally long; None where its keys are not all numbers, or tuples of one length."""
    keys = _key_columns(list(mapping))
    if keys is None:
        return None
    return {**keys, **_value_columns(list(mapping.values()), taken=keys)}


def _key_columns(keys: list[Any]) -> dict[str, list[Any]] | None:
    if not keys:
        return None
    if _are_all(keys, _NUMBERS):
        return {"key_0": keys}
    if not _are_all(keys, (tuple,)) or set(map(len, keys)) != {len(keys[0])} or not keys[0]:
        return None
    columns = [list(parts) for parts in zip(*keys, strict=True)]
    if not all(_are_all(column, (*_NUMBERS, str)) for column in columns):
        return None
    return {f"key_{axis}": column for axis, column in enumerate(columns)}


def _value_columns(values: list[Any], taken: Mapping[str, Any]) -> dict[str, list[Any]]:
    if _are_all(values, (int, float, str, complex, type(None))):
        return {"value": values}
    rows = [_fields(value) for value in values]
    fielded = [row for row in rows if row is not None]
    if len(fielded) == len(rows):
        names = list(dict.fromkeys(name for row in fielded for name in row))
        return {_free(name, taken): [row.get(name) for row in fielded] for name in names}
    if all(type(value) is tuple and len(value) == len(values[0]) for value in values) and values[0]:
        return {f"value_{place}": list(parts) for place, parts in enumerate(zip(*values, strict=True))}
    return {"value": values}


def _fields(value: Any) -> Mapping[str, Any] | None:
    if isinstance(value, np.void) and value.dtype.names is not None:
        return {name: value[name] for name in value.dtype.names}
    if isinstance(value, np.ndarray) and value.ndim == 0 and value.dtype.names is not None:
        return {name: value[name] for name in value.dtype.names}
    if isinstance(value, Mapping):
        return value if value and all(isinstance(key, str) for key in value) else None
    return fields_of(value) or named_tuple_fields(value)


def _free(name: str, taken: Mapping[str, Any]) -> str:
    return f"value_{name}" if name in taken else name


def _are_all(values: Iterable[Any], wanted: tuple[type, ...]) -> bool:
    """Whether each is an instance of one of these; looks at each type once, since maps are long."""
    return all(issubclass(cls, wanted) for cls in set(map(type, values)))


_NUMBERS = (numbers.Real, np.bool_)
