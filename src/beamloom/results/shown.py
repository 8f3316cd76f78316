"""Arrays in the size in which they are shown: a screen has a few megapixels, and a page draws some of them ten times a second.

An array that has more elements along an axis than are asked for is taken in blocks, the last of which may be smaller; a block becomes its
mean, or its largest value, as which single bright pixels stay visible. What is not a number (NaN) counts in neither, unless nothing else is
there. Types become those that pages compute with: integers up to 32 bits stay as they are, truth values become bytes, 64 bits float64,
everything else float32. Times are counts of their unit. Complex numbers show their magnitude, or the part that is asked for.
"""

from __future__ import annotations

from typing import Any, Literal, NamedTuple, TypeAlias, cast

import numpy as np
import numpy.typing as npt

from beamloom.results.selection import SelectionError

Array: TypeAlias = npt.NDArray[Any]
MOST_PASSES = 32
"""Elements of a block along one axis up to which it is gone through place by place."""
By: TypeAlias = Literal["mean", "max"]
Part: TypeAlias = Literal["abs", "real", "imag", "phase"]


class Size(NamedTuple):
    """The size in which an array is to be shown."""

    most: tuple[int, ...] = ()
    """Elements along each of the last axes; axes before them stay as they are."""
    by: By = "mean"
    """What a block becomes."""
    part: Part = "abs"
    """What is shown of complex numbers; the phase is in radians."""

    @classmethod
    def asked(cls, most: str, by: str, part: str = "abs") -> Size:
        """As it is written in an address: ``600,800``, ``max`` and ``phase``. Raises SelectionError."""
        texts = [text.strip() for text in most.split(",")] if most.strip() else []
        if not all(text.isdecimal() and len(text) < 20 and 0 < int(text) < 2**31 for text in texts):
            raise SelectionError(
                f"most is a number from 1 for each of the last axes, as in 600,800, not {most[:40]!r}."
            )
        if by not in ("mean", "max"):
            raise SelectionError(f"by is mean or max, not {by[:40]!r}.")
        if part not in ("abs", "real", "imag", "phase"):
            raise SelectionError(f"part is abs, real, imag or phase, not {part[:40]!r}.")
        return cls(tuple(map(int, texts)), cast(By, by), cast(Part, part))


def shown(part: Array, size: Size) -> Array:
    """``part`` in that size, row-major and little-endian. Raises SelectionError for what is no array of numbers, or has fewer axes."""
    values = _as_numbers(part, size)
    first = values.ndim - len(size.most)
    if first < 0:
        raise SelectionError(
            f"the array has {values.ndim} axes, and sizes are given for {len(size.most)}; give fewer."
        )
    starts = {}
    for axis, most in enumerate(size.most, first):
        step = -(-values.shape[axis] // most)
        if step > 1:
            starts[axis] = np.arange(0, values.shape[axis], step)
    if starts:
        values = _largest(values, starts) if size.by == "max" else _mean(values, starts)
    values = _as_shown(values)
    return np.asarray(values, values.dtype.newbyteorder("<"), order="C")


Starts: TypeAlias = dict[int, npt.NDArray[np.intp]]
"""By axis, where its blocks begin."""


def _as_numbers(part: Array, size: Size) -> Array:
    if part.dtype.kind == "c":
        match size.part:
            case "real" | "imag":
                of: Array = getattr(part, size.part)
                return of
            case "phase":
                return np.angle(part)
        return np.abs(part)
    if part.dtype.kind in "mM":
        return np.where(np.isnat(part), np.nan, part.astype(np.int64).astype(np.float64))
    if part.dtype.kind not in "buif":
        raise SelectionError(
            f"an array of {part.dtype} cannot be shown as numbers; ask for it at /api/v1/elements, /api/v1/result or as HDF5."
        )
    return part


def _largest(values: Array, starts: Starts) -> Array:
    larger = np.fmax if values.dtype.kind == "f" else np.maximum
    for axis, begins in starts.items():
        step = int(begins[1]) if len(begins) > 1 else values.shape[axis]
        if step > MOST_PASSES:
            values = larger.reduceat(values, begins, axis=axis)
            continue
        # One pass for each place in a block is thirty times as fast as reduceat, which goes from block to block.
        along = np.moveaxis(values, axis, 0)
        found = along[::step].copy()
        for place in range(1, step):
            others = along[place::step]
            larger(found[: len(others)], others, out=found[: len(others)])
        values = np.moveaxis(found, 0, axis)
    return values


def _mean(values: Array, starts: Starts) -> Array:
    wide = np.float64 if values.dtype.itemsize > 4 else np.float32
    missing = np.isnan(values) if values.dtype.kind == "f" else None
    if missing is None or not missing.any():
        counts: Any = 1
        for axis, begins in starts.items():
            across = [1] * values.ndim
            across[axis] = len(begins)
            counts = counts * np.diff(np.append(begins, values.shape[axis])).reshape(across)
    else:
        values = np.where(missing, 0, values)
        counts = _sums(~missing, starts, np.int64)
    with np.errstate(invalid="ignore", over="ignore"):
        quotient: Array = _sums(values, starts, wide) / np.asarray(counts, wide)
    return quotient


def _sums(values: Array, starts: Starts, dtype: Any) -> Array:
    for axis, begins in starts.items():
        values = np.add.reduceat(values, begins, axis=axis, dtype=dtype)
    return values


def _as_shown(values: Array) -> Array:
    kind, size = values.dtype.kind, values.dtype.itemsize
    if kind == "b":
        return values.astype(np.uint8)
    if kind in "ui" and size <= 4:
        return values
    with np.errstate(over="ignore"):
        return values.astype(np.float64 if size >= 8 else np.float32)
