"""What hits bring with them by event, on its way to who takes it out of the reducer: so it does not grow with the run."""

from __future__ import annotations

from typing import Any, Generic, Self, TypeVar

from beamloom import Sum

Kept = TypeVar("Kept")


class ByEvent(Generic[Kept]):
    """One thing of each of some events, and a sum over these events; it merges, and travels as its subclass says."""

    def __init__(self) -> None:
        self._events = Sum()
        self._kept: dict[int, Kept] = {}

    def _keep(self, event: int, what: Kept, counts: int) -> Self:
        """``counts`` is added to the sum."""
        self._kept[event] = what
        self._events.add(event, counts)
        return self

    def _take(self) -> dict[int, Kept]:
        """All of it; it is no longer here then."""
        kept, self._kept = self._kept, {}
        return kept

    def check(self, other: Self) -> None:
        """Raises TypeError where ``other`` cannot be merged into this."""
        if type(other) is not type(self):
            raise TypeError(f"{type(self).__name__} do not merge with a {type(other).__name__}")

    def merge(self, other: Self) -> Self:
        """Take what ``other`` has."""
        self.check(other)
        self._kept |= other._kept
        self._events.merge(other._events)
        return self

    @property
    def coverage(self) -> Any:
        """The events that came in."""
        return self._events.coverage

    @property
    def version(self) -> int:
        """Grows with every change."""
        return self._events.version

    def snapshot(self) -> dict[str, Any]:
        """The sum over the events that came in."""
        return self._events.snapshot()
