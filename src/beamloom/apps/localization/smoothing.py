"""Gaussian smoothing of a frame, and the running median over frames, as kernels; edges continue with the pixels mirrored at them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from beamloom.apps.localization.compiled import compiled

Array = np.ndarray[Any, np.dtype[Any]]


def gaussian_taps(sigma: float) -> Array:
    """Weights of a Gaussian over whole pixels, of sum 1, cut at four standard deviations, float32, (2 r + 1,)."""
    reach = max(1, math.ceil(4 * sigma))
    taps = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
    weights: Array = (taps / taps.sum()).astype(np.float32)
    return weights


@compiled
def smoothed(image: Array, taps: Array) -> Array:
    """``image``, (rows, columns) float32, with each row and each column convolved with ``taps``."""
    rows, columns = image.shape
    reach = len(taps) // 2
    down = np.zeros((rows, columns + 2 * reach), np.float32)
    for row in range(rows):
        for k in range(len(taps)):
            at = _mirrored(row + k - reach, rows)
            weight = taps[k]
            for column in range(columns):
                down[row, reach + column] += weight * image[at, column]
        for k in range(reach):
            down[row, reach - 1 - k] = down[row, reach + _mirrored(-1 - k, columns)]
            down[row, reach + columns + k] = down[row, reach + _mirrored(columns + k, columns)]
    out = np.zeros((rows, columns), np.float32)
    for row in range(rows):
        for k in range(len(taps)):
            weight = taps[k]
            for column in range(columns):
                out[row, column] += weight * down[row, column + k]
    return out


@compiled
def _mirrored(at: int, size: int) -> int:
    while at < 0 or at >= size:
        if at < 0:
            at = -1 - at
        if at >= size:
            at = 2 * size - 1 - at
    return at


@compiled
def running_median(frames: Array, first: int, stop: int, reach: int) -> Array:
    """The median over frames i - ``reach`` to i + ``reach``, those that there are, for i from ``first`` to ``stop``.

    ``frames`` (n, rows, columns) float32; (stop - first, rows, columns) float32.
    """
    n, rows, columns = frames.shape
    out = np.empty((stop - first, rows, columns), np.float32)
    window = np.empty(2 * reach + 1, np.float32)
    for row in range(rows):
        for column in range(columns):
            size = 0
            begin = max(0, first - reach)
            end = begin
            for i in range(first, stop):
                while end < min(n, i + reach + 1):
                    size = _insert(window, size, frames[end, row, column])
                    end += 1
                while begin < i - reach:
                    size = _remove(window, size, frames[begin, row, column])
                    begin += 1
                middle = size // 2
                if size % 2:
                    out[i - first, row, column] = window[middle]
                else:
                    out[i - first, row, column] = np.float32(0.5) * (window[middle - 1] + window[middle])
    return out


@compiled
def _insert(window: Array, size: int, value: float) -> int:
    at = size
    while at > 0 and window[at - 1] > value:
        window[at] = window[at - 1]
        at -= 1
    window[at] = value
    return size + 1


@compiled
def _remove(window: Array, size: int, value: float) -> int:
    at = 0
    while window[at] != value:
        at += 1
    for k in range(at, size - 1):
        window[k] = window[k + 1]
    return size - 1
