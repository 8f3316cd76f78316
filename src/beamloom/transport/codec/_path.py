"""Where inside a result an object sits, as a user would write it: ``result["fit"].model``."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from beamloom.transport.codec import _wire as wire
from beamloom.transport.codec._classes import kind_of


def path_to(result: Any, wanted: Any) -> str:
    """The first place of ``wanted``, found by identity; ``result`` alone where it is not found."""
    to_visit: list[tuple[str, Any]] = [("result", result)]
    seen: set[int] = set()
    while to_visit:
        path, value = to_visit.pop()
        if value is wanted:
            return path
        if id(value) not in seen:
            seen.add(id(value))
            to_visit += reversed([(path + step, child) for step, child in _children(value)])
    return "a part of the result"


def _children(value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping):
        for key, child in value.items():
            yield f"[{_short(key)}]", child
            yield f" (the key {_short(key)})", key
    elif isinstance(value, list | tuple):
        names = getattr(value, "_fields", None)
        for index, child in enumerate(value):
            yield f".{names[index]}" if names else f"[{index}]", child
    elif isinstance(value, set | frozenset):
        for child in value:
            yield f" (its element {_short(child)})", child
    elif kind_of(type(value)) == wire.OWN_STATE:
        yield "", value.wire_state()
    elif kind_of(type(value)) is not None:
        for name in _field_names(value):
            yield f".{name}", getattr(value, name, None)


def _field_names(value: Any) -> list[str]:
    if isinstance(value, msgspec.Struct):
        return list(value.__struct_fields__)
    if dataclasses.is_dataclass(value):
        return [field.name for field in dataclasses.fields(value)]
    private = getattr(value, "__pydantic_private__", None) or {}
    return [*getattr(value, "__dict__", {}), *private]


def _short(key: Any) -> str:
    text = repr(key).replace("'", '"')
    return text if len(text) <= 40 else text[:37] + "..."
