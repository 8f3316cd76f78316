"""Arrays that grow by rows while others read them.

The rows lie in chunks. A snapshot is the list of the chunks as they are: it costs one reference a chunk, whatever the size, and never
changes, because a chunk that a snapshot holds is copied before it is written to. So a growing array of a million rows can be published
between any two results, and what is read of it is read in place.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

CHUNK_BYTES = 256 * 1024
"""About the size of a chunk: what is copied at most when one row is written after a snapshot."""

Array = npt.NDArray[Any]


class GrowingArray:
    """Rows that are written in any order; those never written hold the fill value."""

    def __init__(self, row_shape: tuple[int, ...], dtype: np.dtype[Any], fill: Any) -> None:
        self.row_shape = row_shape
        self.dtype = dtype
        self._fill = fill
        self._per_chunk = max(1, CHUNK_BYTES // max(1, dtype.itemsize * math.prod(row_shape)))
        self._blank = _read_only(np.full((self._per_chunk, *row_shape), fill, dtype))
        self._chunks: list[Array] = []
        self._owned: list[bool] = []
        self._first_chunk = 0
        self._start = 0
        self._stop = 0

    def place(self, rows: npt.NDArray[np.int64], values: Array) -> None:
        """Write ``values`` (n, *row_shape) to ``rows`` (n,), which are sorted; rows before the start are let go."""
        from_start = int(np.searchsorted(rows, self._start))
        rows, values = rows[from_start:], values[from_start:]
        if not len(rows):
            return
        self.extend(int(rows[-1]) + 1)
        chunks = rows // self._per_chunk
        cuts = [0, *(np.flatnonzero(np.diff(chunks)) + 1).tolist(), len(rows)]
        for begin, end in pairwise(cuts):
            number = int(chunks[begin])
            chunk = self._writable(number - self._first_chunk)
            chunk[rows[begin:end] - number * self._per_chunk] = values[begin:end]

    def extend(self, stop: int) -> None:
        """There are rows up to ``stop``."""
        self._stop = max(self._stop, stop)
        missing = -(-self._stop // self._per_chunk) - self._first_chunk - len(self._chunks)
        if missing > 0:
            self._chunks += [self._blank] * missing
            self._owned += [False] * missing

    def start_at(self, start: int) -> None:
        """Rows before ``start`` are no longer wanted, now and later."""
        if start <= self._start:
            return
        self._start = start
        self._stop = max(self._stop, start)
        gone = start // self._per_chunk - self._first_chunk
        del self._chunks[:gone], self._owned[:gone]
        self._first_chunk += gone

    def snapshot(self) -> FrozenArray:
        """The rows from the start on, as they are now."""
        self.extend(self._stop)
        self._owned = [False] * len(self._chunks)
        offset = self._start - self._first_chunk * self._per_chunk
        shape = (self._stop - self._start, *self.row_shape)
        return FrozenArray(tuple(self._chunks), self._per_chunk, offset, shape, self.dtype)

    def converted(self, dtype: np.dtype[Any], fill: Any) -> GrowingArray:
        """The same rows as another data type."""
        other = GrowingArray(self.row_shape, dtype, fill)
        other.start_at(self._start)
        values = np.asarray(self.snapshot())
        other.place(np.arange(self._start, self._stop, dtype=np.int64), values.astype(dtype))
        return other

    def _writable(self, place: int) -> Array:
        if not self._owned[place]:
            self._chunks[place] = self._chunks[place].copy()
            self._owned[place] = True
        return self._chunks[place]


class FrozenArray:
    """An array in chunks that never changes; indexed like a numpy array, and pickled as one."""

    def __init__(
        self,
        chunks: Sequence[Array],
        per_chunk: int,
        offset: int,
        shape: tuple[int, ...],
        dtype: np.dtype[Any],
    ) -> None:
        """``chunks`` hold ``per_chunk`` rows each; the array begins at row ``offset`` of the first."""
        self._chunks = chunks
        self._per_chunk = per_chunk
        self._offset = offset
        self.shape = shape
        self.dtype = dtype

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """Number of elements."""
        return math.prod(self.shape)

    @property
    def nbytes(self) -> int:
        """Size of all elements, in bytes."""
        return self.size * self.dtype.itemsize

    def is_same(self, other: FrozenArray) -> bool:
        """Whether ``other`` is made of the same chunks, and so holds the same; chunks are not read."""
        return (
            (self.shape, self.dtype, self._offset) == (other.shape, other.dtype, other._offset)
            and len(self._chunks) == len(other._chunks)
            and all(map(operator.is_, self._chunks, other._chunks))
        )

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, key: Any, /) -> Any:
        """A part, by numpy's rules; views of the chunks are read-only. Raises IndexError as numpy does."""
        if isinstance(key, str) or (isinstance(key, list) and key and isinstance(key[0], str)):
            fields = tuple(chunk[key] for chunk in self._chunks)
            field = np.empty(0, self.dtype)[key]
            shape = (*self.shape, *field.shape[1:])
            return FrozenArray(fields, self._per_chunk, self._offset, shape, field.dtype)
        keys = key if isinstance(key, tuple) else (key,)
        if any(map(_is_exotic, keys)):
            return np.asarray(self)[key]
        first, rest = self._split(keys)
        plain = all(_is_plain(one) for one in rest)
        if isinstance(first, slice):
            rows = range(*first.indices(len(self)))
            if plain:
                return self._sliced(rows, rest)
            return self._sliced(rows, ())[(slice(None), *rest)]
        if _is_plain(first):
            row = self._row_number(first)
            if plain:
                return self._in_row(row, rest)
            return self._sliced(range(row, row + 1), ())[(0, *rest)]
        wanted = np.asarray(first)
        if wanted.dtype == bool:
            if len(wanted) != len(self):
                raise IndexError(
                    f"boolean index did not match indexed array along axis 0; size of axis is {len(self)} "
                    f"but size of corresponding boolean axis is {len(wanted)}"
                )
            wanted = np.flatnonzero(wanted)
        elif wanted.size == 0:
            wanted = wanted.astype(np.intp)
        numbers, places = np.unique(self._row_numbers(wanted), return_inverse=True)
        return self._gathered(numbers)[(places.reshape(wanted.shape), *rest)]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        """All of it."""
        whole = self._sliced(range(len(self)), ())
        if dtype is not None and np.dtype(dtype) != self.dtype:
            whole = whole.astype(dtype)
        if copy is False and whole.flags.owndata:
            raise ValueError("an array in chunks cannot be made one without a copy")
        return whole.copy() if copy and not whole.flags.owndata else whole

    def __reduce_ex__(self, protocol: Any) -> Any:
        return np.asarray(self).__reduce_ex__(protocol)

    def __repr__(self) -> str:
        return f"FrozenArray(shape={self.shape}, dtype={self.dtype})"

    def _split(self, keys: tuple[Any, ...]) -> tuple[Any, tuple[Any, ...]]:
        """The key of the first axis, and those of the others."""
        given = [one for one in keys if one is not Ellipsis]
        if len(given) > self.ndim:
            raise IndexError(
                f"too many indices for array: array is {self.ndim}-dimensional, but {len(given)} were indexed"
            )
        if len(keys) - len(given) > 1:
            raise IndexError("an index can only have a single ellipsis ('...')")
        if not keys:
            return slice(None), ()
        if keys[0] is not Ellipsis:
            return keys[0], keys[1:]
        if len(given) == self.ndim:
            return given[0], tuple(given[1:])
        return slice(None), keys

    def _row_number(self, given: Any) -> int:
        row = operator.index(given)
        if not -len(self) <= row < len(self):
            raise IndexError(f"index {row} is out of bounds for axis 0 with size {len(self)}")
        return row % len(self)

    def _row_numbers(self, given: Array) -> Array:
        if given.dtype.kind not in "iu":
            raise IndexError("arrays used as indices must be of integer (or boolean) type")
        wrong = given[(given < -len(self)) | (given >= len(self))]
        if wrong.size:
            raise IndexError(f"index {wrong.flat[0]} is out of bounds for axis 0 with size {len(self)}")
        return np.where(given < 0, given + len(self), given).astype(np.int64)

    def _in_row(self, row: int, rest: tuple[Any, ...]) -> Any:
        # Of a row and of its part at once: an element that is text would take the second index for one of its own.
        chunk, place = divmod(row + self._offset, self._per_chunk)
        return _read_only(self._chunks[chunk][(place, *rest)])

    def _sliced(self, rows: range, rest: tuple[Any, ...]) -> Array:
        """The rows of a range, and of each the part ``rest``, which holds numbers and slices."""
        if rows.step < 0:
            return self._sliced(rows[::-1], rest)[::-1]
        pieces: list[Array] = []
        at = 0
        while at < len(rows):
            number, place = divmod(rows[at] + self._offset, self._per_chunk)
            count = min(len(rows) - at, -(-(self._per_chunk - place) // rows.step))
            piece = self._chunks[number][place : place + (count - 1) * rows.step + 1 : rows.step]
            pieces.append(piece[(slice(None), *rest)])
            at += count
        if len(pieces) == 1:
            only: Array = _read_only(pieces[0])
            return only
        if not pieces:
            return np.empty((0, *self.shape[1:]), self.dtype)[(slice(None), *rest)]
        # By itself it would turn them to the byte order of this machine, and the type that was told would not be theirs.
        return np.concatenate(pieces, dtype=pieces[0].dtype)

    def _gathered(self, rows: Array) -> Array:
        """The rows of these sorted numbers, as a new array."""
        found = np.empty((len(rows), *self.shape[1:]), self.dtype)
        at = rows + self._offset
        chunks = at // self._per_chunk
        cuts = np.searchsorted(chunks, np.arange(len(self._chunks) + 1)).tolist()
        for number, (begin, end) in enumerate(pairwise(cuts)):
            if begin < end:
                found[begin:end] = self._chunks[number][at[begin:end] - number * self._per_chunk]
        return found


def _is_plain(key: Any) -> bool:
    """Whether a key is a number, a slice or an ellipsis, and not an array of them."""
    return isinstance(key, slice | int | np.integer) or key is Ellipsis


def _is_exotic(key: Any) -> bool:
    """Whether a key adds axes or selects over several: too rare to be read in place."""
    if key is None or isinstance(key, bool | np.bool_):
        return True
    if isinstance(key, list | tuple | np.ndarray):
        given = np.asarray(key)
        return given.dtype.kind == "b" and given.ndim != 1
    return False


def _read_only(part: Any) -> Any:
    if isinstance(part, np.ndarray):
        part = part.view()
        part.flags.writeable = False
    return part
