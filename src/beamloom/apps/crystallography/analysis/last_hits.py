"""The last hits: a few small pictures with their peaks, to be looked at beside each other."""

from __future__ import annotations

import heapq
from typing import Any, NamedTuple, Self

import numpy as np

from beamloom import Sum

Array = np.ndarray[Any, np.dtype[Any]]


class Hit(NamedTuple):
    """One of them."""

    event: int
    image: Array
    """A thumbnail of the slab, (ss, fs)."""
    fs: Array
    """Of its peaks, in pixels of the slab, (n,)."""
    ss: Array


class LastHits:
    """The hits of the ``most`` highest event numbers, whichever order they come in."""

    def __init__(self, most: int) -> None:
        if most < 1:
            raise ValueError(f"most is a number of hits from 1 on, not {most}")
        self.most = most
        self._events = Sum()
        self._hits: dict[int, Hit] = {}

    def add(self, hit: Hit) -> Self:
        """One more."""
        self._events.add(hit.event, 1)
        self._enter([hit])
        return self

    def _enter(self, hits: list[Hit]) -> None:
        self._hits |= {hit.event: hit for hit in hits}
        self._hits = {event: self._hits[event] for event in heapq.nlargest(self.most, self._hits)}

    def check(self, other: Self) -> None:
        """Raises TypeError or ValueError where ``other`` cannot be merged into this."""
        if type(other) is not type(self):
            raise TypeError(f"LastHits do not merge with a {type(other).__name__}")
        if other.most != self.most:
            raise ValueError(f"the last {other.most} hits do not merge with the last {self.most}")

    def merge(self, other: Self) -> Self:
        """Take the hits of ``other`` where they are newer."""
        self.check(other)
        self._enter(other.hits)
        self._events.merge(other._events)
        return self

    @property
    def hits(self) -> list[Hit]:
        """The newest first."""
        return list(self._hits.values())

    @property
    def coverage(self) -> Any:
        """The hits that came in, also those that are no longer shown."""
        return self._events.coverage

    @property
    def version(self) -> int:
        """Grows with every change."""
        return self._events.version

    def snapshot(self) -> dict[str, Any]:
        """How many hits came in; the pictures are shown where they are assembled."""
        return self._events.snapshot()

    def wire_state(self) -> dict[str, Any]:
        """What travels."""
        return {"most": self.most, "events": self._events, "hits": [hit._asdict() for hit in self.hits]}

    @classmethod
    def from_wire_state(cls, state: dict[str, Any]) -> Self:
        """What has travelled."""
        made = cls(state["most"])
        made._events = state["events"]
        made._enter([Hit(**hit) for hit in state["hits"]])
        return made
