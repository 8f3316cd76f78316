"""Patterns of rules: what is the same for every series is given to the factory, what is not comes with the context.

Factories are chained before there is any series; ``get_rule`` makes the first rule, and pushing that one makes all that follow it. A
factory that is reached on two ways (``a.chain(b)``, ``a.chain(c)``, ``b.chain(d)``, ``c.chain(d)``) makes one rule, which waits for both.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from beamloom.rules.api.chaining import Follow, Successor, follows
from beamloom.rules.api.localisation import LocalisationRule, SpoolLocalLocalizationRule
from beamloom.rules.api.recipe_rule import RecipeRule
from beamloom.rules.api.rule import Rule

F = TypeVar("F", bound="RuleFactory")


class RuleFactory:
    """Makes rules of one class."""

    def __init__(self, on_completion: Follow = None, rule_class: type[Rule] = Rule, **kwargs: Any) -> None:
        """``kwargs`` are arguments of the rule class, or names for templates."""
        self.rule_class = rule_class
        self.arguments = kwargs
        self.successors: list[Successor] = follows(on_completion)

    def chain(self, on_completion: F, on: str | float = "success") -> F:
        """``on_completion`` follows what this factory makes; it is returned, so that ``a.chain(b).chain(c)`` is a chain of three.

        ``on``: ``"success"`` (nothing failed), ``"finish"`` (whatever failed), or the share of frames that may fail (0.05: five percent).
        It may be called several times: then several rules follow. Raises RuleRefused.
        """
        self.successors += follows(on_completion, on)
        return on_completion

    def get_rule(self, context: Mapping[str, Any]) -> Rule:
        """The rule for one series, with all that follows it. What ``context`` has comes before what the factory has. Raises RuleRefused."""
        rule = self.rule_class(**{**self.arguments, **context})
        rule.successors += self.successors
        return rule

    @property
    def rule_type(self) -> str:
        """What people call such rules."""
        return self.rule_class.__name__


class RecipeRuleFactory(RuleFactory):
    """Makes ``RecipeRule``."""

    def __init__(self, on_completion: Follow = None, **kwargs: Any) -> None:
        super().__init__(on_completion, RecipeRule, **kwargs)


class LocalisationRuleFactory(RuleFactory):
    """Makes ``LocalisationRule``."""

    def __init__(self, on_completion: Follow = None, **kwargs: Any) -> None:
        super().__init__(on_completion, LocalisationRule, **kwargs)


class SpoolLocalLocalizationRuleFactory(RuleFactory):
    """Makes ``SpoolLocalLocalizationRule``."""

    def __init__(self, on_completion: Follow = None, **kwargs: Any) -> None:
        super().__init__(on_completion, SpoolLocalLocalizationRule, **kwargs)
