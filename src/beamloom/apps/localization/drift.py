"""Drift, found from the localizations themselves by redundant cross-correlation (Wang et al., Opt. Express 22 (2014) 15982).

The series is cut into segments of equal numbers of frames. An image of each is correlated with that of each other: where the
correlation is highest is how far the sample moved between them. From these distances, of which there are more than needed, the drift of
the segments follows by least squares; pairs that contradict the others are left out. Between the middles of segments drift is
interpolated along a straight line.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from beamloom.apps.localization.rendering import counted

Array = np.ndarray[Any, np.dtype[Any]]
_OUTLIER = 5.0
"""A pair is left out whose distance is so many median deviations from what the others say."""


def drift_of(table: Array, *, segments: int = 10, pixel: float = 20.0, reach: float = 1000.0) -> Array:
    """The drift of each frame from the first to the last of ``table``: x and y in nm, float64 (frames, 2).

    It is 0 in the middle of the first segment.
    ``pixel`` is that of the images that are correlated, and ``reach`` the farthest that a sample may move, both in nm.
    Raises ValueError for a table with too few frames or localizations.
    """
    first, last = int(table["frame"].min(initial=0)), int(table["frame"].max(initial=-1))
    count = last - first + 1
    if segments < 2 or count < 2 * segments:
        raise ValueError(
            f"{count} frames in {segments} segments do not tell a drift; give 2 segments or more, of 2 frames or more"
        )
    edges = np.linspace(first, last + 1, segments + 1)
    extent = (
        float(table["x"].min()) - pixel,
        float(table["x"].max()) + 2 * pixel,
        float(table["y"].min()) - pixel,
        float(table["y"].max()) + 2 * pixel,
    )
    owner = np.searchsorted(edges, table["frame"], side="right") - 1
    images = []
    for segment in range(segments):
        inside = table[owner == segment]
        if len(inside) < 10:
            raise ValueError(
                f"segment {segment} of {segments} has {len(inside)} localizations, which tell no drift; give fewer segments"
            )
        images.append(counted(inside, extent, pixel))
    steps = _solved(*_pairs(images, reach / pixel), segments) * pixel
    middles = 0.5 * (edges[:-1] + edges[1:]) - 0.5
    frames = np.arange(first, last + 1)
    return np.column_stack([_along(frames, middles, steps[:, axis]) for axis in (0, 1)])


def undrifted(table: Array, drift: Array) -> Array:
    """``table`` with the drift taken off; ``drift`` as ``drift_of`` returned it for a table with the same first frame."""
    moved = table.copy()
    index = table["frame"] - int(table["frame"].min(initial=0))
    moved["x"] -= drift[index, 0]
    moved["y"] -= drift[index, 1]
    return moved


def _pairs(images: list[Array], reach: float) -> tuple[Array, Array]:
    """The pairs of segments, (pairs, 2), and how far the second lies from the first along x and y in pixels, (pairs, 2)."""
    height, width = images[0].shape
    down, along = min(int(reach), height - 1), min(int(reach), width - 1)
    # Zeros as far as is looked: what wraps around lies beyond.
    padded = [_quick(height + down), _quick(width + along)]
    transforms = [np.fft.rfft2(image.astype(np.float64) - image.mean(), padded) for image in images]
    pairs, shifts = [], []
    for one in range(len(images)):
        for other in range(one + 1, len(images)):
            correlation = np.fft.irfft2(np.conj(transforms[one]) * transforms[other], padded)
            pairs.append((one, other))
            shifts.append(_peak(correlation, down, along))
    return np.array(pairs), np.array(shifts)


def _quick(size: int) -> int:
    """The next size that transforms are quick in: a multiple of 2, 3 and 5 alone."""
    while True:
        rest = size
        for prime in (2, 3, 5):
            while rest % prime == 0:
                rest //= prime
        if rest == 1:
            return size
        size += 1


def _peak(correlation: Array, down: int, along: int) -> tuple[float, float]:
    """Where the correlation is highest, x and y in pixels: the centre of what is above half of the highest around it."""
    rows = np.arange(-down, down + 1)
    columns = np.arange(-along, along + 1)
    near = correlation[np.ix_(rows, columns)]
    near = _blurred(_blurred(near).T).T
    row, column = np.unravel_index(int(near.argmax()), near.shape)
    reach = 4
    here = near[max(0, row - reach) : row + reach + 1, max(0, column - reach) : column + reach + 1]
    weight = np.maximum(here - here.max() / 2 - here.min() / 2, 0.0)
    y = rows[max(0, row - reach) : row + reach + 1]
    x = columns[max(0, column - reach) : column + reach + 1]
    total = weight.sum()
    if not total > 0:
        return float(columns[column]), float(rows[row])
    return float((weight.sum(axis=0) * x).sum() / total), float((weight.sum(axis=1) * y).sum() / total)


def _blurred(image: Array) -> Array:
    """Rows averaged with their neighbours, 1 4 6 4 1, so that the highest place is not that of one chance pair."""
    padded = np.pad(image, ((2, 2), (0, 0)), mode="edge")
    blurred: Array = (padded[:-4] + 4 * padded[1:-3] + 6 * padded[2:-2] + 4 * padded[3:-1] + padded[4:]) / 16
    return blurred


def _solved(pairs: Array, shifts: Array, segments: int) -> Array:
    """The drift of each segment from the first, (segments, 2), from that between pairs."""
    matrix = np.zeros((len(pairs), segments))
    matrix[np.arange(len(pairs)), pairs[:, 1]] = 1
    matrix[np.arange(len(pairs)), pairs[:, 0]] = -1
    matrix = matrix[:, 1:]
    kept = np.ones(len(pairs), bool)
    for _ in range(5):
        steps = np.linalg.lstsq(matrix[kept], shifts[kept], rcond=None)[0]
        off = np.hypot(*(matrix @ steps - shifts).T)
        within = off <= max(_OUTLIER * float(np.median(off)), 0.5)
        if np.array_equal(within, kept) or np.linalg.matrix_rank(matrix[within]) < segments - 1:
            break
        kept = within
    return np.vstack([np.zeros(2), steps])


def _along(frames: Array, middles: Array, steps: Array) -> Array:
    """Interpolated along straight lines; before the first middle and after the last the nearest line goes on."""
    line: Array = np.interp(frames, middles, steps)
    slope = (steps[1] - steps[0]) / (middles[1] - middles[0])
    line = np.where(frames < middles[0], steps[0] + slope * (frames - middles[0]), line)
    slope = (steps[-1] - steps[-2]) / (middles[-1] - middles[-2])
    return np.where(frames > middles[-1], steps[-1] + slope * (frames - middles[-1]), line)
