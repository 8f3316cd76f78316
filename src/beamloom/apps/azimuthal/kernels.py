"""The loops over pixels, by numba. All take flat arrays, and change the last arguments in place.

A pixel counts when its value is from ``low`` to ``high``; the others (markers of overflow, NaN) take their part of the normalisation with
them, which is added up in ``lost``. Places are unsigned, as numba asks of all others whether they count from the end. Sums are kept four
times over, and pixels take turns: neighbours mostly fall into the same bin, and a sum that waits for the one before costs twice as much.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from beamloom.apps.compiled import compiled

Array = np.ndarray[Any, np.dtype[Any]]
TURNS: Final = 4
"""How many sums of each bin there are."""
ONE: Final = np.uint64(1)
TWO: Final = np.uint64(2)
THREE: Final = np.uint64(3)


@compiled("azimuthal")
def _all_valid(low: Any, high: Any, a: Any, b: Any, c: Any, d: Any) -> Any:
    """By one branch for all, which is a third faster than eight."""
    first = (low <= a) & (a <= high) & (low <= b) & (b <= high)
    return first & (low <= c) & (c <= high) & (low <= d) & (d <= high)


@compiled("azimuthal")
def add_whole(frame: Array, low: Any, high: Any, bins: Array, worth: Array, sums: Array, lost: Array) -> None:
    """Each pixel in one bin: ``sums`` (TURNS, bins + 2) of whole or real numbers; the last two are for pixels of no bin."""
    first, second, third, fourth = sums[0], sums[1], sums[2], sums[3]
    four = frame.size - frame.size % 4
    for turn in range(four // 4):
        i = np.uint64(4 * turn)
        j, k, m = i + ONE, i + TWO, i + THREE
        a, b, c, d = frame[i], frame[j], frame[k], frame[m]
        if _all_valid(low, high, a, b, c, d):
            first[bins[i]] += a
            second[bins[j]] += b
            third[bins[k]] += c
            fourth[bins[m]] += d
        else:
            _add_whole_singly(frame, 4 * turn, 4 * turn + 4, low, high, bins, worth, first, lost)
    _add_whole_singly(frame, four, frame.size, low, high, bins, worth, first, lost)


@compiled("azimuthal")
def _add_whole_singly(
    frame: Array,
    begin: int,
    end: int,
    low: Any,
    high: Any,
    bins: Array,
    worth: Array,
    sums: Array,
    lost: Array,
) -> None:
    for place in range(begin, end):
        if low <= frame[place] <= high:
            sums[bins[place]] += frame[place]
        else:
            lost[bins[place]] += worth[place]


@compiled("azimuthal")
def add_four_shared(
    i: Any, a: float, b: float, c: float, d: float, bins: Array, shares: Array, sums: Array
) -> None:
    """The values of pixel ``i`` and of the three behind it, all of which count."""
    first, second, third, fourth = sums[0], sums[1], sums[2], sums[3]
    j, k, m = i + ONE, i + TWO, i + THREE
    w, x, y, z = bins[i], bins[j], bins[k], bins[m]
    first[w, 0] += a
    first[w, 1] += shares[i] * a
    second[x, 0] += b
    second[x, 1] += shares[j] * b
    third[y, 0] += c
    third[y, 1] += shares[k] * c
    fourth[z, 0] += d
    fourth[z, 1] += shares[m] * d


@compiled("azimuthal")
def add_shared(
    frame: Array, low: Any, high: Any, bins: Array, shares: Array, worth: Array, sums: Array, lost: Array
) -> None:
    """Each pixel with a share in one bin and the rest in the next; ``sums`` (TURNS, bins + 2, 2), float64.

    Added up by the first bin are values and shares of values, which lie side by side; ``shared_sums`` makes sums of bins of them.
    """
    four = frame.size - frame.size % 4
    for turn in range(four // 4):
        i = np.uint64(4 * turn)
        j, k, m = i + ONE, i + TWO, i + THREE
        a, b, c, d = frame[i], frame[j], frame[k], frame[m]
        if _all_valid(low, high, a, b, c, d):
            add_four_shared(i, np.float64(a), np.float64(b), np.float64(c), np.float64(d), bins, shares, sums)
        else:
            _add_shared_singly(frame, 4 * turn, 4 * turn + 4, low, high, bins, shares, worth, sums[0], lost)
    _add_shared_singly(frame, four, frame.size, low, high, bins, shares, worth, sums[0], lost)


@compiled("azimuthal")
def _add_shared_singly(
    frame: Array,
    begin: int,
    end: int,
    low: Any,
    high: Any,
    bins: Array,
    shares: Array,
    worth: Array,
    sums: Array,
    lost: Array,
) -> None:
    for place in range(begin, end):
        first, share = bins[place], np.float64(shares[place])
        if low <= frame[place] <= high:
            sums[first, 0] += frame[place]
            sums[first, 1] += share * frame[place]
        else:
            lost[first] += share * worth[place]
            lost[first + 1] += (1.0 - share) * worth[place]


def whole_sums(turns: Array) -> Array:
    """The sums of the bins of ``add_whole``, (bins,), float64."""
    sums: Array = turns.sum(axis=0)[:-2].astype(np.float64)
    return sums


def shared_sums(turns: Array) -> Array:
    """The sums of the bins of ``add_shared``, (bins,), float64."""
    values, shares = turns.sum(axis=0)[:-2].T
    sums: Array = shares.copy()
    sums[1:] += values[:-1] - shares[:-1]
    return sums


@compiled("azimuthal")
def add_shared_squares(frame: Array, low: Any, high: Any, bins: Array, shares: Array, squares: Array) -> None:
    """The sum of share² times value, which is the variance of counts; ``squares`` (bins + 2,)."""
    for place in range(frame.size):
        value = frame[place]
        if low <= value <= high:
            share, first = np.float64(shares[place]), bins[place]
            squares[first] += share * share * value
            squares[first + 1] += (1.0 - share) * (1.0 - share) * value


@compiled("azimuthal")
def add_rows(
    frame: Array,
    low: Any,
    high: Any,
    share: Array,
    pixel: Array,
    start: Array,
    worth: Array,
    sums: Array,
    squares: Array,
    lost: Array,
) -> None:
    """Any matrix, bin by bin: ``sums``, ``squares`` (of share² times value) and ``lost`` (bins,), float64."""
    for row in range(start.size - 1):
        total, spread, missing = 0.0, 0.0, 0.0
        for place in range(start[row], start[row + 1]):
            value, part = frame[pixel[place]], np.float64(share[place])
            if low <= value <= high:
                total += part * value
                spread += part * part * value
            else:
                missing += part * worth[pixel[place]]
        sums[row] = total
        squares[row] = spread
        lost[row] = missing


@compiled("azimuthal")
def clip(
    frame: Array,
    low: Any,
    high: Any,
    pixel: Array,
    start: Array,
    worth: Array,
    sigmas: float,
    rounds: int,
    longest: int,
    mean: Array,
    deviation: Array,
    counts: Array,
) -> None:
    """Clip each bin at ``sigmas`` deviations, ``rounds`` times; every pixel is in one bin, of ``longest`` at most. NaN for empty bins."""
    values = np.empty(longest)
    worths = np.empty(longest)
    for row in range(start.size - 1):
        kept = 0
        for place in range(start[row], start[row + 1]):
            value = frame[pixel[place]]
            weight = np.float64(worth[pixel[place]])
            if low <= value <= high and weight > 0.0:
                values[kept] = value
                worths[kept] = weight
                kept += 1
        centre, spread = np.nan, np.nan
        for turn in range(rounds + 1):
            signal, norm, norm2 = 0.0, 0.0, 0.0
            for place in range(kept):
                signal += values[place]
                norm += worths[place]
                norm2 += worths[place] * worths[place]
            if kept == 0:
                centre, spread = np.nan, np.nan
                break
            centre = signal / norm
            squares = 0.0
            for place in range(kept):
                off = values[place] - centre * worths[place]
                squares += off * off
            spread = np.sqrt(squares / norm2)
            if turn == rounds:
                break
            # Chauvenet's criterion: of so many pixels the farthest are that far by chance.
            limit = max(sigmas, np.sqrt(2.0 * np.log(max(kept, 3) / np.sqrt(2.0 * np.pi)))) * spread
            stay = 0
            for place in range(kept):
                if abs(values[place] / worths[place] - centre) <= limit:
                    values[stay] = values[place]
                    worths[stay] = worths[place]
                    stay += 1
            if stay == kept:
                break
            kept = stay
        mean[row] = centre
        deviation[row] = spread
        counts[row] = kept
