"""The projections of a run, filtered, and the three slices through the sample that they give so far."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from beamloom.apps.tomography.backprojection import across, along, weights_of

Array = np.ndarray[Any, np.dtype[Any]]


class Slices(NamedTuple):
    """Three slices that are at right angles to each other, float32, in absorption for each pixel."""

    across: Array
    """(y, x) at the chosen row."""
    along_x: Array
    """(row, x) at the chosen y."""
    along_y: Array
    """(row, y) at the chosen x."""


class Stack:
    """Filtered projections by event number."""

    def __init__(self) -> None:
        self._projections: dict[int, Array] = {}

    def __len__(self) -> int:
        return len(self._projections)

    def add(self, event: int, projection: Array) -> None:
        """A projection, (rows, columns) float32, filtered. Raises ValueError for another shape than that of those before."""
        if self._projections and projection.shape != self.shape:
            raise ValueError(
                f"a projection of shape {projection.shape} does not go with those of {self.shape}"
            )
        self._projections[event] = projection

    def projection(self, event: int) -> Array:
        """That of an event."""
        return self._projections[event]

    @property
    def shape(self) -> tuple[int, ...]:
        """Of a projection."""
        shape: tuple[int, ...] = next(iter(self._projections.values())).shape
        return shape

    @property
    def events(self) -> list[int]:
        """Which projections there are, in their order."""
        return sorted(self._projections)

    def slices(self, angles: Array, centre: float, row: int, x: float = 0.0, y: float = 0.0) -> Slices:
        """The slices through (x, y, row), x and y in pixels from the axis; ``angles`` (n,) in radians as ``events`` are.

        Projections whose angle is NaN are left out.
        """
        height, width = self.shape
        known = np.isfinite(angles)
        chosen = [event for event, is_known in zip(self.events, known, strict=True) if is_known]
        angles = angles[known]
        weights = weights_of(angles)
        made = Slices(
            *(np.zeros(shape, np.float32) for shape in ((width, width), (height, width), (height, width)))
        )
        if not chosen:
            return made
        rows = np.array([self._projections[event][min(row, height - 1)] for event in chosen])
        across(rows, angles, weights, centre, made.across)
        for event, angle, weight in zip(chosen, angles.tolist(), weights.tolist(), strict=True):
            projection = self._projections[event]
            along(projection, angle, weight, centre, y, False, made.along_x)
            along(projection, angle, weight, centre, x, True, made.along_y)
        return made
