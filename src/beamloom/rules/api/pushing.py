"""Hands rules over to an engine, with all that follows them, at once: either all of it is in the ledger, or nothing."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

from beamloom.rules.api.chaining import Successor
from beamloom.rules.engine import Followed, PushedRule, RuleEngine, current
from beamloom.rules.errors import RuleRefused
from beamloom.rules.spec import Link, StepSpec


class Pushable(Followed, Protocol):
    """A rule that is not pushed yet; see ``Rule``."""

    successors: list[Successor]
    _pushed: PushedRule | None

    @property
    def name(self) -> str: ...
    @property
    def output_files(self) -> dict[str, str]: ...
    def prepare(self) -> dict[str, Any]: ...
    def offered(self) -> dict[str, Any]: ...
    def spec(self, folder: Path) -> StepSpec: ...


def push(rules: Sequence[Pushable], engine: RuleEngine | None = None) -> None:
    """Push ``rules``; a factory that follows several of them makes one rule, which waits for all. Raises RuleRefused."""
    for rule in rules:
        if rule._pushed is not None:
            raise RuleRefused(f"the rule {rule.name!r} was pushed already; make another one by its factory")
    steps, links = graph(rules)
    for rule in steps:
        rule.prepare()
    target = engine if engine is not None else current()
    specs = [rule.spec(target.folder) for rule in steps]
    handles = target.submit(specs, links, [path for path in sys.path if path], steps)
    for rule, handle in zip(steps, handles, strict=True):
        rule._pushed = handle


def graph(roots: Sequence[Pushable]) -> tuple[list[Pushable], list[Link]]:
    """All rules and how they follow each other. Raises RuleRefused for a circle."""
    steps: list[Pushable] = []
    links: list[Link] = []
    made: dict[int, int] = {}

    def add(rule: Pushable, way: tuple[int, ...]) -> int:
        place = len(steps)
        steps.append(rule)
        for successor in rule.successors:
            child = follow(rule, successor, way)
            links.append(Link(place, child, successor.condition))
        return place

    def follow(parent: Pushable, successor: Successor, way: tuple[int, ...]) -> int:
        known = id(successor.factory)
        if known in way:
            raise RuleRefused(
                f"the chain comes back to the {successor.factory.rule_type} that it has been at; leave one link out"
            )
        if known not in made:
            rule = successor.factory.get_rule(_context(parent, successor))
            made[known] = add(rule, (*way, known))
        return made[known]

    for root in roots:
        add(root, ())
    return steps, links


def _context(parent: Pushable, successor: Successor) -> dict[str, Any]:
    """What the parent was given and has found out; what the factory was given itself comes before it."""
    offered = {
        name: value for name, value in parent.offered().items() if name not in successor.factory.arguments
    }
    return {**offered, "rule_outputs": parent.output_files}
