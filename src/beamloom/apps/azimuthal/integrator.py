"""Frames to patterns and cakes: the product of pyFAI's matrix and a frame, by kernels that read a frame once.

The result is that of pyFAI's ``integrate1d`` and ``integrate2d`` with the same settings, to the precision of its single-precision
numbers; the sums here are of double precision, or exact where pixels are not split and counts are whole numbers.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from beamloom import UserError
from beamloom.apps.azimuthal import kernels
from beamloom.apps.azimuthal.geometry import Geometry, Weights, weights_of
from beamloom.apps.azimuthal.packed import PackedFrames
from beamloom.apps.azimuthal.spread import Spread, spread_of
from beamloom.apps.images import PackedImage, native

Array = np.ndarray[Any, np.dtype[Any]]


class Pattern(NamedTuple):
    """What a frame gave; NaN where a bin has no pixel."""

    intensity: Array
    """float64, (bins,) or (azimuths, bins)."""
    sigma: Array | None
    """Standard error by the statistics of counts, of the same shape; None where it was not asked for."""


class Integrator:
    """Integrates frames of one shape. Not for several threads at once."""

    def __init__(
        self,
        geometry: Geometry,
        frame_shape: tuple[int, int],
        *,
        azimuths: int = 0,
        valid: tuple[float, float] | None = None,
    ) -> None:
        """Ask pyFAI for the weights, which takes seconds for large frames. Raises UserError.

        ``azimuths``: 0 for patterns, else the azimuthal bins of cakes. ``valid``: the least and the highest value that counts; None: of
        whole numbers from 0 to one below the highest of their type, of real ones all that are finite.
        """
        self.weights: Weights = weights_of(geometry, frame_shape, azimuths)
        self._spread: Spread | None = None if azimuths else spread_of(self.weights)
        self._packed = (
            None if self._spread is None else PackedFrames(self._spread, self.weights.pixel_normalization)
        )
        self._valid = valid

    def integrate(self, frame: Array, *, errors: bool = False) -> Pattern:
        """The pattern or cake of ``frame`` (rows, columns). Raises UserError for another shape."""
        flat = flat_frame(frame, self.weights.frame_shape)
        low, high = limits(flat.dtype, self._valid)
        if self._spread is None:
            return self._pattern(*self._by_rows(flat, low, high, self.weights), errors)
        sums, squares, lost = self._by_pixels(flat, low, high, self._spread, errors)
        return self._with_wide(flat[self._spread.wide_pixels], low, high, sums, squares, lost, errors)

    def integrate_packed(self, image: PackedImage, *, errors: bool = False) -> Pattern | None:
        """The same of a frame as it was sent, in less time; None where it has to be unpacked first. Raises UserError for another shape.

        That is so for cakes, for errors where pixels are split, and for other packings than that of DECTRIS detectors.
        """
        if self._packed is None or (errors and self._packed.split):
            return None
        check_shape(image.shape, self.weights.frame_shape)
        low, high = limits(image.dtype, self._valid)
        found = self._packed.sums(image, low, high)
        if found is None:
            return None
        sums, lost, wide = found
        return self._with_wide(wide, low, high, sums, sums.copy(), lost, errors)

    def _with_wide(
        self, wide: Array, low: Any, high: Any, sums: Array, squares: Array, lost: Array, errors: bool
    ) -> Pattern:
        """The pattern of these sums and of the pixels that the rows of ``Spread.wide`` are for."""
        if self._spread is not None and self._spread.wide is not None:
            parts = self._by_rows(wide, low, high, self._spread.wide)
            sums, squares, lost = (
                total + part for total, part in zip((sums, squares, lost), parts, strict=True)
            )
        return self._pattern(sums, squares, lost, errors)

    def _pattern(self, sums: Array, squares: Array, lost: Array, errors: bool) -> Pattern:
        norm = self.weights.normalization - lost
        # What is left by rounding where all pixels of a bin were lost is not a normalisation.
        norm[norm <= 1e-6 * self.weights.normalization] = np.nan
        with np.errstate(invalid="ignore"):
            sigma = np.sqrt(squares) / norm if errors else None
        return Pattern(self._shaped(sums / norm), None if sigma is None else self._shaped(sigma))

    def _by_pixels(
        self, flat: Array, low: Any, high: Any, spread: Spread, errors: bool
    ) -> tuple[Array, Array, Array]:
        count = self.weights.bins
        lost, squares = np.zeros(count + 2), np.zeros(count + 2)
        worth = self.weights.pixel_normalization
        if spread.shares is None:
            turns = np.zeros((kernels.TURNS, count + 2), np.int64 if flat.dtype.kind in "iu" else np.float64)
            kernels.add_whole(flat, low, high, spread.bins, worth, turns, lost)
            sums = kernels.whole_sums(turns)
            return sums, sums.copy(), lost[:count]
        turns = np.zeros((kernels.TURNS, count + 2, 2))
        kernels.add_shared(flat, low, high, spread.bins, spread.shares, worth, turns, lost)
        if errors:
            kernels.add_shared_squares(flat, low, high, spread.bins, spread.shares, squares)
        return kernels.shared_sums(turns), squares[:count], lost[:count]

    def _by_rows(self, flat: Array, low: Any, high: Any, rows: Weights) -> tuple[Array, Array, Array]:
        sums, squares, lost = np.zeros(rows.bins), np.zeros(rows.bins), np.zeros(rows.bins)
        worth = rows.pixel_normalization
        kernels.add_rows(flat, low, high, rows.share, rows.pixel, rows.start, worth, sums, squares, lost)
        return sums, squares, lost

    def _shaped(self, values: Array) -> Array:
        shape = self.weights.shape
        return values if len(shape) == 1 else np.ascontiguousarray(values.reshape(shape[::-1]).T)


def flat_frame(frame: Array, shape: tuple[int, int]) -> Array:
    """``frame`` as the kernels read it. Raises UserError for another shape, or for what is no real number."""
    check_shape(frame.shape, shape)
    if frame.dtype.kind not in "iuf":
        raise UserError(f"frames of {frame.dtype} are not integrated; give frames of real numbers")
    return np.ascontiguousarray(native(frame)).reshape(-1)


def check_shape(found: tuple[int, ...], wanted: tuple[int, int]) -> None:
    """Raises UserError for the shape of another frame."""
    if found != wanted:
        raise UserError(f"frames were to have the shape {wanted}, but one has {found}")


def limits(dtype: np.dtype[Any], valid: tuple[float, float] | None) -> tuple[Any, Any]:
    """The least and the highest value that counts, as numbers of ``dtype``."""
    if dtype.kind == "f":
        low, high = (-np.inf, np.inf) if valid is None else valid
        highest = float(np.finfo(dtype).max)
        return dtype.type(max(low, -highest)), dtype.type(min(high, highest))
    most = np.iinfo(dtype)
    low, high = (0, most.max - 1) if valid is None else valid
    # Numbers of Python, as float64 does not have the highest ones of 64 bits.
    return dtype.type(math.ceil(_clipped(low, most))), dtype.type(math.floor(_clipped(high, most)))


def _clipped(value: float, most: np.iinfo[Any]) -> float:
    if value <= most.min:
        return int(most.min)
    return int(most.max) if value >= most.max else value
