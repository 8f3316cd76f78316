"""The fit: the most likely position, photons, background and width of a spot, and the bounds of their errors.

The model of a pixel is a Gaussian integrated over it, on a flat background: μ = N · Ex(column) · Ey(row) + b. Counts are Poisson
distributed and read out with Gaussian noise of the variance v. A pixel plus v is very nearly Poisson distributed with the mean μ + v
(Huang et al., Nat. Methods 10 (2013) 653, here with one v for all pixels); that likelihood is maximised by Fisher scoring, and the
inverse of its information matrix is the Cramér-Rao bound (Smith et al., Nat. Methods 7 (2010) 373).

Behind the gain register of an EMCCD the variance is twice the mean: likelihood and information are halved, and v counts half.

A row and a column have one integral each: the sums over the pixels of a row need those of columns alone, and what the row adds to the
matrix follows from fourteen of them.
"""

from __future__ import annotations

import math
from typing import Any, Final

import numpy as np

from beamloom.apps.localization.cholesky import bounds_of, solve
from beamloom.apps.localization.compiled import compiled

Array = np.ndarray[Any, np.dtype[Any]]
X: Final = 0
Y: Final = 1
PHOTONS: Final = 2
BACKGROUND: Final = 3
SIGMA: Final = 4
PARAMETERS: Final = 5
_NEAR: Final = 1e-3
"""A fit has converged when its last step was less than this in pixels and in the root of the photons; it is far below the bound."""
_FLOOR: Final = 1e-2
"""No pixel expects fewer photons than this, read noise included."""


@compiled
def fit_spots(
    electrons: Array,
    rows: Array,
    columns: Array,
    half: int,
    sigma: float,
    read_variance: float,
    excess: float,
    iterations: int,
) -> tuple[Array, Array, Array, Array]:
    """Fit a spot in the square of 2 ``half`` + 1 pixels around each of ``rows`` and ``columns``, moved into the frame at its edges.

    ``electrons`` (frame rows, frame columns) float32, photo-electrons; ``sigma`` in pixels is where the width begins. Returns values and
    bounds, (n, 5) each as x, y, photons, background, sigma, in pixels of the frame; the likelihood ratios, (n,); and steps and status,
    (n, 2).
    """
    count, size = len(rows), 2 * half + 1
    height, width = electrons.shape
    values = np.empty((count, PARAMETERS))
    bounds = np.empty((count, PARAMETERS))
    ratios = np.empty(count)
    ends = np.empty((count, 2), np.int64)
    square = np.empty((size, size))
    parts = np.empty((2, 3, size))
    information = np.empty((PARAMETERS, PARAMETERS))
    gradient = np.empty(PARAMETERS)
    extra = read_variance / excess
    for n in range(count):
        top = min(max(rows[n] - half, 0), height - size)
        left = min(max(columns[n] - half, 0), width - size)
        for j in range(size):
            for i in range(size):
                square[j, i] = electrons[top + j, left + i]
        theta = values[n]
        _begin(square, theta, columns[n] - left, rows[n] - top, sigma)
        status, steps = 1, 0
        while steps < iterations and status == 1:
            steps += 1
            _integrals(theta[X], theta[SIGMA], parts[0])
            _integrals(theta[Y], theta[SIGMA], parts[1])
            _information(square, parts, theta, extra, information, gradient)
            if not solve(information, gradient):
                status = 3
            elif _step(theta, gradient, size):
                status = 0
        _integrals(theta[X], theta[SIGMA], parts[0])
        _integrals(theta[Y], theta[SIGMA], parts[1])
        _information(square, parts, theta, extra, information, gradient)
        if not bounds_of(information, excess, bounds[n]):
            status = 3
        elif status == 0 and _has_left(theta, size):
            status = 2
        ratios[n] = _ratio(square, parts, theta, extra) / excess
        ends[n, 0], ends[n, 1] = steps, status
        theta[X] += left
        theta[Y] += top
    return values, bounds, ratios, ends


@compiled
def _begin(square: Array, theta: Array, column: int, row: int, sigma: float) -> None:
    """Where the fit starts: the least of the means of the four sides as background, and the centroid near the candidate."""
    size = len(square)
    sides = np.zeros(4)
    for k in range(size):
        sides[0] += square[0, k]
        sides[1] += square[size - 1, k]
        sides[2] += square[k, 0]
        sides[3] += square[k, size - 1]
    background = max(sides.min() / size, 0.0)
    reach = max(1, math.ceil(1.5 * sigma))
    total = along = down = 0.0
    for j in range(max(0, row - reach), min(size, row + reach + 1)):
        for i in range(max(0, column - reach), min(size, column + reach + 1)):
            light = max(square[j, i] - background, 0.0)
            total += light
            along += light * i
            down += light * j
    theta[X] = along / total if total > 0 else float(column)
    theta[Y] = down / total if total > 0 else float(row)
    theta[PHOTONS] = max(total / 0.75, 10.0)  # of a square of 3 sigma, 75 % of the light
    theta[BACKGROUND] = max(background, 0.05)
    theta[SIGMA] = sigma


