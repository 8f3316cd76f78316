"""Pixels above thresholds that are known beforehand: a comparison of whole blocks, and a closer look at the few that have one.

A block is 64 pixels of a row; its floor is the least value that is above the threshold of any of its pixels, in the type of the
frame, so that a processor compares many pixels at once.
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
        floors = least.astype(dtype)
    return np.nextafter(floors, dtype.type(-np.inf)), live


@compiled
def scan(
    frame: Array,
    labels: Array,
    thresholds: Array,
    floors: Array,
    live: Array,
    first: int,
    last: int,
    found: Array,
) -> int:
    """Put into ``found`` the flat indices of the pixels above their thresholds in rows ``first`` to before ``last``; how many these are."""
    count = 0
    columns = frame.shape[1]
    for row in range(first, last):
        for block in range(floors.shape[1]):
            if not live[row, block]:
                continue
            floor = floors[row, block]
            begin = block * 64
            end = min(begin + 64, columns)
            above = np.int32(0)
            for column in range(begin, end):
                above += np.int32(frame[row, column] >= floor)
            if above == 0:
                continue
            for column in range(begin, end):
                value = np.float64(frame[row, column])
                if value > thresholds[labels[row, column]] and np.isfinite(value):
                    found[count] = row * columns + column
                    count += 1
    return count
