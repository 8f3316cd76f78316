"""What a frame is: a hit or not, by its peaks.

A hit has more than ``min_num_peaks_for_hit`` and fewer than ``max_num_peaks_for_hit`` peaks, neither included, as in OM; and, where that is
asked for, diffracts to a resolution, and has few saturated peaks.
"""

from __future__ import annotations

import dataclasses
import math
from typing import Any, Self

import numpy as np

from beamloom.apps.crystallography.analysis.inputs import Given, names_of
from beamloom.apps.crystallography.analysis.instrument import Instrument
from beamloom.apps.crystallography.analysis.parameters import HITS
from beamloom.apps.crystallography.peaks.found import Peaks

Array = np.ndarray[Any, np.dtype[Any]]
NAMES = names_of(HITS)
"""The parameters that say what a hit is."""
SHARE = 0.95
"""The estimated resolution is that of the peak beyond this share of them, so that one stray peak does not decide."""


@dataclasses.dataclass(frozen=True)
class HitCriteria:
    """What a hit has to have."""

    more_than: int
    fewer_than: int
    resolution: float
    """In Å, at most; 0: any."""
    most_saturated: int
    """-1: any number."""
    saturation: float
    """0: what the geometry says."""

    @classmethod
    def of(cls, parameters: Given) -> Self:
        """Those that the parameters ask for."""
        return cls(
            int(parameters["min_num_peaks_for_hit"]),
            int(parameters["max_num_peaks_for_hit"]),
            float(parameters["max_resolution_for_hit"]),
            int(parameters["max_saturated_peaks_for_hit"]),
            float(parameters["saturation_value"]),
        )

    def met_by(self, peaks: int, resolution: float, saturated: int) -> bool:
        """Whether a frame with so many peaks, of this ``resolution`` in Å, is a hit; an unknown resolution meets no limit."""
        return (
            self.more_than < peaks < self.fewer_than
            and (not self.resolution or resolution <= self.resolution)
            and (self.most_saturated < 0 or saturated <= self.most_saturated)
        )


def estimated_resolution(inverse: Array) -> float:
    """The spacing in Å to which a frame diffracts, by 1/d of its peaks in 1/Å, (n,); NaN where there is none."""
    known = np.sort(inverse[np.isfinite(inverse) & (inverse > 0)])
    return float(1 / known[int(SHARE * (len(known) - 1))]) if len(known) else math.nan


def saturated_peaks(raw: Array, peaks: Peaks, instrument: Instrument, saturation: float) -> int:
    """How many peaks have a pixel of ``saturation`` or more, next to their centre in the ``raw`` slab; 0: of max_adu."""
    if not len(peaks.fs):
        return 0
    row, column = np.rint(peaks.ss).astype(np.int64), np.rint(peaks.fs).astype(np.int64)
    highest = np.full(len(row), -np.inf)
    for down in (-1, 0, 1):
        for along in (-1, 0, 1):
            values = raw[
                np.clip(row + down, 0, raw.shape[0] - 1), np.clip(column + along, 0, raw.shape[1] - 1)
            ]
            highest = np.fmax(highest, values.astype(np.float64))
    limits = saturation or instrument.limits(peaks.fs, peaks.ss)
    return int(np.count_nonzero(highest >= limits))
