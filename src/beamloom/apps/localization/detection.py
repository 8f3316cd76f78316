"""Where there are spots: local maxima of a z-score.

A frame is convolved with the difference of two Gaussians of sum 1, the narrow one as wide as a spot, the other 1.6 times as wide: a flat
background gives 0, a slope too. White noise of variance V becomes noise of the standard deviation √V times the root of the summed
squares of that kernel. Divided by it the response is a z-score: without spots its standard deviation is 1 in whichever light, and
the threshold says how many false spots to expect. At the edges, where mirrored pixels count twice, the squares are summed as they count.
"""

from __future__ import annotations

import functools
from typing import Any, Final, NamedTuple

import numpy as np

from beamloom.apps.localization.compiled import compiled
from beamloom.apps.localization.settings import Settings
from beamloom.apps.localization.smoothing import gaussian_taps, smoothed

Array = np.ndarray[Any, np.dtype[Any]]
WIDER: Final = 1.6
"""The wide Gaussian, in times of the narrow one: closest to the Laplacian of a Gaussian (Marr and Hildreth 1980)."""
_DARK: Final = 0.05
"""Photo-electrons of a pixel that the variance is not taken to be less than, so that darkness has no infinite scores."""


class Candidates(NamedTuple):
    """Pixels where a spot may be, by row and column."""

    rows: Array
    columns: Array
    scores: Array


def z_scores(electrons: Array, background: Array | None, settings: Settings) -> Array:
    """The z-score of each pixel for a spot on it, float32 as ``electrons``, (rows, columns).

    ``background``, of the same shape, is subtracted, and gives the variance; None: both follow from the frame smoothed.
    """
    narrow, wide = gaussian_taps(settings.sigma), gaussian_taps(WIDER * settings.sigma)
    lit = electrons if background is None else electrons - background
    broad = smoothed(lit, wide)
    response = smoothed(lit, narrow) - broad
    level = smoothed(broad, wide) if background is None else background
    camera = settings.camera
    variance = np.float32(camera.excess) * np.maximum(level, np.float32(_DARK)) + np.float32(
        camera.read_variance
    )
    scores: Array = response / (_norms(electrons.shape, settings.sigma) * np.sqrt(variance))
    return scores


def kernel_norms(shape: tuple[int, ...], narrow: Array, wide: Array) -> Array:
    """For each pixel of a frame the root of the summed squares of the weights that pixels have in its response, float32 (rows, columns).

    It is the same for all but those near the edges, where mirrored pixels count twice.
    """
    rows, columns = (_squares(size, narrow, wide) for size in shape)
    squares = (
        rows[0][:, None] * columns[0] - 2 * rows[1][:, None] * columns[1] + rows[2][:, None] * columns[2]
    )
    norms: Array = np.sqrt(squares).astype(np.float32)
    return norms


def _squares(size: int, narrow: Array, wide: Array) -> tuple[Array, Array, Array]:
    """Along one axis: the summed squares of the narrow weights, of both multiplied, and of the wide ones; each (size,)."""
    short = min(size, 2 * len(wide) + 1)
    points = np.eye(short, dtype=np.float32)
    one, other = (_along_columns(points, taps).astype(np.float64) for taps in (narrow, wide))
    middle = short // 2
    index = np.arange(size)
    nearest = np.where(index < middle, index, np.where(index >= size - middle, index - size + short, middle))
    return (
        (one * one).sum(axis=0)[nearest],
        (one * other).sum(axis=0)[nearest],
        (other * other).sum(axis=0)[nearest],
    )


def _along_columns(points: Array, taps: Array) -> Array:
    """Row i: how much point i adds to each place, when a line is smoothed."""
    reach, size = len(taps) // 2, len(points)
    out = np.zeros_like(points)
    places = np.arange(size)
    for k, weight in enumerate(taps):
        at = (places + k - reach) % (2 * size)
        np.add.at(out, (np.where(at < size, at, 2 * size - 1 - at), places), weight)
    return out


@functools.lru_cache(maxsize=4)
def _norms(shape: tuple[int, ...], sigma: float) -> Array:
    return kernel_norms(shape, gaussian_taps(sigma), gaussian_taps(WIDER * sigma))


def candidates(scores: Array, settings: Settings) -> Candidates:
    """The pixels whose score is at least ``settings.threshold`` and the highest so far around; of equals the first."""
    rows, columns = local_maxima(scores, settings.threshold, settings.apart)
    return Candidates(rows, columns, scores[rows, columns])


@compiled
def local_maxima(scores: Array, threshold: float, apart: int) -> tuple[Array, Array]:
    """Rows and columns, int64 (n,), by row and then column."""
    height, width = scores.shape
    found = np.empty((16, 2), np.int64)
    count = 0
    for row in range(height):
        for column in range(width):
            score = scores[row, column]
            if not score >= threshold:
                continue
            highest = True
            for r in range(max(0, row - apart), min(height, row + apart + 1)):
                for c in range(max(0, column - apart), min(width, column + apart + 1)):
                    other = scores[r, c]
                    before = r < row or (r == row and c < column)
                    if other > score or (before and other == score):
                        highest = False
                        break
                if not highest:
                    break
            if highest:
                if count == len(found):
                    larger = np.empty((2 * count, 2), np.int64)
                    larger[:count] = found
                    found = larger
                found[count, 0] = row
                found[count, 1] = column
                count += 1
    return found[:count, 0].copy(), found[:count, 1].copy()
