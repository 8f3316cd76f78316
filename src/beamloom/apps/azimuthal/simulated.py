"""A powder that changes while it is measured, known exactly: rings of one phase fade, those of another grow, and the beam is not constant.

The detector stands straight behind the sample, so that what a pixel sees takes four lines to write: its distance from the beam gives the
angle, the angle gives q, and q the intensity, times polarisation, solid angle and i0. Counts are drawn by the seed.
"""

from __future__ import annotations

import dataclasses
import functools
from typing import Any, Final

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]
FADING: Final = (1.2, 2.1, 3.3)
"""Where the rings of the first phase are, in 1/Å."""
GROWING: Final = (1.6, 2.6, 2.9)
WIDTH: Final = 0.03
"""Standard deviation of a ring, in 1/Å."""
_PIXEL: Final = 75e-6
"""Metres."""


@dataclasses.dataclass(frozen=True)
class Simulation:
    """``frames`` frames of ``shape`` (rows, columns)."""

    frames: int = 100
    shape: tuple[int, int] = (400, 360)
    distance: float = 0.03
    """Metres."""
    wavelength: float = 1e-10
    """Metres."""
    polarization: float = 0.95
    background: float = 4.0
    """Counts of a pixel on the beam's axis, at an i0 of 1."""
    height: float = 60.0
    """Counts of a ring at its most."""
    seed: int = 1

    @property
    def poni(self) -> str:
        """The geometry, as a .poni file has it."""
        rows, columns = self.shape
        config = (
            f'{{"pixel1": {_PIXEL}, "pixel2": {_PIXEL}, "max_shape": [{rows}, {columns}], "orientation": 3}}'
        )
        return (
            f"poni_version: 2.1\nDetector: Detector\nDetector_config: {config}\nDistance: {self.distance}\n"
            f"Poni1: {self._centre[0]}\nPoni2: {self._centre[1]}\nRot1: 0.0\nRot2: 0.0\nRot3: 0.0\nWavelength: {self.wavelength}\n"
        )

    def share(self, index: int) -> float:
        """How much of the powder is of the growing phase at frame ``index``, from 0 to 1."""
        return index / max(1, self.frames - 1)

    def i0(self, index: int) -> float:
        """The intensity of the beam at frame ``index``."""
        return 1.0 + 0.3 * float(np.sin(0.7 * index))

    def intensity(self, q: Array, index: int) -> Array:
        """What a pixel at ``q`` (1/Å) would count at an i0 of 1, without polarisation and solid angle."""
        share = self.share(index)
        expected = np.full(np.shape(q), self.background)
        for places, height in ((FADING, 1 - share), (GROWING, share)):
            for place in places:
                expected = expected + self.height * height * np.exp(-((q - place) ** 2) / (2 * WIDTH**2))
        return expected

    def frame(self, index: int) -> Array:
        """Frame ``index``, uint16."""
        q, factor = self._pixels
        expected = self.i0(index) * factor * self.intensity(q, index)
        drawn: Array = np.random.default_rng([self.seed, index]).poisson(expected)
        return drawn.astype(np.uint16)

    @property
    def _centre(self) -> tuple[float, float]:
        """Of the beam, in metres from the detector's corner."""
        return 0.45 * self.shape[0] * _PIXEL, 0.55 * self.shape[1] * _PIXEL

    @functools.cached_property
    def _pixels(self) -> tuple[Array, Array]:
        """For each pixel q, and the product of its polarisation and solid angle relative to the beam's axis."""
        y = (np.arange(self.shape[0]) + 0.5)[:, np.newaxis] * _PIXEL - self._centre[0]
        x = (np.arange(self.shape[1]) + 0.5) * _PIXEL - self._centre[1]
        two_theta = np.arctan2(np.hypot(x, y), self.distance)
        cosine = np.cos(two_theta)
        q = 4e-10 * np.pi / self.wavelength * np.sin(two_theta / 2)
        around = np.cos(2 * np.arctan2(y, x))
        polarized = (1 + cosine**2 - self.polarization * around * (1 - cosine**2)) / 2
        return q, polarized * cosine**3
