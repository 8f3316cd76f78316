"""Radial statistics: for each radial bin the level and spread of its background, by five rounds of clipping, and its threshold.

All modes clip alike: pixels strictly between the limits give offset and sigma, and these the next limits, offset ± minimum_snr sigma,
the upper one at least adc_threshold. The last upper limit is the threshold of the bin.

What happens to a bin whose limits exclude everything is a matter of mode. In ``exact`` it is what OM 23.8.3 does: offset and sigma 0,
no upper limit, and a lower limit that excludes zeros, so that sparse photon data leaves most bins without a threshold, blind. Otherwise
such a bin keeps what it had, a sigma of 0 gives way to the last that was more, and no sigma is taken to be less than that of a background
of a quarter of a photon, half a photon: one photon alone is then no outlier, and no bin is blind.

All sums are of float64 and of differences to a value near the background, so that a pedestal of 20,000 does not swallow a sigma of 3.

A frame is read once. A bin has a *core*, the values from ``low`` to ``high``, whose sums are taken on the way (``fold``); what lies
outside, few pixels, is listed, and rounds of clipping look at that list alone (``settle``), as long as the limits take the core whole
or not at all. A bin of which they take a part is *open*, and is worked through pixel by pixel (``examine``). So the choice of cores
decides how fast the statistics are, never what they are.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from beamloom.apps.crystallography.peaks.compiled import compiled

Array = np.ndarray[Any, np.dtype[Any]]

ROUNDS: Final = 5
FIRST_LIMIT: Final = 1e9
LARGEST: Final = float(np.finfo(np.float32).max)
SMALLEST: Final = float(np.finfo(np.float32).tiny)
SHARE_OF_LIMITS: Final = 0.8
"""How much of the way from the offset to the limits of a sample belongs to the core."""
LOW: Final = 0
HIGH: Final = 1
SUM: Final = 2
SQUARES: Final = 3


@compiled
def fold(frame: Array, labels: Array, first: int, last: int, step: int, cores: Array, tail: Array) -> int:
    """Add the rows from ``first`` to before ``last`` to the sums of ``cores``, and list in ``tail`` the pixels outside; how many these are.

    ``cores`` has a row for each label: low, high, and the sums of value - low and of its square. A pixel that is NaN is listed.
    """
    found = 0
    columns = frame.shape[1]
    for row in range(first, last, step):
        for column in range(columns):
            label = labels[row, column]
            value = np.float64(frame[row, column])
            low = cores[label, 0]
            if low <= value and value <= cores[label, 1]:
                value -= low
                cores[label, 2] += value
                cores[label, 3] += value * value
            else:
                tail[found] = row * columns + column
                found += 1
    return found


@compiled
def _next_limits(
    count: int, mean: float, variance: float, snr: float, adc: float, least: float, exact: bool, now: Array
) -> None:
    """The round's result in ``now``: offset, sigma, and the limits of the next round, low and high."""
    if exact:
        if count == 0:
            now[0] = 0.0
            now[1] = 0.0
            now[2] = SMALLEST
            now[3] = LARGEST
            return
        sigma = np.sqrt(variance) if variance >= 0 else variance
    else:
        if count == 0:
            return
        sigma = np.sqrt(max(variance, 0.0))
        if sigma == 0.0:
            sigma = now[1]
        sigma = max(sigma, least)
    now[0] = mean
    now[1] = sigma
    now[2] = mean - snr * sigma
    now[3] = max(mean + snr * sigma, adc)


