"""Arrays in the size in which they are shown: a screen has a few megapixels, and a page draws some of them ten times a second.

An array that has more elements along an axis than are asked for is taken in blocks, the last of which may be smaller; a block becomes its
mean, or its largest value, as which single bright pixels stay visible. Types become those that pages compute with: truth values and bytes
stay as they are, other integers up to 16 bits too, 64 bits become float64, everything else float32. Complex numbers show their magnitude.
"""

from __future__ import annotations

import io
from typing import Any, Literal, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from beamloom.results.selection import SelectionError

Array: TypeAlias = npt.NDArray[Any]


class Size(NamedTuple):
    """The size in which an array is to be shown."""

    most: tuple[int, ...] = ()
    """Elements along each of the last axes; axes before them stay as they are."""
    by: Literal["mean", "max"] = "mean"
    """What a block becomes."""

    @classmethod
    def asked(cls, most: str, by: str) -> Size:
        """As it is written in an address: ``600,800`` and ``max``. Raises SelectionError."""
        texts = [text.strip() for text in most.split(",")] if most.strip() else []
        if not all(text.isdigit() and 0 < int(text) < 2**31 for text in texts):
            raise SelectionError(
                f"most is a number from 1 for each of the last axes, as in 600,800, not {most[:40]!r}."
            )
        if by not in ("mean", "max"):
            raise SelectionError(f"by is mean or max, not {by[:40]!r}.")
        return cls(tuple(map(int, texts)), "max" if by == "max" else "mean")


def shown(part: Array, size: Size) -> Array:
    """``part`` in that size. Raises SelectionError for what is no array of numbers, or has fewer axes."""
    values = _as_numbers(part)
    first = values.ndim - len(size.most)
    if first < 0:
        raise SelectionError(
            f"the array has {values.ndim} axes, and sizes are given for {len(size.most)}; give fewer."
        )
    for axis, most in enumerate(size.most, first):
        step = -(-values.shape[axis] // most)
        if step > 1:
            values = _in_blocks(values, axis, step, size.by)
    return _as_shown(values)


def as_npy(values: Array) -> bytes:
    """The array as a file of numpy, row-major and little-endian."""
    file = io.BytesIO()
    little = values.dtype.newbyteorder("<")
    np.save(file, np.ascontiguousarray(values, little), allow_pickle=False)
    return file.getvalue()


def _as_numbers(part: Array) -> Array:
    if part.dtype.kind == "c":
        return np.abs(part)
    if part.dtype.kind not in "buif":
        raise SelectionError(
            f"an array of {part.dtype} cannot be shown as numbers; ask for it at /api/v1/result or as HDF5."
        )
    return part


def _in_blocks(values: Array, axis: int, step: int, by: str) -> Array:
    starts = np.arange(0, values.shape[axis], step)
    if by == "max":
        return np.maximum.reduceat(values, starts, axis=axis)
    wide = np.float64 if values.dtype.itemsize > 4 else np.float32
    sums = np.add.reduceat(values, starts, axis=axis, dtype=wide)
    counts = np.diff(np.append(starts, values.shape[axis]))
    across = [1] * values.ndim
    across[axis] = len(counts)
    quotient: Array = sums / counts.reshape(across).astype(wide)
    return quotient


def _as_shown(values: Array) -> Array:
    kind, size = values.dtype.kind, values.dtype.itemsize
    if kind == "b":
        return values.astype(np.uint8)
    if kind in "ui" and size <= 2:
        return values
    return values.astype(np.float64 if size >= 8 else np.float32)
