"""At which version each part of a publish tree last changed.

A part is named by its steps from the root, written as in a normalized path: ``.map``, ``['my name']``. Dictionaries with text as keys
have parts; everything else is one part, however much is in it. Versions are found by comparing two copies of ``sharing.py`` by identity,
so that they cost what has changed, not what is there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from beamloom.results.keys import name_step
from beamloom.results.sharing import may_change


@dataclass(frozen=True, slots=True)
class Versions:
    """One part: when it last changed, and its own parts."""

    version: int
    """At which it, or anything in it, last changed."""
    at: float
    """When that was (Unix time, s)."""
    own: int
    """The version at which it began to be, became another kind of thing, or lost a part."""
    parts: Mapping[str, Versions] = field(default_factory=dict)
    """By step."""

    def of(self, steps: tuple[str, ...]) -> Versions:
        """The part at these steps, or the smallest one that it is in."""
        part = self
        for step in steps:
            inner = part.parts.get(step)
            if inner is None:
                break
            part = inner
        return part

    def since(self, version: int, steps: tuple[str, ...] = ()) -> list[str]:
        """Paths of what has changed after ``version``, none within another; ``steps`` lead to this part."""
        return ["$" + "".join(path) for path in self._since(version, steps)]

    def _since(self, version: int, steps: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
        if self.version <= version:
            return
        if self.own > version or not self.parts:
            yield steps
            return
        for step, part in self.parts.items():
            yield from part._since(version, (*steps, step))


def versions_of(copied: Any, version: int, at: float) -> Versions:
    """Of a copy in which everything is new at ``version``."""
    if not _has_parts(copied):
        return Versions(version, at, version)
    parts = {name_step(key): versions_of(one, version, at) for key, one in copied.items()}
    return Versions(version, at, version, parts)


def newer_versions(known: Versions, before: Any, copied: Any, version: int, at: float) -> Versions:
    """Of a copy that follows ``before``, whose versions are ``known``; what differs has changed at ``version``."""
    if copied is before and not may_change(copied):
        return known
    if not (_has_parts(copied) and _has_parts(before)):
        return versions_of(copied, version, at)
    parts: dict[str, Versions] = {}
    for key, one in copied.items():
        step = name_step(key)
        part = known.parts.get(step)
        if part is None or key not in before:
            parts[step] = versions_of(one, version, at)
        else:
            parts[step] = newer_versions(part, before[key], one, version, at)
    kept = [step for step in parts if step in known.parts]
    own = known.own if kept == list(known.parts) else version
    return Versions(version, at, own, parts)


def _has_parts(copied: Any) -> bool:
    return isinstance(copied, dict) and bool(copied) and all(isinstance(key, str) for key in copied)
