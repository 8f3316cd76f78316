"""What the pipeline knows of a result type: how its partials merge, what readers see, how it travels.

The types of this package are only the usual ones; a class of an analysis that has these methods is taken in the same way.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any, Protocol, Self, TypeGuard

from beamloom.engine.ranges import RangeSet


class ResultType(Protocol):
    """A growing result. Merging is associative, and commutative: any split of the events over workers gives the same."""

    @property
    def coverage(self) -> RangeSet:
        """The events that are in."""

    @property
    def version(self) -> int:
        """Grows with every change."""

    def check(self, other: Self) -> None:
        """Raises TypeError or ValueError, with a sentence, where ``other`` cannot be merged into this."""

    def merge(self, other: Self) -> Self:
        """Take all that is in ``other``, which is not used any more afterwards; returns itself. Raises as ``check``, changing nothing."""

    def snapshot(self) -> Mapping[str, Any]:
        """The result for readers: a group of the publish tree that never changes. Cheap where nothing has changed since the last."""

    def wire_state(self) -> Any:
        """All that is in it, as values that results may hold, arrays uncopied."""

    @classmethod
    def from_wire_state(cls, state: Any) -> Self:
        """The result that ``wire_state`` described."""


_METHODS = ("check", "merge", "snapshot", "wire_state", "from_wire_state", "coverage", "version")


def is_result_type(value: object) -> TypeGuard[ResultType]:
    """Whether a value is of a result type."""
    return _has_methods(type(value))  # type: ignore[arg-type]  # mypy asks the class for the hash of its instances


@functools.lru_cache(maxsize=256)
def _has_methods(cls: type) -> bool:
    return all(hasattr(cls, method) for method in _METHODS)
