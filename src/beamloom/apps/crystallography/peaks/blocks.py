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


class Blocks:
    """The blocks of a detector: which radial bins they reach over."""

    def __init__(self, labels: Array, bins: int) -> None:
        rows, columns = labels.shape
        blocks = -(-columns // BLOCK)
        padded = np.full((rows, blocks * BLOCK), bins, labels.dtype)
        padded[:, :columns] = labels
        by_block = padded.reshape(rows, blocks, BLOCK)
        self.live: Array = np.any(by_block < bins, axis=2)
        """Whether a block has any pixel that counts; of shape (rows, blocks of a row)."""
        self._first = np.where(self.live, by_block.min(axis=2), 0).astype(np.int64)
        by_block[by_block >= bins] = 0
        self._last = by_block.max(axis=2).astype(np.int64)
        self._level: Array = np.log2(self._last - self._first + 1).astype(np.int64)

    def floors(self, thresholds: Array, dtype: np.dtype[Any]) -> Array:
        """The floor of each block for frames of ``dtype``, by the threshold of each bin; of the shape of ``live``.

        It is that of all bins between the block's first and last one, so that one that has no pixel in the block may lower it.
        """
        least = _least_of_ranges(thresholds, self._first, self._last, self._level)
        if np.issubdtype(dtype, np.integer):
            bounds = np.iinfo(dtype)
            top = np.floor(least) + 1
            floors = np.full(top.shape, bounds.max, dtype)
            np.copyto(floors, np.maximum(top, bounds.min), where=top < bounds.max, casting="unsafe")
            return floors
        # Rounded to the frame's type it might lie above the threshold.
        with np.errstate(over="ignore"):
            floors = np.nextafter(least.astype(dtype), dtype.type(-np.inf))
        whole = as_whole_numbers(floors)
        return np.where(floors > 0, whole, np.iinfo(whole.dtype).min)


def _least_of_ranges(values: Array, first: Array, last: Array, level: Array) -> Array:
    """The least of ``values`` from each of ``first`` to ``last``, inclusive; ``level``: log2 of how many these are, rounded down.

    By the least of all runs of 1, 2, 4 and so on: two of them that overlap make up any range.
    """
    runs = [values]
    for power in range(int(level.max())):
        shorter, step = runs[-1], 1 << power
        longer = shorter.copy()
        np.minimum(shorter[:-step], shorter[step:], out=longer[:-step])
        runs.append(longer)
    table = np.stack(runs)
    least: Array = np.minimum(table[level, first], table[level, last + 1 - (1 << level)])
    return least


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