@compiled
def settle(
    values: Array,
    owners: Array,
    bins: int,
    counts: Array,
    cores: Array,
    snr: float,
    adc: float,
    least: float,
    exact: bool,
    states: Array,
    is_open: Array,
) -> None:
    """The clipping of all bins, from their cores and from the ``values`` outside of these, whose bins are ``owners``.

    ``counts`` has the pixels of each bin that were folded. In ``states``, a row for each bin, stay offset, sigma, and the limits;
    ``is_open`` says of which bins they are not right, since limits cut through their cores or candidates lie in these.
    """
    core_counts = counts.copy()
    for index in range(owners.size):
        core_counts[owners[index]] -= 1
    sums = np.empty((bins, 3), np.float64)
    states[:, 0:2] = 0.0
    states[:, 2] = -FIRST_LIMIT
    states[:, 3] = FIRST_LIMIT
    is_open[:] = False
    for _ in range(ROUNDS):
        for label in range(bins):
            sums[label, :] = 0.0
            if core_counts[label] == 0:
                continue
            low, high = cores[label, 0], cores[label, 1]
            if states[label, 2] < low and high < states[label, 3]:
                sums[label, 0] = core_counts[label]
                sums[label, 1] = cores[label, 2]
                sums[label, 2] = cores[label, 3]
            elif not (high <= states[label, 2] or states[label, 3] <= low):
                is_open[label] = True
        for index in range(owners.size):
            label = owners[index]
            value = values[index]
            if states[label, 2] < value and value < states[label, 3]:
                value -= cores[label, 0]
                sums[label, 0] += 1
                sums[label, 1] += value
                sums[label, 2] += value * value
        for label in range(bins):
            count = sums[label, 0]
            mean = sums[label, 1] / count if count else 0.0
            variance = sums[label, 2] / count - mean * mean if count else 0.0
            _next_limits(count, mean + cores[label, 0], variance, snr, adc, least, exact, states[label])
    for label in range(bins):
        if core_counts[label] and states[label, 3] < cores[label, 1]:
            is_open[label] = True


@compiled
def examine(
    values: Array, step: int, snr: float, adc: float, least: float, exact: bool, state: Array
) -> None:
    """The clipping of one bin from each ``step``-th of its ``values``; offset, sigma and limits in ``state``."""
    state[0:2] = 0.0
    state[2] = -FIRST_LIMIT
    state[3] = FIRST_LIMIT
    origin = 0.0
    for index in range(0, values.size, step):
        if np.isfinite(values[index]):
            origin = values[index]
            break
    for _ in range(ROUNDS):
        count = 0
        total = 0.0
        squares = 0.0
        for index in range(0, values.size, step):
            value = values[index]
            if state[2] < value and value < state[3]:
                value -= origin
                count += 1
                total += value
                squares += value * value
        mean = total / count if count else 0.0
        variance = squares / count - mean * mean if count else 0.0
        _next_limits(count, mean + origin, variance, snr, adc, least, exact, state)


@compiled
def examine_each(
    values: Array,
    starts: Array,
    labels: Array,
    snr: float,
    adc: float,
    least: float,
    exact: bool,
    states: Array,
) -> None:
    """The clipping of the bins ``labels`` from all their ``values``, of which those of each begin at one of ``starts``."""
    for index in range(labels.size):
        own = values[starts[index] : starts[index + 1]]
        examine(own, 1, snr, adc, least, exact, states[labels[index]])


@compiled
def choose_cores(
    values: Array,
    starts: Array,
    snr: float,
    adc: float,
    least: float,
    whole_numbers: bool,
    sample: int,
    cores: Array,
) -> None:
    """Set low and high of each bin's core by about ``sample`` of its values: well inside of the limits that are to be expected."""
    state = np.empty(4, np.float64)
    for label in range(starts.size - 1):
        own = values[starts[label] : starts[label + 1]]
        step = max(1, own.size // sample)
        examine(own, step, snr, adc, least, False, state)
        low = state[0] - SHARE_OF_LIMITS * (state[0] - state[2])
        high = state[0] + SHARE_OF_LIMITS * (state[3] - state[0])
        least_value, most_value = np.inf, -np.inf
        for index in range(0, own.size, step):
            value = own[index]
            if low <= value and value <= high:
                least_value = min(least_value, value)
                most_value = max(most_value, value)
        if least_value >= most_value:
            # One value alone, as in a bin that no photon reached; or none.
            low = high = least_value if least_value == most_value else state[0]
        elif whole_numbers:
            low, high = np.ceil(low), np.floor(high)
        else:
            # Few binary digits, so that differences of whole numbers to it have few, too, and their sums are exact.
            grid = 2.0 ** np.floor(np.log2((high - low) / 16))
            low = np.floor(low / grid) * grid
        cores[label, 0] = low
        cores[label, 1] = high
