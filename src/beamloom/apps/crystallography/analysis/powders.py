"""Virtual powders of peaks, and how numbers are made ready to be summed.

Sums here do not depend on the order of events to the last bit: what is added is rounded to multiples of 1/4096 of a unit, of which float64
adds exactly up to 2e12. Which events are in is kept by a Sum, whose value is the number of peaks.
"""

from __future__ import annotations

from typing import Any, Final, Self

import numpy as np

from beamloom import Sum

Array = np.ndarray[Any, np.dtype[Any]]
STEPS: Final = 4096.0
"""In one unit."""


def summable(values: Array) -> Array:
    """``values`` as numbers whose sum does not depend on the order; whole numbers as they are, of others NaN and infinity as 0."""
    if values.dtype.kind in "iub":
        return values
    rounded = np.rint(values.astype(np.float64) * STEPS)
    rounded[~np.isfinite(rounded)] = 0
    rounded /= STEPS
    return rounded


class PeakPowder:
    """The intensities of all peaks where they lie, in one slab: a virtual powder. It travels as peaks, and is a slab where it is shown."""

    def __init__(self, shape: tuple[int, int]) -> None:
        self._shape = (int(shape[0]), int(shape[1]))
        self._events = Sum()
        self._parts: list[tuple[Array, Array]] = []
        """Flat places and values, as long as they are few."""
        self._length = 0
        self._slab: Array | None = None
        self._shown: tuple[int, dict[str, Any]] | None = None

    def add(self, event: int, fs: Array, ss: Array, intensity: Array) -> Self:
        """The peaks of an event, (n,) each; those outside of the slab are left out."""
        row, column = np.rint(ss).astype(np.int64), np.rint(fs).astype(np.int64)
        inside = (row >= 0) & (row < self._shape[0]) & (column >= 0) & (column < self._shape[1])
        self._enter((row * self._shape[1] + column)[inside], summable(intensity[inside]))
        self._events.add(event, int(np.count_nonzero(inside)))
        return self

    def _enter(self, places: Array, values: Array) -> None:
        if self._slab is not None:
            np.add.at(self._slab.reshape(-1), places, values)
            return
        self._parts.append((places, values))
        self._length += len(places)
        if self._length * 8 > self._shape[0] * self._shape[1]:
            self._spread()

    def _gathered(self) -> tuple[Array, Array]:
        if len(self._parts) > 1:
            places, values = zip(*self._parts, strict=True)
            self._parts = [(np.concatenate(places), np.concatenate(values))]
        return self._parts[0] if self._parts else (np.empty(0, np.int64), np.empty(0))

    def _spread(self) -> Array:
        if self._slab is None:
            places, values = self._gathered()
            size = self._shape[0] * self._shape[1]
            self._slab = np.bincount(places, values, minlength=size).reshape(self._shape)
            self._parts = []
        return self._slab

    def check(self, other: Self) -> None:
        """Raises TypeError or ValueError where ``other`` cannot be merged into this."""
        if type(other) is not type(self):
            raise TypeError(f"a PeakPowder does not merge with a {type(other).__name__}")
        if other._shape != self._shape:
            raise ValueError(f"a powder of shape {other._shape} does not merge with one of {self._shape}")

    def merge(self, other: Self) -> Self:
        """Take the peaks of ``other``."""
        self.check(other)
        if other._slab is None:
            self._enter(*other._gathered())
        else:
            self._spread()[...] += other._slab
        self._events.merge(other._events)
        return self

    @property
    def value(self) -> Array:
        """The powder, (ss, fs), float64; a copy."""
        return self._spread().copy()

    @property
    def count(self) -> int:
        """How many peaks are in it."""
        return int(self._events.value)

    @property
    def coverage(self) -> Any:
        """The events that are in."""
        return self._events.coverage

    @property
    def version(self) -> int:
        """Grows with every change."""
        return self._events.version

    def snapshot(self) -> dict[str, Any]:
        """An NXdata group with ``peaks``, and their number ``count``."""
        if self._shown is None or self._shown[0] != self.version:
            events = self._events.snapshot()
            group = {
                "_attrs": {"NX_class": "NXdata", "signal": "peaks"},
                "peaks": self.value,
                "peaks_attrs": {"long_name": "summed intensity of peaks", "units": "adu"},
                "count": self.count,
                "coverage": events["coverage"],
                "coverage_attrs": events["coverage_attrs"],
            }
            self._shown = (self.version, group)
        return self._shown[1]

    def wire_state(self) -> dict[str, Any]:
        """What travels."""
        places, values = self._gathered()
        return {
            "shape": self._shape,
            "events": self._events,
            "places": places,
            "values": values,
            "slab": self._slab,
        }

    @classmethod
    def from_wire_state(cls, state: dict[str, Any]) -> Self:
        """What has travelled."""
        made = cls(tuple(state["shape"]))
        made._events = state["events"]
        if state["slab"] is not None:
            made._slab = np.array(state["slab"])
        else:
            made._parts, made._length = [(state["places"], state["values"])], len(state["places"])
        return made
