"""Small pictures of frames: what one looks at beside each other, not what is measured.

A pixel of a thumbnail is the brightest of a square of pixels, so that peaks of two pixels are still seen in a frame of millions. Panels are
made smaller each for itself, as in ``binning``; where they lie in space is seen to by who shows them.
"""

from __future__ import annotations

import math
from typing import Any, Final

import numpy as np

from beamloom.apps.crystallography.analysis.binning import Binning

Array = np.ndarray[Any, np.dtype[Any]]
LARGEST: Final = 512
"""Pixels along the longer side of a slab, at most."""


class Thumbnails:
    """Makes thumbnails of slabs as ``binning`` gives them."""

    def __init__(self, binning: Binning) -> None:
        self.size = math.ceil(max(binning.shape) / LARGEST)
        """Pixels of the slab along the side of a pixel of the thumbnail."""
        self.binning = Binning(binning.places, binning.good, self.size, least=1)
        """Of the slab into the thumbnail."""
        self._good = binning.good
        self._places = list(zip(binning.places, self.binning.places, strict=True))

    def image(self, slab: Array) -> Array:
        """``slab`` (ss, fs) as a thumbnail of the shape of ``binning``, float32; NaN where no pixel counts."""
        small = np.full(self.binning.shape, np.nan, np.float32)
        for (top, bottom, left, right), (row, last_row, column, last_column) in self._places:
            here = np.s_[top : bottom + 1, left : right + 1]
            panel = np.where(self._good[here], slab[here], _least(slab.dtype))
            down = _brightest(panel, self.size)
            small[row : last_row + 1, column : last_column + 1] = _brightest(down.T, self.size).T
        small[~self.binning.good] = np.nan
        return small


def _brightest(rows: Array, size: int) -> Array:
    """Of each ``size`` rows one, of their maxima; of two numbers of which one is NaN, the other."""
    brightest = rows[::size].copy()
    for step in range(1, min(size, len(rows))):
        part = rows[step::size]
        np.fmax(brightest[: len(part)], part, out=brightest[: len(part)])
    return brightest


def _least(dtype: np.dtype[Any]) -> Any:
    return np.iinfo(dtype).min if np.issubdtype(dtype, np.integer) else dtype.type(np.nan)