@compiled
def _integrals(centre: float, sigma: float, parts: Array) -> None:
    """Of the Gaussian over each pixel along one axis: its integral, and that derived by the centre and by the width."""
    size = parts.shape[1]
    root = 1.0 / (math.sqrt(2.0) * sigma)
    norm = 1.0 / (math.sqrt(2.0 * math.pi) * sigma)
    at = -0.5 - centre
    below, rise = math.erf(at * root), math.exp(-((at * root) ** 2)) * norm
    spread = rise * at / sigma
    for i in range(size):
        at = i + 0.5 - centre
        above, fall = math.erf(at * root), math.exp(-((at * root) ** 2)) * norm
        wider = fall * at / sigma
        parts[0, i] = 0.5 * (above - below)
        parts[1, i] = rise - fall
        parts[2, i] = spread - wider
        below, rise, spread = above, fall, wider


@compiled
def _information(
    square: Array, parts: Array, theta: Array, extra: float, information: Array, gradient: Array
) -> None:
    """The gradient of the logarithm of the likelihood, and Fisher's information matrix (Poisson alone, without ``excess``)."""
    size = len(square)
    photons, background = theta[PHOTONS], theta[BACKGROUND]
    across = parts[0]
    information[:] = 0.0
    gradient[:] = 0.0
    for j in range(size):
        e_y, g_y, s_y = parts[1, 0, j], parts[1, 1, j], parts[1, 2, j]
        peak, level = photons * e_y, background + extra
        w = we = wg = ws = wee = weg = wes = wgg = wgs = wss = r = re = rg = rs = 0.0
        for i in range(size):
            e, g, s = across[0, i], across[1, i], across[2, i]
            one = 1.0 / max(peak * e + level, _FLOOR)
            off = (square[j, i] + extra) * one - 1.0
            at_e, at_g, at_s = one * e, one * g, one * s
            w += one
            we += at_e
            wg += at_g
            ws += at_s
            wee += at_e * e
            weg += at_e * g
            wes += at_e * s
            wgg += at_g * g
            wgs += at_g * s
            wss += at_s * s
            r += off
            re += off * e
            rg += off * g
            rs += off * s
        information[X, X] += e_y * e_y * wgg
        information[X, Y] += e_y * g_y * weg
        information[X, PHOTONS] += e_y * e_y * weg
        information[X, BACKGROUND] += e_y * wg
        information[X, SIGMA] += e_y * (e_y * wgs + s_y * weg)
        information[Y, Y] += g_y * g_y * wee
        information[Y, PHOTONS] += g_y * e_y * wee
        information[Y, BACKGROUND] += g_y * we
        information[Y, SIGMA] += g_y * (e_y * wes + s_y * wee)
        information[PHOTONS, PHOTONS] += e_y * e_y * wee
        information[PHOTONS, BACKGROUND] += e_y * we
        information[PHOTONS, SIGMA] += e_y * (e_y * wes + s_y * wee)
        information[BACKGROUND, BACKGROUND] += w
        information[BACKGROUND, SIGMA] += e_y * ws + s_y * we
        information[SIGMA, SIGMA] += e_y * (e_y * wss + 2.0 * s_y * wes) + s_y * s_y * wee
        gradient[X] += e_y * rg
        gradient[Y] += g_y * re
        gradient[PHOTONS] += e_y * re
        gradient[BACKGROUND] += r
        gradient[SIGMA] += e_y * rs + s_y * re
    for k in (X, Y, SIGMA):
        gradient[k] *= photons
        for m in range(PARAMETERS):
            if m >= k:
                information[k, m] *= photons
            if m <= k:
                information[m, k] *= photons
    for k in range(PARAMETERS):
        for m in range(k):
            information[k, m] = information[m, k]


@compiled
def _step(theta: Array, step: Array, size: int) -> bool:
    """Go a step, not too far at once; whether it was as good as none."""
    photons, sigma = theta[PHOTONS], theta[SIGMA]
    theta[X] += min(max(step[X], -0.5), 0.5)
    theta[Y] += min(max(step[Y], -0.5), 0.5)
    theta[PHOTONS] = min(max(photons + step[PHOTONS], 0.3 * photons), 3.0 * photons)
    theta[BACKGROUND] = max(theta[BACKGROUND] + step[BACKGROUND], 0.0)
    theta[SIGMA] = min(max(sigma + step[SIGMA], 0.75 * sigma), 1.33 * sigma)
    theta[X] = min(max(theta[X], -1.0), float(size))
    theta[Y] = min(max(theta[Y], -1.0), float(size))
    theta[PHOTONS] = max(theta[PHOTONS], 1.0)
    theta[SIGMA] = min(max(theta[SIGMA], 0.3), float(size))
    near: bool = (
        abs(step[X]) < _NEAR
        and abs(step[Y]) < _NEAR
        and abs(step[SIGMA]) < _NEAR
        and abs(step[PHOTONS]) < 10 * _NEAR * math.sqrt(photons)
    )
    return near


@compiled
def _has_left(theta: Array, size: int) -> bool:
    inside = -0.5 <= theta[X] <= size - 0.5 and -0.5 <= theta[Y] <= size - 0.5
    return not inside or theta[PHOTONS] <= 1.0 or not 0.3 < theta[SIGMA] < size


@compiled
def _ratio(square: Array, parts: Array, theta: Array, extra: float) -> float:
    """Twice the logarithm of the ratio of likelihoods of each pixel for itself and the model."""
    size, total = len(square), 0.0
    for j in range(size):
        peak = theta[PHOTONS] * parts[1, 0, j]
        for i in range(size):
            expected = max(peak * parts[0, 0, i] + theta[BACKGROUND] + extra, _FLOOR)
            seen = square[j, i] + extra
            total += expected - seen
            if seen > 0:
                total += seen * math.log(seen / expected)
    return 2.0 * total
