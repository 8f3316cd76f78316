"""Whether the measured maps are those of the sample: as like as two draws of the same counts can be."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from beamloom.demo.analysis import Worker
from beamloom.demo.sample import Picture, Sample

LEAST_CORRELATION: Final = 0.95
LARGEST_DEVIATION: Final = 6.0
"""In standard deviations; in a map of a thousand points chance alone goes beyond 4 once in ten runs, beyond 6 never."""

Counts = Mapping[str, int]
"""Counts by element at one point."""


@dataclass(frozen=True)
class Agreement:
    """How a measured map agrees with what was to be expected."""

    element: str
    missing: int
    """Points of the mesh that are not in the map."""
    correlation: float
    """Pearson's, between the measured and the expected counts of all points."""
    largest_deviation: float
    """Of any point, in standard deviations of its expected counts."""

    @property
    def alike(self) -> bool:
        """Whether nothing but chance is in the differences; False when nothing was measured."""
        return self.correlation >= LEAST_CORRELATION and self.largest_deviation <= LARGEST_DEVIATION

    @property
    def good(self) -> bool:
        """Whether the whole map is there and right."""
        return self.alike and self.missing == 0


def rois() -> dict[str, tuple[int, int]]:
    """First channel, and the one after the last, that the analysis sums for each element when nobody changes its parameters."""
    defaults: dict[str, Any] = {
        description.name: description.default for description in Worker.describe_parameters()
    }
    half_width = defaults.pop("half_width")
    return {element: (centre - half_width, centre + half_width + 1) for element, centre in defaults.items()}


def expected_maps(sample: Sample) -> dict[str, Picture]:
    """The counts that the analysis has to find, by element."""
    return {element: sample.expected_counts(first, stop) for element, (first, stop) in rois().items()}


def measured_maps(sample: Sample, points: Mapping[tuple[float, float], Counts]) -> dict[str, Picture]:
    """The published counts by position (x, y), as a picture for each element; NaN where there is none (yet)."""
    maps = {element: np.full((sample.rows, sample.columns), np.nan) for element in rois()}
    for (x, y), counts in points.items():
        row, column = sample.place_of(x, y)
        for element, picture in maps.items():
            picture[row, column] = counts[element]
    return maps


def agreement(element: str, measured: Picture, expected: Picture) -> Agreement:
    """Compare two maps of the same shape; points that are missing are counted and otherwise left out."""
    known = ~np.isnan(measured)
    if not known.any():
        return Agreement(element, int(measured.size), float("nan"), float("nan"))
    found, hoped = measured[known], expected[known]
    correlation = float(np.corrcoef(found, hoped)[0, 1]) if np.ptp(found) and np.ptp(hoped) else float("nan")
    deviation = float(np.abs((found - hoped) / np.sqrt(hoped)).max())
    return Agreement(element, int((~known).sum()), correlation, deviation)
