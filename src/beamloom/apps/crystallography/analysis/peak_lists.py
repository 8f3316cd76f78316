"""Lists of the peaks of hits on their way to who writes them down."""

from __future__ import annotations

from typing import Any, Self

import numpy as np

from beamloom.apps.crystallography.analysis.by_event import ByEvent

Array = np.ndarray[Any, np.dtype[Any]]


class PeakLists(ByEvent[Array]):
    """The peaks of each hit, for who writes them down, and how many they are."""

    COLUMNS = ("fs", "ss", "intensity", "num_pixels", "max_pixel_intensity", "snr")

    def add(self, event: int, peaks: Any) -> Self:
        """The peaks of an event, as ``find_peaks`` returns them."""
        rows = np.column_stack([getattr(peaks, column) for column in self.COLUMNS])
        return self._keep(event, rows, len(peaks.fs))

    def take(self) -> dict[int, Array]:
        """All lists by event, each (n, 6) with the columns ``COLUMNS``; they are no longer here then."""
        return self._take()

    def wire_state(self) -> dict[str, Any]:
        """What travels: all lists in one array."""
        lists = list(self._kept.values())
        return {
            "events": self._events,
            "numbers": np.array(list(self._kept), np.int64),
            "lengths": np.array([len(one) for one in lists], np.int64),
            "rows": np.concatenate(lists) if lists else np.empty((0, len(self.COLUMNS))),
        }

    @classmethod
    def from_wire_state(cls, state: dict[str, Any]) -> Self:
        """What has travelled."""
        made = cls()
        made._events = state["events"]
        parts = np.split(state["rows"], np.cumsum(state["lengths"])[:-1])
        made._kept = dict(zip(state["numbers"].tolist(), parts, strict=False))
        return made
