"""What a localization rests on: how the camera counts, how wide a spot is, what is sought and how it is fitted."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]


@dataclasses.dataclass(frozen=True)
class Camera:
    """How counts follow from photo-electrons; the same for all pixels. Raises ValueError for what cannot be."""

    offset: float = 100.0
    """Counts of a pixel without light."""
    electrons_per_count: float = 1.0
    """Photo-electrons, after the gain register, for one count."""
    read_noise: float = 1.5
    """Standard deviation of the read-out, in electrons, before division by ``em_gain``."""
    em_gain: float = 1.0
    """Mean gain of the register of an EMCCD; 1 for CCD and sCMOS."""
    pixel_size: float = 100.0
    """Of a pixel in the sample, in nm."""

    def __post_init__(self) -> None:
        for name in ("electrons_per_count", "em_gain", "pixel_size"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} is {getattr(self, name)}; give a number above 0")
        if self.read_noise < 0:
            raise ValueError(f"read_noise is {self.read_noise}; give 0 or more electrons")

    @property
    def excess(self) -> float:
        """Variance of the photo-electrons over their mean: 2 behind a gain register, else 1."""
        return 2.0 if self.em_gain > 1 else 1.0

    @property
    def read_variance(self) -> float:
        """Of the read-out, in photo-electrons²."""
        return (self.read_noise / self.em_gain) ** 2

    def electrons(self, counts: Array) -> Array:
        """Photo-electrons, float32, of raw counts of any shape."""
        scale = np.float32(self.electrons_per_count / self.em_gain)
        electrons: Array = (counts.astype(np.float32) - np.float32(self.offset)) * scale
        return electrons


@dataclasses.dataclass(frozen=True)
class Settings:
    """What is sought and how it is fitted. Raises ValueError for what cannot be."""

    camera: Camera = dataclasses.field(default_factory=Camera)
    psf_sigma: float = 130.0
    """Standard deviation of a spot, in nm: where the fit begins."""
    threshold: float = 5.0
    """Least z-score of a spot: standard deviations of the noise above the background."""
    apart: int = 3
    """A candidate has the highest score among all pixels so many pixels around it."""
    half_size: int = 0
    """Half of the side of the square that is fitted, without its centre, in pixels; 0: three times ``psf_sigma``."""
    background: int = 0
    """Frames before, and as many after a frame, whose median is its background where spots are sought; 0: smoothing of the frame alone."""
    iterations: int = 30
    """Most steps of a fit."""

    def __post_init__(self) -> None:
        if not 0.6 <= self.sigma <= 10:
            raise ValueError(
                f"psf_sigma is {self.psf_sigma} nm, which is {self.sigma:.2f} pixels of {self.camera.pixel_size} nm; "
                "spots are fitted from 0.6 to 10 pixels, so set psf_sigma and pixel_size right, or bin the frames"
            )
        if not self.threshold > 0:
            raise ValueError(f"threshold is {self.threshold}; give a z-score above 0, as 5")
        if not 1 <= self.apart <= 64:
            raise ValueError(f"apart is {self.apart}; give 1 to 64 pixels")
        if not (self.half_size == 0 or 2 <= self.half_size <= 40):
            raise ValueError(
                f"half_size is {self.half_size}; give 2 to 40 pixels, or 0 for three times psf_sigma"
            )
        if self.background < 0 or not 1 <= self.iterations <= 255:
            raise ValueError("background takes 0 frames or more, iterations 1 to 255")

    @property
    def sigma(self) -> float:
        """``psf_sigma`` in pixels."""
        return self.psf_sigma / self.camera.pixel_size

    @property
    def half(self) -> int:
        """``half_size``, or what it is when that is 0."""
        return self.half_size or max(2, math.ceil(3 * self.sigma))
