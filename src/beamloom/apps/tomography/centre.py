"""Where the axis of rotation lies: the column that it is seen in, by two ways that need no reconstruction."""

from __future__ import annotations

from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]


def centre_by_mass(angles: Array, positions: Array, masses: Array) -> float:
    """The column of the axis, of the centres of mass of projections: they go round it on a circle, which is seen as a sine.

    ``angles`` in radians, ``positions`` the columns of the centres of mass, ``masses`` the sums of the projections, (n,) each. The sample
    has to be seen whole. NaN for fewer than five projections or less than an eighth of a turn.
    """
    known = np.isfinite(angles) & np.isfinite(positions) & (masses > 0)
    angles, positions = angles[known], positions[known]
    if len(angles) < 5 or np.ptp(angles) < np.pi / 4:
        return float("nan")
    terms = np.column_stack([np.ones(len(angles)), np.cos(angles), np.sin(angles)])
    fitted, *_ = np.linalg.lstsq(terms, positions, rcond=None)
    return float(fitted[0])


def centre_by_pair(projection: Array, opposite: Array) -> float:
    """The column of the axis, of two projections half a turn apart: one is the other mirrored at the axis.

    By their cross-correlation along the rows, summed over all rows, and the parabola through its highest three values. The sample may
    reach beyond the edges.
    """
    columns = projection.shape[1]
    mirrored = opposite[:, ::-1]
    length = 2 * columns
    level = [image - image.mean(axis=1, keepdims=True) for image in (projection, mirrored)]
    one, other = (np.fft.rfft(image, length, axis=1) for image in level)
    correlation = np.fft.irfft((one * other.conj()).sum(axis=0), length)
    peak = int(np.argmax(correlation))
    before, at, after = (float(correlation[(peak + step) % length]) for step in (-1, 0, 1))
    bend = before - 2 * at + after
    shift: float = peak + (0.5 * (before - after) / bend if bend else 0.0)
    if shift > columns:
        shift -= length
    return float(columns - 1 + shift) / 2


def mass_of(projection: Array) -> tuple[float, float]:
    """The sum of a projection, and the column of its centre of mass; NaN where there is nothing."""
    profile = projection.sum(axis=0, dtype=np.float64)
    mass = float(profile.sum())
    return mass, float(profile @ np.arange(len(profile))) / mass if mass > 0 else float("nan")
