"""The common mode: the median of the good pixels of a panel, or of each of its rows or columns, taken off.

A median is found by counting, as a processor compares many numbers at once: an interval that holds it, first taken from a few pixels, is
narrowed by where the counts at its ends say that the median is, until a handful of pixels is left to choose from. What comes out is
the median itself, whatever the interval was; of an even number of pixels the mean of the two in the middle.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from beamloom.apps.crystallography.peaks.compiled import compiled

Array = np.ndarray[Any, np.dtype[Any]]
Single = np.float32
Count = Any
"""A whole number of the width that suits the loop."""
SAMPLE: Final = 16
"""Pixels that the first interval is taken from."""
FEW: Final = 16
"""Pixels of an interval that is not narrowed any more."""
ROUNDS: Final = 12
"""In which an interval is narrowed, at most."""
TOGETHER: Final = 16
"""Columns that are read side by side, as the memory has them."""
NOTHING: Final = np.float32(np.inf)
"""Stands for a pixel that does not count: it is above all numbers."""
LARGEST: Final = np.float32(np.finfo(np.float32).max)


def take_off(slab: Array, good: Array, panels: Sequence[tuple[int, int, int, int]], what: str) -> None:
    """Take the common mode off ``slab`` (ss, fs), float32, in place.

    ``what`` is ``panel``, ``row`` or ``column``; medians are over pixels that are ``good`` and finite. Where there are none, nothing is
    taken off.
    """
    work = {"panel": _of_panel, "row": _of_rows, "column": _of_columns}[what]
    for top, bottom, left, right in panels:
        here = np.s_[top : bottom + 1, left : right + 1]
        work(slab[here], good[here])


@compiled
def _of_panel(part: Array, good: Array) -> None:
    rows, columns = part.shape
    line = np.empty(rows * columns, np.float32)
    for row in range(rows):
        _enter(part[row], good[row], line[row * columns : (row + 1) * columns])
    level = median(line, np.empty(line.size + 1, np.float32))
    for row in range(rows):
        part[row] -= level


@compiled
def _of_rows(part: Array, good: Array) -> None:
    line = np.empty(part.shape[1], np.float32)
    work = np.empty(line.size + 1, np.float32)
    for row in range(part.shape[0]):
        _enter(part[row], good[row], line)
        part[row] -= median(line, work)


@compiled
def _of_columns(part: Array, good: Array) -> None:
    rows, columns = part.shape
    lines = np.empty((TOGETHER, rows), np.float32)
    work = np.empty(rows + 1, np.float32)
    levels = np.empty(columns, np.float32)
    for first in range(0, columns, TOGETHER):
        width = min(TOGETHER, columns - first)
        for row in range(rows):
            for index in range(width):
                value = part[row, first + index]
                counts = good[row, first + index] and np.abs(value) <= LARGEST
                lines[index, row] = value if counts else NOTHING
        for index in range(width):
            levels[first + index] = median(lines[index], work)
    for row in range(rows):
        part[row] -= levels


@compiled
def _enter(values: Array, good: Array, line: Array) -> None:
    """``values`` where they are good and finite, else ``NOTHING``."""
    for index in range(values.size):
        value = values[index]
        line[index] = value if good[index] and np.abs(value) <= LARGEST else NOTHING


@compiled
def median(line: Array, work: Array) -> Single:
    """The median of the numbers of ``line``, float32, no NaN, that are less than infinite; 0 where there are none.

    ``work`` is longer by one.
    """
    count = _below(line, NOTHING, NOTHING)[0]
    if count == 0:
        return np.float32(0)
    first, second = (count - 1) // 2, count // 2
    low, high, below = _interval(line, count, first, second)
    inside = _gather(line, low, high, work)
    found, beyond = _of_rank(work[:inside], first - below)
    return found if second == first else np.float32((np.float64(found) + np.float64(beyond)) / 2)


@compiled
def _interval(line: Array, count: int, first: Count, second: Count) -> tuple[Single, Single, Count]:
    """Two ends, the upper one not included, between which the numbers of these ranks are; and how many numbers are below the lower one."""
    low, high = _sampled(line)
    below, upto = _below(line, low, high)
    if first < below:
        low, below, high, upto = -NOTHING, 0, low, below
    elif second >= upto:
        low, below, high, upto = high, upto, NOTHING, count
    if first < below or second >= upto:
        return -NOTHING, NOTHING, 0
    if low == -NOTHING or high == NOTHING:
        return low, high, below
    for _ in range(ROUNDS):
        inside = upto - below
        if inside <= FEW:
            break
        at = (first - below + 0.5) / inside
        reach = min(0.01 + 1.2 / np.sqrt(inside), 0.3)
        width = np.float64(high) - np.float64(low)
        one = np.float32(low + width * max(0.0, at - reach))
        other = np.float32(low + width * min(1.0, at + reach))
        below_one, below_other = _below(line, one, other)
        if second < below_one:
            high, upto = one, below_one
        elif first >= below_other:
            low, below = other, below_other
        elif first >= below_one and second < below_other:
            low, below, high, upto = one, below_one, other, below_other
        if upto - below == inside:
            break
    return low, high, below


@compiled
def _gather(line: Array, low: Single, high: Single, work: Array) -> int:
    """Put the numbers from ``low`` to before ``high`` into ``work``; how many these are."""
    marks = np.zeros((line.size + 7) // 8 * 8, np.uint8)
    for index in range(line.size):
        marks[index] = (low <= line[index]) & (line[index] < high)
    eights = marks.view(np.uint64)
    inside = 0
    for eight in range(eights.size):
        if eights[eight]:
            for index in range(8 * eight, min(8 * eight + 8, line.size)):
                work[inside] = line[index]
                inside += marks[index]
    return inside


@compiled
def _below(line: Array, one: Single, other: Single) -> tuple[Count, Count]:
    """How many numbers of ``line`` are below ``one`` and below ``other``, both float32."""
    first, second = np.int32(0), np.int32(0)
    for index in range(line.size):
        # Counts of as many bits as the numbers have: a processor so adds twice as many at once.
        first = np.int32(first + (line[index] < one))
        second = np.int32(second + (line[index] < other))
    return np.int64(first), np.int64(second)


@compiled
def _sampled(line: Array) -> tuple[Single, Single]:
    """Two numbers of ``line`` between which the cut probably is."""
    sample = np.empty(SAMPLE, np.float32)
    step = max(1, line.size // SAMPLE)
    count = 0
    for index in range(step // 2, line.size, step):
        value = line[index]
        if count < SAMPLE and value < NOTHING:
            place = count
            while place > 0 and sample[place - 1] > value:
                sample[place] = sample[place - 1]
                place -= 1
            sample[place] = value
            count += 1
    if count < SAMPLE // 2:
        return -NOTHING, NOTHING
    return sample[count // 8], sample[count - 1 - count // 8]


@compiled
def _of_rank(values: Array, rank: Count) -> tuple[Single, Single]:
    """The number of this rank, and that of the next. ``values`` are put into another order (Hoare 1961)."""
    begin, end = 0, values.size
    while True:
        pivot = values[(begin + end) // 2]
        under, upto = np.int32(begin), np.int32(begin)
        for index in range(begin, end):
            under = np.int32(under + (values[index] < pivot))
            upto = np.int32(upto + (values[index] <= pivot))
        if under <= rank and rank < upto:
            break
        left, right = begin, end - 1
        while left <= right:
            while values[left] < pivot:
                left += 1
            while pivot < values[right]:
                right -= 1
            if left <= right:
                values[left], values[right] = values[right], values[left]
                left += 1
                right -= 1
        if rank <= right:
            end = right + 1
        else:
            begin = left
    if rank + 1 < upto:
        return pivot, pivot
    beyond = NOTHING
    for index in range(values.size):
        if pivot < values[index] and values[index] < beyond:
            beyond = values[index]
    return pivot, beyond
