"""Modules of recipes, by name: those that come with Beamloom, and those of a site (entry points of the group ``beamloom.recipe_modules``).

A module is a function. What it takes is told by its annotations: ``Table`` and ``Image`` (or a ``dict`` of them) are names in the recipe,
``Path`` is a file that it writes, and everything else is a parameter with its type. In a recipe, names may be written as in Python
(``input_name``) or as PYME writes them (``inputName``).
"""

from __future__ import annotations

import importlib
import inspect
import re
import typing
from collections.abc import Callable, Mapping
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, Final, NamedTuple, TypeVar

from beamloom.rules.errors import RuleError, RuleRefused, closest
from beamloom.rules.recipes.values import Image, Table

GROUP: Final = "beamloom.recipe_modules"
BUILT_IN: Final = ("tables", "localisations", "images", "objects", "outputs")
F = TypeVar("F", bound=Callable[..., Any])


class Parameter(NamedTuple):
    """A parameter of a module."""

    type: Any
    default: Any
    """``inspect.Parameter.empty`` where it has to be given."""


class Module(NamedTuple):
    """What is known of a module."""

    name: str
    function: Callable[..., Any]
    inputs: Mapping[str, type]
    """Names of its arguments that take tables or images."""
    several: frozenset[str]
    """Those that take several at once."""
    outputs: Mapping[str, type]
    """Names of its arguments that name what it makes."""
    parameters: Mapping[str, Parameter]
    file: str
    """The argument that takes the path of the file that it writes; empty where it writes none."""

    @property
    def summary(self) -> str:
        """The first line of its description."""
        return (inspect.getdoc(self.function) or "").partition("\n")[0]

    def arguments(self) -> list[str]:
        """What stands below its name in a recipe, each with what it is."""
        lines = []
        for name, kind in self.inputs.items():
            what = (
                f"{kind.__name__.lower()}s by their names" if name in self.several else kind.__name__.lower()
            )
            lines.append(f"{name}: takes {what}")
        for name, (kind, default) in self.parameters.items():
            told = kind.__name__ if type(kind) is type else str(kind).replace("typing.", "")
            needed = "needed" if default is inspect.Parameter.empty else f"by default {default!r}"
            lines.append(f"{name}: {told}; {needed}")
        lines += [
            f"{name}: names the {kind.__name__.lower()} that it makes" for name, kind in self.outputs.items()
        ]
        return [*lines, "file_pattern: the file that it writes"] if self.file else lines


_MODULES: Final[dict[str, Module]] = {}


def module(name: str, **outputs: type) -> Callable[[F], F]:
    """Declare a function a module; ``outputs``: argument and kind of what it returns, in order."""

    def declare(function: F) -> F:
        _MODULES[name] = _described(name, function, outputs)
        return function

    return declare


def find_module(name: str) -> Module:
    """The module of a name. Raises RuleRefused, with the closest one that there is."""
    _load()
    if name not in _MODULES:
        raise RuleRefused(
            f"there is no module {name!r}{closest(name, _MODULES)}; 'beamloom recipe modules' lists them"
        )
    return _MODULES[name]


def module_names() -> list[str]:
    """The names of all modules."""
    _load()
    return sorted(_MODULES)


def snake(name: str) -> str:
    """``inputName`` as ``input_name``."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()


def _described(name: str, function: Callable[..., Any], outputs: Mapping[str, type]) -> Module:
    hints = typing.get_type_hints(function)
    inputs: dict[str, type] = {}
    several, parameters, file = set(), {}, ""
    for argument, described in inspect.signature(function).parameters.items():
        hint = hints[argument]
        kinds = typing.get_args(hint)
        if hint in (Table, Image):
            inputs[argument] = hint
        elif typing.get_origin(hint) is dict and kinds[1] in (Table, Image):
            inputs[argument] = kinds[1]
            several.add(argument)
        elif hint is Path:
            file = argument
        else:
            parameters[argument] = Parameter(hint, described.default)
    return Module(name, function, inputs, frozenset(several), outputs, parameters, file)


def _load() -> None:
    if "tablefilters.FilterTable" in _MODULES:
        return
    for own in BUILT_IN:
        importlib.import_module(f"beamloom.rules.recipes.modules.{own}")
    for entry in entry_points(group=GROUP):
        try:
            entry.load()
        except Exception as error:
            raise RuleError(
                f"the recipe modules {entry.value!r} of a plug-in cannot be imported: {type(error).__name__}: {error}; mend it, or "
                "uninstall it"
            ) from error
