"""A scan of the energy over an absorption edge, seen by a spectrometer that bends its lines: all of it known exactly.

The sample emits two lines whose strength follows the absorption, an arctangent with a white line. A frame follows from the seed and its
index alone.
"""

from __future__ import annotations

import dataclasses
import functools
import math
from typing import Any, NamedTuple

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]


class Line(NamedTuple):
    """A line of the emission."""

    energy: float
    """In eV."""
    width: float
    """Standard deviation, in eV."""
    strength: float
    """Photons of a frame in a beam of 1 above the edge, expected."""


@dataclasses.dataclass(frozen=True)
class Simulation:
    """The scan; see the top of the module."""

    seed: int = 0
    shape: tuple[int, int] = (60, 160)
    lines: tuple[Line, ...] = (Line(6404.0, 1.2, 3000.0), Line(6391.0, 1.4, 1500.0))
    curvature: tuple[float, float] = (0.05, 0.012)
    """Columns for a row, and for the square of it, from the middle row."""
    calibration: tuple[float, float] = (6370.0, 0.3)
    """Energy of column 0 in eV, and of a column more."""
    edge: float = 7112.0
    points: int = 31
    span: tuple[float, float] = (7100.0, 7130.0)
    frames: int = 2
    """Of each point."""
    background: float = 0.002
    """Photons of a pixel."""
    bad: tuple[tuple[int, int], ...] = ((10, 120), (30, 60))
    """Pixels that always show 60000 counts."""

    @property
    def total(self) -> int:
        """Frames of the scan."""
        return self.points * self.frames

    def energy(self, index: int) -> float:
        """Of the beam in frame ``index``, in eV."""
        first, last = self.span
        return first + (last - first) * (index // self.frames) / max(1, self.points - 1)

    def absorption(self, energy: Any) -> Any:
        """The absorption of the sample, ln(I0 / It), at an energy of the beam."""
        above = (np.asarray(energy) - self.edge) / 1.5
        return 0.3 + 0.8 * (0.5 + np.arctan(above) / math.pi) + 0.5 * np.exp(-(((above - 1.5) / 1.2) ** 2))

    def i0(self, index: int) -> float:
        """The beam before the sample in frame ``index``, in A; it flickers by a fifth."""
        return float(np.random.default_rng([self.seed, 1, index]).uniform(0.8e-8, 1.2e-8))

    def transmitted(self, index: int) -> float:
        """The beam behind the sample, in A."""
        return self.i0(index) * math.exp(-float(self.absorption(self.energy(index))))

    def emission(self, columns: Array) -> Array:
        """Photons in columns of the middle row, in a beam of 1 above the edge, expected; summed over all rows."""
        first, width = self.calibration
        edges = np.concatenate([columns - 0.5, columns[-1:] + 0.5]) * width + first
        total = np.zeros(len(columns))
        for line in self.lines:
            below = np.array(
                [math.erf((edge - line.energy) / (line.width * math.sqrt(2))) / 2 for edge in edges]
            )
            total += line.strength * np.diff(below)
        return total

    def expected(self, index: int) -> Array:
        """Photons of frame ``index`` in each pixel, without the bad ones, (rows, columns)."""
        strength = self.i0(index) / 1e-8 * self.absorption(self.energy(index)) / self.absorption(1e9)
        image: Array = strength * _lines(self) + self.background
        return image

    def frame(self, index: int) -> Array:
        """Frame ``index``, uint16."""
        image = np.random.default_rng([self.seed, 2, index]).poisson(self.expected(index)).astype(np.uint16)
        for row, column in self.bad:
            image[row, column] = 60000
        return image

    def mask(self) -> Array:
        """1 where pixels are bad, uint8."""
        mask = np.zeros(self.shape, np.uint8)
        for row, column in self.bad:
            mask[row, column] = 1
        return mask


@functools.lru_cache(maxsize=4)
def _lines(simulation: Simulation) -> Array:
    """Photons in a beam of 1 above the edge, expected in each pixel."""
    height, width = simulation.shape
    from_middle = np.arange(height) - (height - 1) / 2
    displaced = simulation.curvature[0] * from_middle + simulation.curvature[1] * from_middle**2
    return np.array([simulation.emission(np.arange(width) - shift) for shift in displaced]) / height
