"""Pixels above thresholds that are known beforehand: a comparison of whole blocks, and a closer look at the few that have one.

A block is 64 pixels of a row; its floor is the least value that is above the threshold of any of its pixels, in the type of the
frame. A processor finds the maximum of many whole numbers at once, and of floating point numbers only if it may ignore NaN; so these
are compared as the whole numbers that their bits are, which have the same order from 0 up. A floor below 0 lets every block pass, to
the closer look, which is exact.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from beamloom.apps.crystallography.peaks.compiled import compiled

Array = np.ndarray[Any, np.dtype[Any]]

BLOCK: Final = 64


@compiled
def _least_thresholds(labels: Array, thresholds: Array, least: Array) -> None:
    rows, columns = labels.shape
    for row in range(rows):
        for block in range(least.shape[1]):
            lowest = np.inf
            for column in range(block * 64, min(block * 64 + 64, columns)):
                lowest = min(lowest, thresholds[labels[row, column]])
            least[row, block] = lowest


def floors_of_blocks(labels: Array, thresholds: Array, dtype: np.dtype[Any]) -> tuple[Array, Array]:
    """The floor of each block, and whether it has any pixel that counts; ``thresholds``: of each label, infinite where it does not count.

    Both of shape (rows, blocks of a row).
    """
    least = np.empty((labels.shape[0], -(-labels.shape[1] // BLOCK)), np.float64)
    _least_thresholds(labels, thresholds, least)
    live = np.isfinite(least)
    least[~live] = 0.0
    if np.issubdtype(dtype, np.integer):
        bounds = np.iinfo(dtype)
        top = np.floor(least) + 1
        floors = np.full(top.shape, bounds.max, dtype)
        np.copyto(floors, np.maximum(top, bounds.min), where=top < bounds.max, casting="unsafe")
        return floors, live
    # Rounded to the frame's type it might lie above the threshold.
    with np.errstate(over="ignore"):
        floors = np.nextafter(least.astype(dtype), dtype.type(-np.inf))
    whole = as_whole_numbers(floors)
    return np.where(floors > 0, whole, np.iinfo(whole.dtype).min), live


def as_whole_numbers(frame: Array) -> Array:
    """``frame`` as what ``floors_of_blocks`` is comparable with: itself, or the bits of its numbers as signed whole ones."""
    if np.issubdtype(frame.dtype, np.integer):
        return frame
    return frame.view(np.int32 if frame.itemsize == 4 else np.int64)


@compiled
def scan(
    frame: Array,
    whole: Array,
    labels: Array,
    thresholds: Array,
    floors: Array,
    live: Array,
    first: int,
    last: int,
    found: Array,
) -> int:
    """Put into ``found`` the flat indices of the pixels above their thresholds in rows ``first`` to before ``last``; how many these are.

    ``whole``: the frame as ``as_whole_numbers`` gives it.
    """
    count = 0
    columns = frame.shape[1]
    for row in range(first, last):
        line = whole[row]
        for block in range(floors.shape[1]):
            if not live[row, block]:
                continue
            begin = block * 64
            end = min(begin + 64, columns)
            # A slice of its own, and max: so the compiler sees that the loop can be done for many pixels at once.
            part = line[begin:end]
            top = part[0]
            for index in range(part.size):
                top = max(top, part[index])
            if top < floors[row, block]:
                continue
            for column in range(begin, end):
                value = np.float64(frame[row, column])
                if value > thresholds[labels[row, column]] and np.isfinite(value):
                    found[count] = row * columns + column
                    count += 1
    return count
