"""Who is first of many workers, by something that changes all the time, without looking at all of them.

Invariant: for each worker whose place may count, there is an entry with its present value; entries with values of before are thrown
away when they come up. So a question costs a step for each worker that has changed since the last one, however many there are.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from heapq import heapify, heappop, heappush
from typing import Generic, Protocol, TypeVar


class Ranked(Protocol):
    """Who can be ranked."""

    @property
    def index(self) -> int:
        """Who comes first of those that are alike: the lowest."""


T = TypeVar("T", bound=Ranked)

STALE_KEPT = 4
"""So many entries for each of those that are ranked may be out of date before all are ranked anew."""


class Ranking(Generic[T]):
    """Some workers, the one with the lowest value first."""

    def __init__(self, members: Iterable[T], value: Callable[[T], int | None]) -> None:
        """``value`` of a worker: the lowest comes first, None is not in the running."""
        self._members = list(members)
        self._value = value
        self._entries: list[tuple[int, int, T]] = []
        self._rank_all()

    def _rank_all(self) -> None:
        value = self._value
        self._entries = [(own, one.index, one) for one in self._members if (own := value(one)) is not None]
        heapify(self._entries)

    def changed(self, one: T) -> None:
        """The value of one of them may be another one now."""
        own = self._value(one)
        if own is not None:
            heappush(self._entries, (own, one.index, one))
            if len(self._entries) > STALE_KEPT * len(self._members) + STALE_KEPT:
                self._rank_all()

    def first(self, besides: Collection[T] = ()) -> T | None:
        """The one with the lowest value, but for those in ``besides``; None where nobody is in the running."""
        entries, passed = self._entries, []
        found: T | None = None
        while entries:
            own, _, one = entries[0]
            if own == self._value(one):
                if one not in besides:
                    found = one
                    break
                passed.append(entries[0])
            heappop(entries)
        for entry in passed:
            heappush(entries, entry)
        return found
