"""Back-projection onto three slices: a point (x, y) of the sample is seen at angle a in column centre + x cos a + y sin a.

Own kernels: `docs/decisions` tells the measurement beside scikit-image. A slice is the sum over projections, each with its weight, in
the order in which they are given, so that the same projections give the same slice to the bit.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from beamloom.apps.compiled import compiled

Array = np.ndarray[Any, np.dtype[Any]]


@compiled("tomography")
def across(rows: Array, angles: Array, weights: Array, centre: float, out: Array) -> None:
    """Add the slice across the axis to ``out`` (y, x), of one row of each projection: ``rows`` (n, columns); ``angles`` in radians."""
    size, columns = out.shape[0], rows.shape[1]
    middle = (size - 1) / 2
    for index in range(len(angles)):
        cosine, sine = math.cos(angles[index]), math.sin(angles[index])
        weight, row = weights[index], rows[index]
        for line in range(size):
            at = centre + (line - middle) * sine - middle * cosine
            for place in range(size):
                if 0 <= at < columns - 1:
                    left = int(at)
                    share = at - left
                    out[line, place] += weight * (row[left] * (1 - share) + row[left + 1] * share)
                at += cosine


@compiled("tomography")
def along(
    projection: Array, angle: float, weight: float, centre: float, fixed: float, is_x: bool, out: Array
) -> None:
    """Add one projection to the slice along the axis at y = ``fixed``, over x, or with ``is_x`` at x = ``fixed``, over y.

    ``out`` is (row, place).
    """
    size, columns = out.shape[1], projection.shape[1]
    middle = (size - 1) / 2
    cosine, sine = math.cos(angle), math.sin(angle)
    for place in range(size):
        running = place - middle
        at = centre + (fixed * cosine + running * sine if is_x else running * cosine + fixed * sine)
        if 0 <= at < columns - 1:
            left = int(at)
            share = at - left
            for row in range(out.shape[0]):
                out[row, place] += weight * (
                    projection[row, left] * (1 - share) + projection[row, left + 1] * share
                )


def weights_of(angles: Array) -> Array:
    """The angle that each projection stands for, in radians (n,), of ``angles`` in radians: half the way to its neighbours on a half turn.

    As long as a part of the half turn is missing, no projection stands for more than twice the usual step.
    """
    if len(angles) < 2:
        return np.full(len(angles), math.pi)
    half_turn = np.mod(angles, math.pi)
    order = np.argsort(half_turn, kind="stable")
    ordered = half_turn[order]
    gaps = np.diff(ordered, append=ordered[0] + math.pi)
    weights = np.empty(len(angles))
    weights[order] = (gaps + np.roll(gaps, 1)) / 2
    return np.minimum(weights, 2 * np.median(gaps)) if np.median(gaps) > 0 else weights
