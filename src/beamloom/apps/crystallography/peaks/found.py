"""What a search returns."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

Floats = np.ndarray[Any, np.dtype[np.float64]]
Integers = np.ndarray[Any, np.dtype[np.int64]]


class Peaks(NamedTuple):
    """The peaks of one frame, one element each, by panel and then row by row, as their first pixels lie."""

    fs: Floats
    """Centre along the rows of the frame, in pixels; the centre of a pixel is its index."""
    ss: Floats
    """Centre across the rows of the frame, in pixels."""
    intensity: Floats
    """Sum over the pixels of the peak, without the local background; in the units of the frame."""
    num_pixels: Integers
    max_pixel_intensity: Floats
    """The brightest pixel, without the local background."""
    snr: Floats
    """``intensity`` divided by the standard deviation of one pixel of the local background."""
