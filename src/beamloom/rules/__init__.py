"""Rules: batch analyses that follow the data, one after the other, and account for every frame.

Every name that a user needs is here. They are imported when they are first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from beamloom.late_imports import late_names

if TYPE_CHECKING:
    from beamloom.rules.api.factory import (
        LocalisationRuleFactory,
        RecipeRuleFactory,
        RuleFactory,
        SpoolLocalLocalizationRuleFactory,
    )
    from beamloom.rules.api.localisation import LocalisationRule, SpoolLocalLocalizationRule
    from beamloom.rules.api.names import verify_cluster_results_filename
    from beamloom.rules.api.pushing import push
    from beamloom.rules.api.recipe_rule import RecipeRule
    from beamloom.rules.api.rule import FunctionRule, Rule
    from beamloom.rules.api.watching import RuleGroupWatcher, RuleWatcher
    from beamloom.rules.engine import PushedRule, RuleEngine, using
    from beamloom.rules.errors import (
        LedgerError,
        NoNewTasks,
        RecipeRefused,
        RuleError,
        RuleFailed,
        RuleRefused,
        RuleTimedOut,
    )
    from beamloom.rules.executors import DaskExecutor, LocalPool
    from beamloom.rules.ledger.redis_journal import redis_ledger
    from beamloom.rules.policy import Condition, Retries
    from beamloom.rules.sources import SpoolWriter, describe
    from beamloom.rules.tasks.chunk import Chunk, Gathered

_ROOMS = {
    "api.factory": (
        *("LocalisationRuleFactory", "RecipeRuleFactory", "RuleFactory"),
        "SpoolLocalLocalizationRuleFactory",
    ),
    "api.localisation": ("LocalisationRule", "SpoolLocalLocalizationRule"),
    "api.names": ("verify_cluster_results_filename",),
    "api.pushing": ("push",),
    "api.recipe_rule": ("RecipeRule",),
    "api.rule": ("FunctionRule", "Rule"),
    "api.watching": ("RuleGroupWatcher", "RuleWatcher"),
    "engine": ("PushedRule", "RuleEngine", "using"),
    "errors": (
        *("LedgerError", "NoNewTasks", "RecipeRefused", "RuleError", "RuleFailed", "RuleRefused"),
        "RuleTimedOut",
    ),
    "executors": ("DaskExecutor", "LocalPool"),
    "ledger.redis_journal": ("redis_ledger",),
    "policy": ("Condition", "Retries"),
    "sources": ("SpoolWriter", "describe"),
    "tasks.chunk": ("Chunk", "Gathered"),
}
_HOMES = {name: room for room, names in _ROOMS.items() for name in names}

__all__ = [
    "Chunk",
    "Condition",
    "DaskExecutor",
    "FunctionRule",
    "Gathered",
    "LedgerError",
    "LocalPool",
    "LocalisationRule",
    "LocalisationRuleFactory",
    "NoNewTasks",
    "PushedRule",
    "RecipeRefused",
    "RecipeRule",
    "RecipeRuleFactory",
    "Retries",
    "Rule",
    "RuleEngine",
    "RuleError",
    "RuleFactory",
    "RuleFailed",
    "RuleGroupWatcher",
    "RuleRefused",
    "RuleTimedOut",
    "RuleWatcher",
    "SpoolLocalLocalizationRule",
    "SpoolLocalLocalizationRuleFactory",
    "SpoolWriter",
    "describe",
    "push",
    "redis_ledger",
    "using",
    "verify_cluster_results_filename",
]

__getattr__, __dir__ = late_names(__name__, _HOMES)
