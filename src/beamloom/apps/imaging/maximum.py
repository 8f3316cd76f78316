"""Maximum: the highest value that each pixel has shown, a result type of this analysis.

Which events are in is kept by a Sum, whose value is their number.
"""

from __future__ import annotations

from typing import Any, Self

import numpy as np

from beamloom import Sum

Array = np.ndarray[Any, np.dtype[Any]]


class Maximum:
    """Values of one shape and the highest of each element; NaN counts as nothing."""

    def __init__(self, *, units: str = "", label: str = "") -> None:
        self._about = {name: text for name, text in (("units", units), ("long_name", label)) if text}
        self._events = Sum()
        self._highest: Array | None = None

    def add(self, event: int, value: Array) -> Self:
        """The values of an event, which are copied. Raises ValueError for another shape."""
        self._take(np.array(value))
        self._events.add(event, 1)
        return self

    def _take(self, value: Array) -> None:
        self._check_shape(value)
        # A new array, as the one before may be in a snapshot.
        self._highest = value if self._highest is None else np.fmax(self._highest, value)

    def _check_shape(self, value: Array) -> None:
        if self._highest is not None and value.shape != self._highest.shape:
            raise ValueError(
                f"a value of shape {value.shape} has no maximum with one of shape {self._highest.shape}; give each shape its own"
            )

    def check(self, other: Self) -> None:
        """Raises TypeError or ValueError where ``other`` cannot be merged into this."""
        if type(other) is not type(self):
            raise TypeError(f"a Maximum does not merge with a {type(other).__name__}")
        if other._highest is not None:
            self._check_shape(other._highest)

    def merge(self, other: Self) -> Self:
        """Take what ``other`` has seen."""
        self.check(other)
        if other._highest is not None:
            self._take(other._highest)
        self._about = other._about | self._about
        self._events.merge(other._events)
        return self

    @property
    def coverage(self) -> Any:
        """The events that are in."""
        return self._events.coverage

    @property
    def version(self) -> int:
        """Grows with every change."""
        return self._events.version

    def snapshot(self) -> dict[str, Any]:
        """An NXdata group with ``maximum``."""
        shown = self._events.snapshot()
        return {
            "_attrs": {"NX_class": "NXdata", "signal": "maximum"},
            "maximum": np.zeros(()) if self._highest is None else self._highest,
            "maximum_attrs": self._about,
            "coverage": shown["coverage"],
            "coverage_attrs": shown["coverage_attrs"],
        }

    def wire_state(self) -> dict[str, Any]:
        """What travels."""
        return {"events": self._events, "highest": self._highest, "about": self._about}

    @classmethod
    def from_wire_state(cls, state: dict[str, Any]) -> Self:
        """What has travelled."""
        made = cls()
        made._events, made._highest, made._about = state["events"], state["highest"], dict(state["about"])
        return made
