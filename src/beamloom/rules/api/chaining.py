"""What follows a rule, and under which condition."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple, Protocol, TypeAlias

from beamloom.rules.errors import RuleRefused
from beamloom.rules.policy import Condition, condition


class Factory(Protocol):
    """Makes a rule when the one before is pushed; see ``RuleFactory``."""

    arguments: dict[str, Any]

    def get_rule(self, context: Mapping[str, Any]) -> Any: ...
    @property
    def rule_type(self) -> str: ...


Follow: TypeAlias = Factory | Iterable[Factory] | None


class Successor(NamedTuple):
    """A rule that follows."""

    factory: Factory
    condition: Condition


def follows(on_completion: Follow, on: str | float | Condition = "success") -> list[Successor]:
    """The successors that a user means: none, one factory, or several. Raises RuleRefused."""
    if on_completion is None:
        return []
    several = list(on_completion) if isinstance(on_completion, Iterable) else [on_completion]
    for one in several:
        if not hasattr(one, "get_rule"):
            raise RuleRefused(
                f"rules are followed by factories, as RecipeRuleFactory(...), and not by {one!r}"
            )
    return [Successor(one, condition(on)) for one in several]
