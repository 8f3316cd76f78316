"""A growing array for results that arrive out of order."""

from __future__ import annotations

from typing import Any

import numpy as np

Rows = np.ndarray[Any, np.dtype[Any]]


class IncrementalBuffer:
    """Rows by index, in one array that grows as they come; rows that are missing hold ``filler_value``.

    The first row decides the shape of all of them and the dtype, which widens where a later row needs it. As an array the buffer
    ends with the highest row so far; with ``no_gaps``, before the first row that is missing. The array has room for
    ``initial_rows`` and grows by ``grow_factor``.
    """

    def __init__(
        self, initial_rows: int = 16, grow_factor: float = 2, filler_value: Any = 0, no_gaps: bool = False
    ) -> None:
        if initial_rows < 1 or grow_factor < 1:
            raise ValueError(
                f"a buffer needs at least 1 row and a factor of at least 1, not {initial_rows} and {grow_factor}"
            )
        self._initial_rows = initial_rows
        self._grow_factor = grow_factor
        self._filler = filler_value
        self._no_gaps = no_gaps
        self._arr: Rows | None = None
        self._rows = 0
        self._next_missing = 0
        self._seen: set[int] = set()

    def add_entry(self, index: int, data: Any) -> None:
        """Put a row at ``index``, in place of one that may be there. Raises ValueError where its shape is not that of the others."""
        index, row = int(index), np.asarray(data)
        if index < 0:
            raise IndexError(f"row {index} cannot be added: rows are counted from 0")
        array = self._with_room(index, row)
        if row.shape != array.shape[1:]:
            raise ValueError(
                f"row {index} has shape {row.shape}, but the rows before it have {array.shape[1:]}"
            )
        array[index] = row
        self._arr = array
        self._rows = max(self._rows, index + 1)
        if index >= self._next_missing:
            self._seen.add(index)
        while self._next_missing in self._seen:
            self._seen.remove(self._next_missing)
            self._next_missing += 1

    def has_entry(self, index: int) -> bool:
        """Whether the row at ``index`` has come."""
        return 0 <= index < self._next_missing or index in self._seen

    def is_empty(self) -> bool:
        """Whether no row has come."""
        return self._arr is None

    def preview(self) -> Rows:
        """All rows up to the highest, with ``filler_value`` in the gaps, also where ``no_gaps`` hides them."""
        return np.empty(0) if self._arr is None else self._arr[: self._rows]

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape as an array."""
        shape: tuple[int, ...] = self._visible().shape
        return shape

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the elements; float64 as long as the buffer is empty."""
        return self._visible().dtype

    def __len__(self) -> int:
        return len(self._visible())

    def __getitem__(self, key: Any) -> Any:
        return self._visible()[key]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Rows:
        return np.array(self._visible(), dtype=dtype) if copy else np.asarray(self._visible(), dtype=dtype)

    def _visible(self) -> Rows:
        return self.preview()[: self._next_missing] if self._no_gaps else self.preview()

    def _with_room(self, index: int, row: Rows) -> Rows:
        """The array, large enough for a row at ``index`` and wide enough for its elements."""
        old = self._arr
        rows = self._initial_rows if old is None else len(old)
        while rows <= index:
            rows = max(rows + 1, int(rows * self._grow_factor))
        shape = row.shape if old is None else old.shape[1:]
        dtype = (
            np.result_type(row.dtype, self._filler) if old is None else np.result_type(old.dtype, row.dtype)
        )
        if old is not None and rows == len(old) and dtype == old.dtype:
            return old
        grown: Rows = np.full((rows, *shape), self._filler, dtype)
        if old is not None:
            grown[: len(old)] = old
        return grown
