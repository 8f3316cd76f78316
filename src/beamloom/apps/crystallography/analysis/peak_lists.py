"""Lists of the peaks of hits on their way to who writes them down."""

from __future__ import annotations

from typing import Any, Self

import numpy as np

from beamloom import Sum

Array = np.ndarray[Any, np.dtype[Any]]


class PeakLists:
    """The peaks of each hit, for who writes them down: ``take`` empties it, so that it does not grow with the run."""

    COLUMNS = ("fs", "ss", "intensity", "num_pixels", "max_pixel_intensity", "snr")

    def __init__(self) -> None:
        self._events = Sum()
        self._lists: dict[int, Array] = {}

    def add(self, event: int, peaks: Any) -> Self:
        """The peaks of an event, as ``find_peaks`` returns them."""
        self._lists[event] = np.column_stack([getattr(peaks, column) for column in self.COLUMNS])
        self._events.add(event, len(peaks.fs))
        return self

    def take(self) -> dict[int, Array]:
        """All lists by event, each (n, 6) with the columns ``COLUMNS``; they are no longer here then."""
        lists, self._lists = self._lists, {}
        return lists

    def check(self, other: Self) -> None:
        """Raises TypeError where ``other`` cannot be merged into this."""
        if type(other) is not type(self):
            raise TypeError(f"PeakLists do not merge with a {type(other).__name__}")

    def merge(self, other: Self) -> Self:
        """Take the lists of ``other``."""
        self.check(other)
        self._lists |= other._lists
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
        """How many peaks came in."""
        return self._events.snapshot()

    def wire_state(self) -> dict[str, Any]:
        """What travels: all lists in one array."""
        lists = list(self._lists.values())
        return {
            "events": self._events,
            "numbers": np.array(list(self._lists), np.int64),
            "lengths": np.array([len(one) for one in lists], np.int64),
            "rows": np.concatenate(lists) if lists else np.empty((0, len(self.COLUMNS))),
        }

    @classmethod
    def from_wire_state(cls, state: dict[str, Any]) -> Self:
        """What has travelled."""
        made = cls()
        made._events = state["events"]
        parts = np.split(state["rows"], np.cumsum(state["lengths"])[:-1])
        made._lists = dict(zip(state["numbers"].tolist(), parts, strict=False))
        return made
