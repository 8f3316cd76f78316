"""Images of localizations: counts in bins, or each as a Gaussian as wide as its bound.

An image has its first pixel at the upper left: rows are y, columns x. ``extent`` is (x0, x1, y0, y1) in nm; half a camera pixel before
the centre of the first pixel is where a frame begins (``frame_extent``).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from beamloom.apps.localization.compiled import compiled

Array = np.ndarray[Any, np.dtype[Any]]
Extent = tuple[float, float, float, float]
"""x0, x1, y0, y1 in nm."""


def frame_extent(shape: tuple[int, ...], pixel_size: float) -> Extent:
    """What a frame of ``shape`` (rows, columns) covers."""
    height, width = shape[-2:]
    return -0.5 * pixel_size, (width - 0.5) * pixel_size, -0.5 * pixel_size, (height - 0.5) * pixel_size


def counted(table: Array, extent: Extent, pixel: float) -> Array:
    """How many localizations lie in each pixel of ``pixel`` nm, int64 (rows, columns)."""
    height, width = _shape(extent, pixel)
    column = np.floor((table["x"].astype(np.float64) - extent[0]) / pixel).astype(np.int64)
    row = np.floor((table["y"].astype(np.float64) - extent[2]) / pixel).astype(np.int64)
    inside = (column >= 0) & (column < width) & (row >= 0) & (row < height)
    flat = np.bincount(row[inside] * width + column[inside], minlength=height * width)
    return flat.reshape(height, width)


def blurred(table: Array, extent: Extent, pixel: float, *, least: float = 0.0) -> Array:
    """Each localization as a Gaussian of sum 1 whose widths are its bounds, at least ``least`` nm, float64 (rows, columns)."""
    image = np.zeros(_shape(extent, pixel))
    _draw(
        image,
        (table["x"].astype(np.float64) - extent[0]) / pixel,
        (table["y"].astype(np.float64) - extent[2]) / pixel,
        np.maximum(table["crlb_x"].astype(np.float64), least) / pixel,
        np.maximum(table["crlb_y"].astype(np.float64), least) / pixel,
    )
    return image


def _shape(extent: Extent, pixel: float) -> tuple[int, int]:
    if not pixel > 0 or not (extent[1] > extent[0] and extent[3] > extent[2]):
        raise ValueError(
            f"an image of {extent} in pixels of {pixel} nm has no pixels; give x0 < x1, y0 < y1, and a pixel above 0"
        )
    return (
        max(1, math.ceil((extent[3] - extent[2]) / pixel - 1e-9)),
        max(1, math.ceil((extent[1] - extent[0]) / pixel - 1e-9)),
    )


@compiled
def _draw(image: Array, x: Array, y: Array, sigma_x: Array, sigma_y: Array) -> None:
    """Add each Gaussian, integrated over pixels; positions and widths in pixels from the corner. None is drawn wider than 50 pixels."""
    height, width = image.shape
    across, down = np.empty(width), np.empty(height)
    for n in range(len(x)):
        if not (math.isfinite(sigma_x[n]) and math.isfinite(sigma_y[n])):
            continue
        left, right = _shares(across, x[n], min(max(sigma_x[n], 0.05), 50.0))
        top, bottom = _shares(down, y[n], min(max(sigma_y[n], 0.05), 50.0))
        for row in range(top, bottom):
            for column in range(left, right):
                image[row, column] += down[row] * across[column]


@compiled
def _shares(shares: Array, centre: float, sigma: float) -> tuple[int, int]:
    if not -1e6 < centre < 1e6:
        return 0, 0
    first = max(0, math.floor(centre - 5 * sigma))
    stop = min(len(shares), math.floor(centre + 5 * sigma) + 1)
    root = 1 / (math.sqrt(2.0) * sigma)
    below = math.erf((first - centre) * root)
    for at in range(first, stop):
        above = math.erf((at + 1 - centre) * root)
        shares[at] = 0.5 * (above - below)
        below = above
    return first, max(first, stop)
