"""Which classes of a repository look like workers, reducers and sources, from their text alone.

Whether they are is found out by importing them, in a process of its own.
"""

from __future__ import annotations

import ast
from collections.abc import Sequence
from typing import Final, Literal, NamedTuple

from beamloom.migrating.repository import Repository, Source

Role = Literal["worker", "reducer", "source"]
HOOKS: Final[dict[str, Role]] = {
    "process_event": "worker",
    "process_result": "reducer",
    "get_source_generators": "source",
}


class Seen(NamedTuple):
    """A class as its text shows it."""

    source: Source
    node: ast.ClassDef
    role: Role

    def references(self) -> list[tuple[str, str]]:
        """The folders that it may be imported from, and its ``module:Class`` there, likeliest first."""
        *folders, last = self.source.name.removesuffix(".py").split("/")
        parts = [*folders, last] if last != "__init__" else folders
        # As analyses are named: from the repository itself; packages in src; files beside each other.
        depths = [0, *([1] if folders[:1] == ["src"] else []), len(parts) - 1]
        return [
            ("/".join(parts[:depth]) or ".", f"{'.'.join(parts[depth:])}:{self.node.name}")
            for depth in dict.fromkeys(depths)
            if all(map(str.isidentifier, parts[depth:])) and parts[depth:]
        ]


def classes_seen(repository: Repository) -> list[Seen]:
    """All that define or inherit the hooks; not those of tests."""
    defined = [
        (source, node)
        for source in repository.sources
        if not source.is_test
        for node in source.tree.body
        if isinstance(node, ast.ClassDef)
    ]
    roles: dict[str, Role] = {}
    found: dict[int, Seen] = {}
    grows = True
    while grows:
        grows = False
        for place, (source, node) in enumerate(defined):
            role = _role(node) or next((roles[base] for base in bases_of(node) if base in roles), None)
            if role is not None and place not in found:
                found[place] = Seen(source, node, role)
                roles[node.name] = role
                grows = True
    return [found[place] for place in sorted(found)]


def bases_of(node: ast.ClassDef) -> Sequence[str]:
    """The last words of what a class derives from."""
    return [base.attr if isinstance(base, ast.Attribute) else getattr(base, "id", "") for base in node.bases]


def hooks_of(node: ast.ClassDef) -> dict[str, ast.FunctionDef]:
    """The methods of a class by name."""
    return {one.name: one for one in node.body if isinstance(one, ast.FunctionDef)}


def _role(node: ast.ClassDef) -> Role | None:
    return next((role for hook, role in HOOKS.items() if hook in hooks_of(node)), None)
