"""The matrix of a pattern, arranged by pixels: a frame is read from its first pixel to its last, as it lies in memory.

Nearly every pixel falls into one bin, or into two that are neighbours, and its shares add up to one. So all there is to keep is the number
of the first bin and, where pixels are split, the share that falls there: 2 or 6 bytes a pixel. Where more than a few pixels span three
bins and more, a ``Spread`` is not worth it, and the matrix is used by its rows.
"""

from __future__ import annotations

import dataclasses
from typing import Any, Final

import numpy as np

from beamloom.apps.azimuthal.geometry import Weights

Array = np.ndarray[Any, np.dtype[Any]]
_TOLERANCE: Final = 1e-6
"""Of shares, which pyFAI keeps as float32."""
_STEPS: Final = 2.0**24
_MOST_WIDE: Final = 0.1
"""Share of pixels that may be wide."""


@dataclasses.dataclass(frozen=True, eq=False)
class Spread:
    """The bins of each pixel."""

    bins: Array
    """The first bin, flat, uint16 or uint32; of pixels of no bin the last but one of bins + 2."""
    shares: Array | None
    """What falls there, float32 in steps of 2^-24; None where every pixel is in one bin.

    With such steps the sums of counts times shares are exact in float64, up to 500 million counts in a bin, and do not depend on the order.
    """
    none: int
    """What stands for no bin."""
    wide: Weights | None
    """The rows of those pixels that span three bins and more, or lie over the edge of a range; None where there are none.

    Pixels are numbered as in ``wide_pixels``."""
    wide_pixels: Array
    """Where in the frame these pixels are, flat, uint32, sorted."""


def spread_of(weights: Weights) -> Spread | None:
    """The same weights by pixels; None where they are better used by rows."""
    pixels, bins = weights.frame_shape[0] * weights.frame_shape[1], weights.bins
    lengths = (weights.start[1:] - weights.start[:-1]).astype(np.int64)
    row = np.repeat(np.arange(bins, dtype=np.int32), lengths)
    order = np.argsort(weights.pixel, kind="stable")
    row, share = row[order], weights.share[order]
    count = np.bincount(weights.pixel.astype(np.int64), minlength=pixels)
    begin = np.concatenate([[0], np.cumsum(count)[:-1]])
    has = count > 0
    first = np.full(pixels, bins, np.int32)
    first[has] = row[begin[has]]
    own = np.zeros(pixels, np.float32)
    own[has] = share[begin[has]]
    two = count == 2
    second = begin[two] + 1
    neighbours = np.zeros(pixels, bool)
    neighbours[two] = (row[second] == first[two] + 1) & (abs(own[two] + share[second] - 1) <= _TOLERANCE)
    one = (count == 1) & (abs(own - 1) <= _TOLERANCE)
    own[one] = 1
    narrow = ~has | one | neighbours
    if np.count_nonzero(~narrow) > _MOST_WIDE * pixels:
        return None
    first[~narrow], own[~narrow] = bins, 0
    own = (np.rint(own * _STEPS) / _STEPS).astype(np.float32)
    kept = ~narrow[weights.pixel]
    wide, wide_pixels = None, np.flatnonzero(~narrow).astype(np.uint32)
    if kept.any():
        before = np.concatenate([[0], np.cumsum(kept)])
        wide = dataclasses.replace(
            weights,
            share=weights.share[kept],
            pixel=np.searchsorted(wide_pixels, weights.pixel[kept]).astype(np.uint32),
            pixel_normalization=weights.pixel_normalization[wide_pixels],
            start=before[weights.start].astype(np.uint32),
        )
    small = np.uint16 if bins + 2 <= np.iinfo(np.uint16).max else np.uint32
    whole = bool((count <= 1).all())
    return Spread(first.astype(small), None if whole else own, bins, wide, wide_pixels)
