"""The spectrum in a dispersive image: its counts by the column in which they would have fallen into the middle row.

Each pixel is split between the two bins next to where it belongs, so that no count is lost and none is moved by more than a part of a bin
on average. ``docs/decisions`` tells why there is a kernel of our own.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import numpy as np

from beamloom import UserError
from beamloom.apps.compiled import compiled
from beamloom.apps.images import native
from beamloom.apps.spectroscopy.curvature import bend

Array = np.ndarray[Any, np.dtype[Any]]
STEPS: Final = 4096.0
"""Counts are rounded to this part of one after a frame is projected, of which float64 adds up exactly: sums do not depend on the order."""


class Region(NamedTuple):
    """Rows and columns that are projected; the last ones are not in it."""

    first_row: int
    first_column: int
    end_row: int
    end_column: int


class Projector:
    """Projects frames of one shape."""

    def __init__(
        self,
        shape: tuple[int, int],
        *,
        curvature: Array | None = None,
        region: Region | None = None,
        bad: Array | None = None,
        per_pixel: int = 1,
        least: float = -np.inf,
        most: float = np.inf,
    ) -> None:
        """Prepare it.

        ``bad`` pixels are nonzero. Values below ``least`` and above ``most`` count as 0: noise, and cosmic rays. ``per_pixel`` bins are as
        wide as a pixel. Raises UserError for a region that lies outside.
        """
        height, width = shape
        region = region or Region(0, 0, height, width)
        if not (
            0 <= region.first_row < region.end_row <= height
            and 0 <= region.first_column < region.end_column <= width
        ):
            raise UserError(
                f"the region {list(region)} does not lie in frames of {height} rows and {width} columns; give first row, first column, "
                "end row, end column"
            )
        self._inside = np.s_[region.first_row : region.end_row, region.first_column : region.end_column]
        rows = np.arange(region.first_row, region.end_row)
        displaced = bend(np.zeros(0) if curvature is None else curvature, rows, height)
        first = region.first_column - displaced
        origin = np.floor(first.min())
        self._starts = (first - origin) * per_pixel
        self._per_pixel = per_pixel
        count = (
            int(np.ceil(self._starts.max() + (region.end_column - region.first_column - 1) * per_pixel)) + 2
        )
        self.columns: Array = origin + np.arange(count) / per_pixel
        """The columns of the middle row that the bins stand for, (bins,)."""
        self._good = np.ones((len(rows), region.end_column - region.first_column), np.bool_)
        if bad is not None:
            self._good = np.ascontiguousarray(bad[self._inside] == 0)
        self._least, self._most = float(least), float(most)
        self.weights: Array = self._projected(np.ones(self._good.shape), -np.inf, np.inf)
        """How many pixels each bin has, (bins,)."""

    def spectrum(self, image: Array) -> Array:
        """The counts in each bin, (bins,) float64."""
        counts = self._projected(native(image[self._inside]), self._least, self._most)
        return np.rint(counts * STEPS) / STEPS

    def _projected(self, part: Array, least: float, most: float) -> Array:
        counts = np.zeros(len(self.columns))
        _project(np.ascontiguousarray(part), self._good, self._starts, self._per_pixel, least, most, counts)
        return counts


@compiled("spectroscopy")
def _project(
    part: Array, good: Array, starts: Array, per_pixel: int, least: float, most: float, counts: Array
) -> None:
    for row in range(part.shape[0]):
        left = int(starts[row])
        share = starts[row] - left
        for column in range(part.shape[1]):
            value = part[row, column]
            if good[row, column] and least <= value <= most:
                counts[left] += value * (1 - share)
                counts[left + 1] += value * share
            left += per_pixel
