"""What a client selects of a dataset, and reading just that.

A selection is ``[a:b, a:b:step, n, [n, n, ...], :, ...]``, one entry for each axis from the first; axes without an entry are
taken whole. A single number keeps its axis, with length 1. Several lists are taken together, element by element, as numpy does. Points are
one position each, a row of numbers.
"""

from __future__ import annotations

import re
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from beamloom.results.arrays import ArrayLike
from beamloom.results.selection import SelectionError

Axis: TypeAlias = slice | list[int]

_ENTRY = re.compile(r"\s*(\[[^\[\]]*\]|[^,\[\]]+)\s*(,|$)")


def parse_select(text: str | None, shape: tuple[int, ...]) -> tuple[Axis, ...]:
    """The selection of each axis. Raises SelectionError for one that is malformed or does not fit the shape."""
    entries = entries_of(text, len(shape))
    return tuple(
        _axis(entry, axis, length) for axis, (entry, length) in enumerate(zip(entries, shape, strict=True))
    )


def entries_of(text: str | None, rank: int) -> list[str]:
    """What a selection has for each of ``rank`` axes. Raises SelectionError for one that is malformed or has too many."""
    return _with_all_axes([] if text is None else _entries(text), rank, text)


def read_selection(values: ArrayLike, text: str | None) -> npt.NDArray[Any]:
    """The selected part; nothing else is read. Raises SelectionError."""
    key = parse_select(text, values.shape)
    lists = [entry for entry in key if isinstance(entry, list)]
    if len({len(entry) for entry in lists} - {1}) > 1:
        raise SelectionError(
            f"the selection {text} has lists of different lengths; give lists of one length, or slices."
        )
    return np.asarray(values[key if key else ...])


def read_points(values: ArrayLike, points: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """The elements at ``points``, an array of integers of the shape (number of points, number of axes). Raises SelectionError."""
    if points.ndim != 2 or points.shape[1] != len(values.shape) or not values.shape:
        raise SelectionError(
            f"points of a dataset of shape {values.shape} are rows of {len(values.shape)} numbers each; send one row for each point."
        )
    for axis, length in enumerate(values.shape):
        outside = (points[:, axis] < 0) | (points[:, axis] >= length)
        if outside.any():
            raise SelectionError(
                f"point {points[outside][0].tolist()} is outside of the shape {values.shape}; ask for the shape again, it may have changed."
            )
    return np.asarray(values[tuple(points[:, axis].astype(np.intp) for axis in range(points.shape[1]))])


def _entries(text: str) -> list[str]:
    inner = text.strip()
    if inner.startswith("[") and inner.endswith("]"):
        inner = inner[1:-1]
    entries = []
    position = 0
    while position < len(inner):
        entry = _ENTRY.match(inner, position)
        if entry is None:
            raise _malformed(text)
        entries.append(entry[1].strip())
        position = entry.end()
    return entries


def _with_all_axes(entries: list[str], rank: int, text: str | None) -> list[str]:
    full = list(entries)
    if "..." in full:
        place = full.index("...")
        full[place : place + 1] = [":"] * (rank - len(full) + 1)
    full += [":"] * (rank - len(full))
    if len(full) > rank:
        raise SelectionError(
            f"the selection {text} has {len(entries)} entries and the dataset {rank} axes; give at most one for each."
        )
    return full


def _axis(text: str, axis: int, length: int) -> Axis:
    try:
        if text.startswith("["):
            positions = [int(number) for number in text[1:-1].split(",") if number.strip()]
            for position in positions:
                _check(0 <= position < length, text, axis, length)
            return positions
        if ":" not in text:
            position = int(text)
            _check(0 <= position < length, text, axis, length)
            return slice(position, position + 1)
        bounds = [int(bound) if bound.strip() else None for bound in text.split(":")]
    except ValueError as error:
        raise _malformed(text) from error
    if len(bounds) > 3:
        raise _malformed(text)
    start, stop, step = bounds + [None] * (3 - len(bounds))
    if step is not None and step < 1:
        raise SelectionError(f"the step of {text} is not positive; give one of 1 or more, as for h5py.")
    start, stop = 0 if start is None else start, length if stop is None else stop
    _check(0 <= start <= length and 0 <= stop <= length, text, axis, length)
    return slice(start, stop, step)


def _check(inside: bool, entry: str, axis: int, length: int) -> None:
    if not inside:
        raise SelectionError(
            f"{entry} is outside of axis {axis}, which has the length {length}; ask for the shape again, it may have changed."
        )


def _malformed(text: str) -> SelectionError:
    return SelectionError(
        f"the selection {text} is malformed; write for each axis a number, start:stop, start:stop:step or a list, like [0:4,7,[1,3]]."
    )
