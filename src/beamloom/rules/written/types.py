"""Which rules a description can name, so that no other code is ever called.

There are those of Beamloom, those of a site (entry points of the group ``beamloom.rule_types``), and those that the settings name: a class
that derives from ``Rule``, or a function that is called for each chunk.
"""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Mapping
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, ClassVar, Final

import msgspec

from beamloom.rules.api.localisation import LocalisationRule
from beamloom.rules.api.options import OPTIONS
from beamloom.rules.api.recipe_rule import RecipeRule
from beamloom.rules.api.rule import FunctionRule, Rule
from beamloom.rules.errors import RuleRefused, closest

GROUP: Final = "beamloom.rule_types"
GATHER: Final = "beamloom.rules.tasks.tables:gather"
"""Writes what a function returned, where a description says to which file."""
BUILT_IN: Final[dict[str, type[Rule]]] = {"LocalisationRule": LocalisationRule, "RecipeRule": RecipeRule}
PLUMBING: Final = frozenset({"self", "on_completion", "rule_class", "kwargs", "rule_outputs", "spooler"})
"""What belongs to the way that rules are made, and not to what a description says."""
TAKEN_OUT: Final[dict[type[Rule], frozenset[str]]] = {
    LocalisationRule: frozenset({"dataset", "stream"}),
    RecipeRule: frozenset({"inputs", "input_templates", "input_patterns"}),
}
"""What a class takes of its further arguments."""


class TypeLine(msgspec.Struct, frozen=True):
    """One kind of rule, for lists."""

    name: str
    says: str
    arguments: list[str]


class NamedFunction(FunctionRule):
    """Calls one function, that of the settings, for each chunk of a series."""

    function: ClassVar[str] = ""

    def __init__(
        self,
        series: str | Path | int | Mapping[str, Any],
        parameters: Mapping[str, Any] | None = None,
        outputs: Mapping[str, str | Path] | None = None,
        dataset: str = "",
        stream: str = "",
        **kwargs: Any,
    ) -> None:
        """See ``FunctionRule``; which function it is cannot be said here. Raises RuleRefused."""
        super().__init__(
            self.function,
            series,
            gather=GATHER if outputs and "results" in outputs else "",
            parameters=parameters,
            outputs=outputs,
            dataset=dataset,
            stream=stream,
            **kwargs,
        )


class RuleTypes:
    """The kinds of rules by their names."""

    def __init__(self, named: Mapping[str, str] | None = None) -> None:
        """``named``: further ones, as ``package.module:name``."""
        self._named = dict(named or {})

    def names(self) -> list[str]:
        """All names."""
        return sorted({*BUILT_IN, *self._named, *(entry.name for entry in entry_points(group=GROUP))})

    def find(self, name: str) -> type[Rule]:
        """The class of that name. Raises RuleRefused."""
        if name in self._named:
            return _loaded(name, self._named[name])
        if name in BUILT_IN:
            return BUILT_IN[name]
        for entry in entry_points(group=GROUP, name=name):
            return _loaded(name, entry.value)
        raise RuleRefused(
            f"there is no rule {name!r}{closest(name, self.names())}; there are: {', '.join(self.names())}"
        )

    def lines(self) -> list[TypeLine]:
        """For each kind what it is and what it takes. Raises RuleRefused for one that the settings name wrongly."""
        found = []
        for name in self.names():
            kind = self.find(name)
            says = (inspect.getdoc(kind) or "").partition("\n")[0]
            found.append(TypeLine(name, says, sorted(arguments_of(kind) - OPTIONS)))
        return found


def arguments_of(kind: type[Rule]) -> set[str]:
    """The names of the arguments that a description can give to such a rule."""
    found = set(OPTIONS)
    for cls in kind.__mro__:
        if cls in (FunctionRule, NamedFunction.__base__) and issubclass(kind, NamedFunction):
            continue
        if issubclass(cls, Rule) and "__init__" in vars(cls):
            found |= set(inspect.signature(cls.__init__).parameters)
        found |= TAKEN_OUT.get(cls, frozenset())
    return found - PLUMBING


def _loaded(name: str, where: str) -> type[Rule]:
    module, _, attribute = where.partition(":")
    try:
        found = getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError, ValueError) as error:
        raise RuleRefused(
            f"the rule {name!r} is {where!r} by the settings, and that cannot be found: {error}; "
            "correct it where the service is started, as package.module:name"
        ) from error
    if isinstance(found, type) and issubclass(found, Rule):
        return found
    if not callable(found):
        raise RuleRefused(
            f"the rule {name!r} is {where!r} by the settings, which is neither a rule nor a function"
        )
    says = (inspect.getdoc(found) or "").partition("\n")[0]
    return type(name, (NamedFunction,), {"function": where, "__doc__": says})
