"""Objects that are records: dataclasses, pydantic models, structs, named tuples."""

from __future__ import annotations

import dataclasses
from typing import Any

import msgspec


def fields_of(value: Any) -> dict[str, Any] | None:
    """The fields of a dataclass, a pydantic model or a struct by name; None for everything else."""
    if isinstance(value, msgspec.Struct):
        return {name: getattr(value, name) for name in value.__struct_fields__}
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    if hasattr(type(value), "__pydantic_fields__"):
        return {**vars(value), **(getattr(value, "__pydantic_extra__", None) or {})}
    return None


def named_tuple_fields(value: Any) -> dict[str, Any] | None:
    """The fields of a named tuple; None for everything else."""
    names = getattr(type(value), "_fields", None)
    if not isinstance(value, tuple) or not isinstance(names, tuple):
        return None
    return dict(zip(names, value, strict=True))
