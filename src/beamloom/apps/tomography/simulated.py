"""A sample that is known exactly: ellipsoids whose projections are formulas, seen by a camera with a structured beam.

The line integral through an ellipse with half axes a, b, at distance t from its centre and angle w from its first axis, is
2 a b sqrt(L - t^2) / L with L = (a cos w)^2 + (b sin w)^2; a slice of an ellipsoid at height z is an ellipse whose half axes are
scaled by sqrt(1 - (z / c)^2). Lengths are in pixels.
"""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]


@dataclasses.dataclass(frozen=True)
class Ellipsoid:
    """A body of even absorption; where bodies overlap, theirs add up."""

    x: float
    """From the axis of rotation."""
    y: float
    row: float
    """From the middle row."""
    half_axes: tuple[float, float, float]
    """Along x and y before ``turned``, and along the axis of rotation."""
    absorption: float
    """For each pixel."""
    turned: float = 0.0
    """Degrees about the axis of rotation."""


SAMPLE = (
    Ellipsoid(2, -3, 0, (40, 32, 30), 0.012),
    Ellipsoid(10, 8, 4, (12, 8, 10), 0.02, 30),
    Ellipsoid(-14, -6, -6, (7, 10, 9), -0.008, -20),
    Ellipsoid(-5, 15, 8, (4, 4, 5), 0.03),
)


@dataclasses.dataclass(frozen=True)
class Simulation:
    """A scan; a frame follows from the seed and its index alone."""

    seed: int = 0
    shape: tuple[int, int] = (64, 112)
    frames: int = 180
    span: float = 180.0
    """Degrees; the first frame is at 0, that behind the last one would be here."""
    centre: float = 53.3
    """Column of the axis of rotation."""
    counts: float = 20_000.0
    """Of a pixel in the beam, expected."""
    sample: tuple[Ellipsoid, ...] = SAMPLE

    def degrees(self, index: int) -> float:
        """The angle of frame ``index``."""
        return index * self.span / self.frames

    def projection(self, degrees: float) -> Array:
        """The absorption along each ray, (rows, columns), without noise."""
        height, width = self.shape
        rows = np.arange(height)[:, np.newaxis] - (height - 1) / 2
        columns = np.arange(width)[np.newaxis] - self.centre
        total = np.zeros(self.shape)
        for one in self.sample:
            angle = math.radians(degrees)
            a, b, c = one.half_axes
            within = np.maximum(1 - ((rows - one.row) / c) ** 2, 0)
            seen = angle - math.radians(one.turned)
            reach = within * ((a * math.cos(seen)) ** 2 + (b * math.sin(seen)) ** 2)
            distance = columns - one.x * math.cos(angle) - one.y * math.sin(angle)
            chord = np.sqrt(np.maximum(reach - distance**2, 0))
            total += (
                one.absorption
                * 2
                * a
                * b
                * within
                * np.divide(chord, reach, out=np.zeros_like(total), where=reach > 0)
            )
        return total

    def truth(self, row: int) -> Array:
        """The slice across the axis at a row, (y, x), as ``slices/across`` has it."""
        height, width = self.shape
        places = np.arange(width) - (width - 1) / 2
        return self._absorption(places, places[:, np.newaxis], row - (height - 1) / 2)

    def truth_along_x(self, y: float) -> Array:
        """The slice along the axis at ``y``, (row, x)."""
        height, width = self.shape
        rows = np.arange(height)[:, np.newaxis] - (height - 1) / 2
        return self._absorption(np.arange(width) - (width - 1) / 2, y, rows)

    def _absorption(self, x: Any, y: Any, row: Any) -> Array:
        total: Any = 0.0
        for one in self.sample:
            cosine, sine = math.cos(math.radians(one.turned)), math.sin(math.radians(one.turned))
            right = (x - one.x) * cosine + (y - one.y) * sine
            up = -(x - one.x) * sine + (y - one.y) * cosine
            a, b, c = one.half_axes
            total = total + one.absorption * (
                (right / a) ** 2 + (up / b) ** 2 + ((row - one.row) / c) ** 2 <= 1
            )
        return np.asarray(total)

    def dark(self) -> Array:
        """The image without beam, float64."""
        return 100.0 + np.random.default_rng([self.seed, 1]).uniform(0, 10, self.shape)

    def flat(self) -> Array:
        """The image without sample, float64."""
        return self.dark() + self._beam()

    def frame(self, index: int) -> Array:
        """Frame ``index``, uint16; the beam changes by a per cent from frame to frame."""
        random = np.random.default_rng([self.seed, 2, index])
        lit = self._beam() * random.uniform(0.99, 1.01) * np.exp(-self.projection(self.degrees(index)))
        return np.minimum(random.poisson(lit) + self.dark(), 65535).astype(np.uint16)

    def _beam(self) -> Array:
        height, width = self.shape
        down, right = np.linspace(-1, 1, height)[:, np.newaxis], np.linspace(-1, 1, width)
        return self.counts * (1 - 0.3 * down**2) * (1 - 0.1 * right**2) * (1 + 0.05 * np.sin(9 * right))
