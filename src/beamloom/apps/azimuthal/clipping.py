"""Sigma clipping: patterns without what stands out of its ring, as the diffuse scattering without Bragg peaks, or powder without gravel.

As ``sigma_clip`` of pyFAI with its azimuthal error model and without pixel splitting: mean and standard deviation of the pixels of a bin,
of which those beyond the limit are left out, and that again and again. The limit is Chauvenet's where it is wider.
"""

from __future__ import annotations

import dataclasses
from typing import Any, NamedTuple

import numpy as np

from beamloom.apps.azimuthal import kernels
from beamloom.apps.azimuthal.geometry import Geometry, weights_of
from beamloom.apps.azimuthal.integrator import flat_frame, limits

Array = np.ndarray[Any, np.dtype[Any]]


class Clipped(NamedTuple):
    """What was left of a frame; NaN where a bin has no pixel."""

    intensity: Array
    """float64, (bins,)."""
    deviation: Array
    """Standard deviation of the pixels of a bin, float64, (bins,)."""
    counts: Array
    """Pixels that were left, int64, (bins,)."""


class SigmaClip:
    """Clips frames of one shape."""

    def __init__(
        self,
        geometry: Geometry,
        frame_shape: tuple[int, int],
        *,
        sigmas: float = 5.0,
        rounds: int = 5,
        valid: tuple[float, float] | None = None,
    ) -> None:
        """``valid`` as for an ``Integrator``. Pixels are not split, whatever the geometry says. Raises UserError."""
        self.weights = weights_of(dataclasses.replace(geometry, splitting="no"), frame_shape)
        self._longest = int(np.diff(self.weights.start.astype(np.int64)).max())
        self._sigmas, self._rounds, self._valid = float(sigmas), int(rounds), valid

    def integrate(self, frame: Array) -> Clipped:
        """The pattern of ``frame`` (rows, columns). Raises UserError for another shape."""
        weights = self.weights
        flat = flat_frame(frame, weights.frame_shape)
        low, high = limits(flat.dtype, self._valid)
        mean, deviation = np.empty(weights.bins), np.empty(weights.bins)
        counts = np.empty(weights.bins, np.int64)
        worth = weights.pixel_normalization
        kernels.clip(
            flat,
            low,
            high,
            weights.pixel,
            weights.start,
            worth,
            self._sigmas,
            self._rounds,
            self._longest,
            mean,
            deviation,
            counts,
        )
        return Clipped(mean, deviation, counts)
