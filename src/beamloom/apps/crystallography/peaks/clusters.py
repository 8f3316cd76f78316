"""From pixels above their thresholds to peaks: pixels that touch are joined, measured against the background around them, and judged.

Pixels join by any of their eight neighbours, inside of one panel. A peak starts at a pixel that is not on the outermost ring of its
panel; others of it may lie there. Every pixel is joined once, whether or not its peak is kept. The queue of pixels ends where it ends:
OM reads one entry too many and may take in pixels far away, a fault that is not repeated in any mode.

``exact`` rounds each step to float32 where a centre depends on it, as OM computes, and keeps the first max_num_peaks. The other modes
round nothing and keep the strongest; a local background without any spread, as of zeros alone, is taken to be that of one photon in
all of the disc, where ``exact`` drops the peak.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from beamloom.apps.crystallography.peaks.compiled import compiled

Array = np.ndarray[Any, np.dtype[Any]]

FIELDS: Final = 6
"""fs, ss, intensity, number of pixels, brightest pixel, SNR."""
_ZERO: Final = 1e-10
_SIGMA_OF_NOTHING: Final = 0.01
"""Standard deviation of a local background that has no pixels."""


@compiled
def _rounded(value: float, single: bool) -> float:
    return np.float64(np.float32(value)) if single else value


@compiled
def by_panel(candidates: Array, panel_of: Array, panels: int) -> Array:
    """``candidates``, flat indices, panel by panel, and in their order within each."""
    starts = np.zeros(panels + 1, np.int64)
    for index in range(candidates.size):
        starts[panel_of[candidates[index]] + 1] += 1
    for panel in range(panels):
        starts[panel + 1] += starts[panel]
    ordered = np.empty_like(candidates)
    for index in range(candidates.size):
        panel = panel_of[candidates[index]]
        ordered[starts[panel]] = candidates[index]
        starts[panel] += 1
    return ordered


@compiled
def _local_background(
    frame: Array,
    labels: Array,
    bins: int,
    states: Array,
    box: Array,
    ss: int,
    fs: int,
    reach: int,
    single: bool,
) -> tuple[int, float, float, float]:
    """Number, mean, variance and maximum (of 0 at least) of the pixels below their thresholds in a disc around (``ss``, ``fs``)."""
    count = 0
    total = 0.0
    squares = 0.0
    origin = 0.0
    brightest = 0.0
    for row in range(max(ss - reach, box[0]), min(ss + reach - 1, box[1]) + 1):
        for column in range(max(fs - reach, box[2]), min(fs + reach - 1, box[3]) + 1):
            if (row - ss) ** 2 + (column - fs) ** 2 > reach * reach:
                continue
            label = labels[row, column]
            if label >= bins:
                continue
            value = _rounded(np.float64(frame[row, column]), single)
            if value < states[label, 3] and np.isfinite(value):
                if count == 0:
                    origin = value
                count += 1
                total += value - origin
                squares += (value - origin) ** 2
                brightest = max(brightest, value)
    if count == 0:
        return 0, 0.0, 0.0, 0.0
    mean = total / count
    return count, origin + mean, squares / count - mean * mean, brightest


@compiled
def find_clusters(
    frame: Array,
    labels: Array,
    bins: int,
    states: Array,
    panels: Array,
    panel_of: Array,
    candidates: Array,
    joined: Array,
    queue: Array,
    snr: float,
    fewest: int,
    most: int,
    reach: int,
    photon: float,
    exact: bool,
    peaks: Array,
) -> int:
    """Write the peaks into the rows of ``peaks``, until it is full, and say how many there are.

    ``candidates``: flat indices of all pixels above their thresholds, panel by panel; ``joined``: of the size of the frame, all zero,
    and left so; ``queue``: of the size of ``candidates``. ``states``: as in ``radial``.
    """
    columns = frame.shape[1]
    flat = joined.reshape(-1)
    found = 0
    queued = 0
    for candidate in range(candidates.size):
        if found == peaks.shape[0]:
            break
        seed = candidates[candidate]
        if flat[seed]:
            continue
        box = panels[panel_of[seed // columns, seed % columns]]
        row = seed // columns
        column = seed % columns
        if row == box[0] or row == box[1] or column == box[2] or column == box[3]:
            continue

        begin = queued
        queue[queued] = seed
        queued += 1
        flat[seed] = 1
        at = begin
        weight = 0.0
        moment_fs = 0.0
        moment_ss = 0.0
        while at < queued:
            row = queue[at] // columns
            column = queue[at] % columns
            at += 1
            value = _rounded(np.float64(frame[row, column]), exact)
            excess = _rounded(value - _rounded(states[labels[row, column], 0], exact), exact)
            weight = _rounded(weight + excess, exact)
            moment_fs = _rounded(moment_fs + _rounded(excess * column, exact), exact)
            moment_ss = _rounded(moment_ss + _rounded(excess * row, exact), exact)
            for down in range(-1, 2):
                for right in range(-1, 2):
                    other_row = row + down
                    other_column = column + right
                    if (
                        other_row < box[0]
                        or other_row > box[1]
                        or other_column < box[2]
                        or other_column > box[3]
                        or joined[other_row, other_column]
                    ):
                        continue
                    label = labels[other_row, other_column]
                    if label >= bins:
                        continue
                    other = np.float64(frame[other_row, other_column])
                    if other > states[label, 3] and np.isfinite(other):
                        joined[other_row, other_column] = 1
                        queue[queued] = other_row * columns + other_column
                        queued += 1

        pixels = queued - begin
        if pixels < fewest or pixels > most or abs(weight) < _ZERO:
            continue
        fs = np.rint(_rounded(moment_fs / abs(weight), exact))
        ss = np.rint(_rounded(moment_ss / abs(weight), exact))
        if not (abs(fs) < 2**31 and abs(ss) < 2**31):
            continue
        count, offset, variance, brightest = _local_background(
            frame, labels, bins, states, box, int(ss), int(fs), reach, exact
        )
        if count == 0:
            row = min(max(int(ss), box[0]), box[1])
            column = min(max(int(fs), box[2]), box[3])
            label = labels[row, column]
            offset = states[label if label < bins else label - bins, 0]
            sigma = _SIGMA_OF_NOTHING
        elif variance < 0:
            sigma = _SIGMA_OF_NOTHING
        else:
            sigma = np.sqrt(variance)
        if not exact:
            sigma = max(sigma, photon / np.sqrt(max(count, 1))) if sigma <= _ZERO else sigma
        total = 0.0
        raw = 0.0
        top = 0.0
        moment_fs = 0.0
        moment_ss = 0.0
        for index in range(begin, queued):
            row = queue[index] // columns
            column = queue[index] % columns
            value = _rounded(np.float64(frame[row, column]), exact)
            total += value - offset
            top = max(top, value - offset)
            raw = _rounded(raw + value, exact)
            moment_fs = _rounded(moment_fs + _rounded(value * column, exact), exact)
            moment_ss = _rounded(moment_ss + _rounded(value * row, exact), exact)
        if abs(raw) < _ZERO:
            continue
        centre_fs = _rounded(moment_fs / abs(raw), exact)
        centre_ss = _rounded(moment_ss / abs(raw), exact)
        ratio = total / sigma if sigma > _ZERO else 0.0
        if (
            ratio < snr
            or top < brightest - offset
            or not (
                box[2] <= centre_fs and centre_fs <= box[3] and box[0] <= centre_ss and centre_ss <= box[1]
            )
        ):
            continue
        peaks[found, 0] = centre_fs
        peaks[found, 1] = centre_ss
        peaks[found, 2] = total
        peaks[found, 3] = pixels
        peaks[found, 4] = top
        peaks[found, 5] = ratio
        found += 1
    for index in range(queued):
        flat[queue[index]] = 0
    return found
