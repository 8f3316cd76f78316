"""Bins along an axis: given by their edges, or by width and growing with the values."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
import numpy.typing as npt

from beamloom.results.types._account import frozen

OUTSIDE = np.int64(np.iinfo(np.int64).min)
"""The bin of a value that is in none: beyond the edges, or not finite."""
FARTHEST = 2.0**52
"""Bins farther from the start are no longer told apart in float64."""

Indices = npt.NDArray[np.int64]


class Bins:
    """The bins of one axis, with its units and label.

    Either ``edges`` (n + 1, rising): bin i holds edges[i] <= value < edges[i + 1], the last one also its upper edge, as numpy.histogram
    has it. Or ``width``: bin i holds start + i width <= value < start + (i + 1) width, for every whole i as values come.
    """

    def __init__(
        self,
        edges: Any = None,
        *,
        width: float | None = None,
        start: float = 0.0,
        units: str = "",
        label: str = "",
    ) -> None:
        """Raises ValueError unless there is one of ``edges`` and ``width``, and it is right."""
        if (edges is None) == (width is None):
            raise ValueError("bins are given by their edges or by their width; give one of them")
        self.edges: npt.NDArray[np.float64] | None = None
        if edges is not None:
            self.edges = np.array(edges, np.float64)
            if self.edges.ndim != 1 or len(self.edges) < 2 or not (np.diff(self.edges) > 0).all():
                raise ValueError("edges are at least two numbers, each above the one before")
        if width is not None and not 0 < width < np.inf:
            raise ValueError(f"the width of bins is a positive number, not {width}")
        self.width = width
        self.start = float(start)
        self.units = units
        self.label = label

    def find(self, values: npt.NDArray[Any]) -> Indices:
        """The bin of each value."""
        if self.edges is not None:
            found = np.searchsorted(self.edges, values, "right").astype(np.int64) - 1
            found[values == self.edges[-1]] = len(self.edges) - 2
            found[(found < 0) | (found > len(self.edges) - 2) | np.isnan(values)] = OUTSIDE
            return found
        with np.errstate(invalid="ignore", over="ignore"):
            exact = np.floor((values - self.start) / (self.width or 1.0))
        inside = np.abs(exact) < FARTHEST
        return np.where(inside, np.where(inside, exact, 0).astype(np.int64), OUTSIDE)

    def edges_of(self, low: int, high: int) -> npt.NDArray[np.float64]:
        """The edges of the bins from ``low`` to before ``high``."""
        if self.edges is not None:
            return frozen(self.edges[low : high + 1])
        return frozen(np.asarray(self.start + np.arange(low, high + 1) * (self.width or 1.0)))

    def attributes(self) -> dict[str, str]:
        """``units`` and ``long_name`` where they are known."""
        named = {"units": self.units, "long_name": self.label}
        return {name: text for name, text in named.items() if text}

    def __eq__(self, other: object) -> bool:
        """Whether the bins are the same; units and label do not count."""
        if not isinstance(other, Bins) or (self.width, self.start) != (other.width, other.start):
            return False
        if self.edges is None or other.edges is None:
            return self.edges is other.edges
        return np.array_equal(self.edges, other.edges)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        if self.edges is None:
            return f"Bins(width={self.width}, start={self.start})"
        return f"Bins({len(self.edges) - 1} from {self.edges[0]:g} to {self.edges[-1]:g})"

    def wire_state(self) -> dict[str, Any]:
        """What travels."""
        return {
            "edges": self.edges,
            "width": self.width,
            "start": self.start,
            "units": self.units,
            "label": self.label,
        }

    @classmethod
    def from_wire_state(cls, state: dict[str, Any]) -> Self:
        """What has travelled."""
        return cls(**state)


def bins_of(given: Any) -> Bins:
    """Bins as the user gave them: themselves, or their edges."""
    return given if isinstance(given, Bins) else Bins(given)
