"""Flags from a function's signature, for the keyword arguments that can be written on a command line."""

from __future__ import annotations

import argparse
import inspect
import types
import typing
from collections.abc import Callable, Sequence
from typing import Any

SCALARS = (int, float, str)


def add_flags(group: Any, function: Callable[..., Any]) -> None:
    """One flag for each keyword argument that is a number, text, yes or no, or a short list of numbers or texts."""
    for name, (parameter, kind, many) in _writable(function).items():
        flag = f"--{name.replace('_', '-')}"
        default = "" if parameter.default in (None, "") else f"default {_written(parameter.default)}"
        if kind is bool:
            group.add_argument(
                flag, action=argparse.BooleanOptionalAction, default=argparse.SUPPRESS, help=default
            )
            continue
        reader: Callable[[str], Any] = _list_of(kind) if many else kind
        word = {int: "N", float: "X", str: "TEXT"}[kind]
        metavar = f"{word},{word}" if many else word
        group.add_argument(flag, type=reader, metavar=metavar, default=argparse.SUPPRESS, help=default)


def given_flags(arguments: argparse.Namespace, function: Callable[..., Any]) -> dict[str, Any]:
    """The keyword arguments that were given on the command line."""
    return {name: getattr(arguments, name) for name in _writable(function) if hasattr(arguments, name)}


def _writable(function: Callable[..., Any]) -> dict[str, tuple[inspect.Parameter, type, bool]]:
    """The keyword arguments by name: the parameter, its type or that of its items, and whether it is a list."""
    hints = typing.get_type_hints(function)
    found = {}
    for name, parameter in inspect.signature(function).parameters.items():
        kind = _without_none(hints[name])
        if kind in (*SCALARS, bool):
            found[name] = (parameter, kind, False)
        elif typing.get_origin(kind) is Sequence and typing.get_args(kind)[0] in SCALARS:
            found[name] = (parameter, typing.get_args(kind)[0], True)
    return found


def _without_none(hint: Any) -> Any:
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        members = [member for member in typing.get_args(hint) if member is not type(None)]
        return members[0] if len(members) == 1 else hint
    return hint


def _list_of(kind: type) -> Callable[[str], Any]:
    def read(text: str) -> list[Any]:
        return [kind(word.strip()) for word in text.split(",")]

    # argparse names the reader in its error sentence.
    read.__name__ = f"list of {kind.__name__}"
    return read


def _written(default: Any) -> str:
    return ",".join(map(str, default)) if isinstance(default, (list, tuple)) else str(default)
