"""Numbers that a frame is told by: means of regions, and the centre of mass."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import numpy as np

from beamloom import UserError

Array = np.ndarray[Any, np.dtype[Any]]


MOST_REGIONS: Final = 8


class Region(NamedTuple):
    """A rectangle of pixels; the last row and column are not in it."""

    first_row: int
    first_column: int
    end_row: int
    end_column: int


def regions_of(numbers: Array) -> list[Region]:
    """Regions as they are given: four numbers for each. Raises UserError."""
    if numbers.size % 4:
        raise UserError(
            f"regions has {numbers.size} numbers; give four for each region: first row, first column, end row, end column"
        )
    if numbers.size > 4 * MOST_REGIONS:
        raise UserError(f"regions has {numbers.size // 4} regions; give {MOST_REGIONS} at most")
    found = [Region(*one) for one in numbers.reshape(-1, 4).tolist()]
    for one in found:
        if not (0 <= one.first_row < one.end_row and 0 <= one.first_column < one.end_column):
            raise UserError(
                f"the region {list(one)} is empty or begins before the first pixel; give first row, first column, end row, end column"
            )
    return found


def mean_of(image: Array, region: Region) -> float:
    """The mean of what of the region lies in the image; NaN where nothing does."""
    part = image[region.first_row : region.end_row, region.first_column : region.end_column]
    return float(part.mean(dtype=np.float64)) if part.size else float("nan")


def centre_of_mass(image: Array, threshold: float = 0.0) -> tuple[float, float]:
    """Row and column of the centre of what exceeds ``threshold``, weighted by how much it does; NaN where nothing does.

    The centre of a pixel is its index.
    """
    above = image if threshold == 0 and image.dtype.kind in "bu" else _above(image, threshold)
    rows = above.sum(axis=1, dtype=np.float64)
    total = float(rows.sum())
    if not total > 0:
        return float("nan"), float("nan")
    columns = above.sum(axis=0, dtype=np.float64)
    height, width = image.shape
    return float(rows @ np.arange(height)) / total, float(columns @ np.arange(width)) / total


def _above(image: Array, threshold: float) -> Array:
    if image.dtype.kind in "iu" and float(threshold).is_integer() and _fits(threshold, image.dtype):
        # In the type of the pixels, which is a fraction of the work; what is below the smallest of them changes nothing.
        level = image.dtype.type(max(0, int(threshold)))
        above: Array = np.maximum(image, level) - level
        return above
    over = image - np.float64(threshold)
    over[~(over > 0)] = 0
    return over


def _fits(threshold: float, dtype: np.dtype[Any]) -> bool:
    """Whether the type of the pixels holds it, and what pixels are above it."""
    return threshold <= np.iinfo(dtype).max and (threshold >= 0 or dtype.kind == "u")
