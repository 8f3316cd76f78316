"""From counts to what the sample has absorbed along each ray, on fewer and larger pixels if need be."""

from __future__ import annotations

from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]
_LEAST = 1e-6
"""Transmissions below it, and negative ones, are taken for it: dead pixels have no absorption beyond 14."""


def absorption(
    frame: Array, *, dark: Array | None = None, flat: Array | None = None, air: int = 0, factor: int = 1
) -> Array:
    """-ln of the transmission, float32, averaged over ``factor`` x ``factor`` pixels before the logarithm.

    The transmission is (frame - dark) / (flat - dark); without a flat image it is relative to 1 count, and with ``air`` to the mean over as
    many columns at both edges, row by row, which levels out a beam that changes. Rows and columns that fill no whole pixel at the
    end are left out.
    """
    lit = binned(frame, factor)
    if dark is not None:
        lit = lit - binned(dark, factor)
    if flat is not None:
        full = binned(flat, factor)
        lit = lit / np.maximum(full if dark is None else full - binned(dark, factor), _LEAST)
    if air:
        edge = max(1, air // factor)
        beside = np.concatenate([lit[:, :edge], lit[:, -edge:]], axis=1).mean(axis=1, keepdims=True)
        lit = lit / np.maximum(beside, _LEAST)
    absorbed: Array = -np.log(np.maximum(lit, _LEAST))
    return absorbed.astype(np.float32)


def binned(image: Array, factor: int) -> Array:
    """Means over ``factor`` x ``factor`` pixels, float64; of an image of fewer rows over all of these."""
    if factor == 1:
        return image.astype(np.float64)
    down = min(factor, image.shape[0])
    height, width = image.shape[0] // down, image.shape[1] // factor
    whole = image[: height * down, : width * factor]
    # Rows first: whole numbers are summed as such, over memory as it lies.
    kind = np.float64 if image.dtype.kind == "f" else np.int64
    rows = np.add.reduce(whole.reshape(height, down, -1), axis=1, dtype=kind)
    means: Array = rows.reshape(height, width, factor).sum(axis=2) / (down * factor)
    return means


def factor_for(width: int, most: int) -> int:
    """By how much frames of this width are binned to have ``most`` columns at most."""
    return max(1, -(-width // most))
