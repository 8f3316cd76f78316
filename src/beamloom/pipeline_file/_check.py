"""Checks located YAML against annotated structs, and finds everything that is wrong in it, not only the first mistake."""

from __future__ import annotations

import types
import typing
from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec
import msgspec.inspect as inspect
from msgspec import Meta

from beamloom.errors import did_you_mean
from beamloom.located_yaml import Key, Located, Problem
from beamloom.settings import expectation

Special = Callable[["Checker", Located, str], Any]
"""Reads a value whose keys depend on its content; takes the checker, the value and the name of its key."""


class Invalid:
    """Stands for a value that a problem was noted for."""


INVALID: Final = Invalid()


class Checker:
    """Reads located values as annotated types and notes a problem for each one that does not fit."""

    def __init__(self, special: Mapping[type, Special]) -> None:
        self.problems: list[Problem] = []
        self._special = special

    def note(self, line: int, text: str) -> Invalid:
        """Note a problem; returns what stands for the value."""
        self.problems.append(Problem(line, text))
        return INVALID

    def read(self, item: Located, annotation: Any, name: str) -> Any:
        """The value of ``item`` as ``annotation``, or INVALID when something in it is wrong."""
        plain, limits = _unwrapped(annotation)
        member, own_limits = _unwrapped(_member_for(item.value, plain))
        limits = own_limits or limits
        if isinstance(member, type) and member in self._special:
            return self._special[member](self, item, name)
        if isinstance(member, type) and issubclass(member, msgspec.Struct):
            if not isinstance(item.value, dict):
                return self.wrong(item, annotation, name)
            return self.read_struct(item, member, name)
        origin, arguments = typing.get_origin(member), typing.get_args(member)
        if origin is dict and isinstance(item.value, dict):
            return self._length(item, limits, name, self._read_dict(item, arguments[1]))
        is_sequence = origin is list or (origin is tuple and arguments[-1] is Ellipsis)
        if is_sequence and isinstance(item.value, list):
            return self._length(item, limits, name, self._read_list(item, arguments[0], name, origin))
        return self._read_plain(item, annotation, name)

    def read_struct(self, item: Located, kind: type[msgspec.Struct], name: str) -> Any:
        """A struct from the keys of a mapping: unknown, missing and wrong ones are noted."""
        described = typing.cast(inspect.StructType, inspect.type_info(kind))
        hints = typing.get_type_hints(kind, include_extras=True)
        known = {field.encode_name: field for field in described.fields}
        values: dict[str, Any] = {}
        sound = True
        for key, inner in item.value.items():
            if key.text not in known:
                self.unknown(key, known)
                sound = False
                continue
            field = known[key.text]
            values[field.name] = self.read(inner, hints[field.name], key.text)
            sound &= not isinstance(values[field.name], Invalid)
        for field in described.fields:
            if field.required and field.name not in values:
                # A misspelt key is already noted; that it is missing as well would only distract.
                if not any(
                    did_you_mean(key.text, [field.encode_name]) for key in item.value if key.text not in known
                ):
                    owner = f" of {name!r}" if name else ""
                    takes = _takes(hints[field.name])
                    self.note(item.line, f"the key {field.encode_name!r}{owner} is missing; it takes {takes}")
                sound = False
        if not sound:
            return INVALID
        try:
            return kind(**values)
        except ValueError as error:
            return self.note(item.line, f"{name}: {error}" if name else str(error))

    def unknown(self, key: Key, known: typing.Iterable[str]) -> None:
        """Note a key that nobody reads, with the closest one that somebody does."""
        names = list(known)
        hint = did_you_mean(key.text, names) or f"; known here are {', '.join(names)}"
        self.note(key.line, f"unknown key {key.text!r}{hint}")

    def wrong(self, item: Located, annotation: Any, name: str) -> Invalid:
        """Note a value that does not fit, and what would."""
        takes = _takes(annotation)
        if item.value is None:
            return self.note(item.line, f"{name!r} is empty; it takes {takes}")
        hint = ""
        if takes == "text" and isinstance(item.value, bool | int | float):
            hint = "; put quotes around it"
        return self.note(item.line, f"{name!r} is {_shown(item)}, but it takes {takes}{hint}")

    def _read_dict(self, item: Located, annotation: Any) -> Any:
        read = {key.text: self.read(inner, annotation, key.text) for key, inner in item.value.items()}
        return INVALID if any(isinstance(value, Invalid) for value in read.values()) else read

    def _read_list(self, item: Located, annotation: Any, name: str, origin: Any) -> Any:
        read = [self.read(inner, annotation, name) for inner in item.value]
        return INVALID if any(isinstance(value, Invalid) for value in read) else origin(read)

    def _length(self, item: Located, limits: Meta | None, name: str, read: Any) -> Any:
        least = limits.min_length if limits else None
        if least and len(item.value) < least:
            return self.note(item.line, f"{name!r} is empty; it takes at least {least}")
        return read

    def _read_plain(self, item: Located, annotation: Any, name: str) -> Any:
        value = item.plain()
        # YAML 1.1 takes 1e-3, without a point, for text.
        is_number = _unwrapped(annotation)[0] is float
        try:
            return msgspec.convert(value, annotation, strict=not is_number)
        except msgspec.ValidationError:
            return self.wrong(item, annotation, name)


def _unwrapped(annotation: Any) -> tuple[Any, Meta | None]:
    """An annotation without ``Annotated``, and the Meta that limits its length."""
    if typing.get_origin(annotation) is not typing.Annotated:
        return annotation, None
    plain, *notes = typing.get_args(annotation)
    limits = [note for note in notes if isinstance(note, Meta) and note.min_length is not None]
    return plain, limits[0] if limits else None


def _member_for(value: Any, annotation: Any) -> Any:
    """The member of a union that a value of this shape is meant for; the annotation itself when it is no union."""
    if typing.get_origin(annotation) not in (typing.Union, types.UnionType):
        return annotation
    for member in typing.get_args(annotation):
        plain = _unwrapped(member)[0]
        origin = typing.get_origin(plain)
        is_mapping = origin is dict or (isinstance(plain, type) and issubclass(plain, msgspec.Struct))
        if (isinstance(value, dict) and is_mapping) or (isinstance(value, list) and origin in (list, tuple)):
            return member
    return annotation


def _takes(annotation: Any) -> str:
    return expectation(inspect.type_info(annotation))


def _shown(item: Located) -> str:
    if isinstance(item.value, dict):
        return "a mapping"
    if isinstance(item.value, list):
        return "a list"
    if isinstance(item.value, bool):
        return "true" if item.value else "false"
    return repr(item.value)
