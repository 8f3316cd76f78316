"""Large arrays in blocks, so that no single step of saving takes long."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from beamloom.results.arrays import ArrayLike, element_kind

BLOCK_BYTES = 4 * 1024 * 1024
"""About what is written at once: the interpreter's lock is held while HDF5 takes it over."""


def blocks_of(values: ArrayLike) -> Iterator[tuple[int | slice, ...]]:
    """Keys that select all of ``values``, each about a block or one row of the last axis."""
    shape, size = values.shape, max(1, values.dtype.itemsize)
    if not shape or math.prod(shape) * size <= BLOCK_BYTES:
        yield ()
        return
    yield from _blocks(shape, size)


def _blocks(shape: tuple[int, ...], size: int) -> Iterator[tuple[int | slice, ...]]:
    row_bytes = math.prod(shape[1:]) * size
    if row_bytes > BLOCK_BYTES and len(shape) > 1:
        for row in range(shape[0]):
            for rest in _blocks(shape[1:], size):
                yield (row, *rest)
        return
    rows = max(1, BLOCK_BYTES // max(1, row_bytes))
    for start in range(0, shape[0], rows):
        yield (slice(start, min(shape[0], start + rows)),)


def block_of(values: ArrayLike, key: tuple[int | slice, ...]) -> npt.NDArray[Any]:
    """The part of ``values`` that a key of ``blocks_of`` selects, of the same data type."""
    part = np.asarray(values[key] if key else values[...])
    if part.dtype.kind == "O" and part.dtype.metadata is None and element_kind(values.dtype) is not None:
        part = part.astype(values.dtype)
    return part


def chunk_shape(shape: tuple[int, ...], size: int, most_bytes: int = 1024 * 1024) -> tuple[int, ...]:
    """The shape of chunks of at most about ``most_bytes``, as long as possible in the last axes."""
    chunk = list(shape)
    for axis in range(len(shape)):
        others = math.prod(chunk[axis + 1 :]) * size
        chunk[axis] = max(1, min(shape[axis], most_bytes // max(1, others)))
        if chunk[axis] > 1:
            break
    return tuple(max(1, length) for length in chunk)
