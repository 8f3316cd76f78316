"""Rows by event number, in whichever order they come.

Rows that were just added are kept loose, so that a partial of a few events far into a run is as small as they are; they are put into
chunks when somebody reads, or when they have become many.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from beamloom.engine.ranges import RangeSet
from beamloom.results.chunked import FrozenArray, GrowingArray

MOST_LOOSE = 1024


class EventRows:
    """One row for each event, all of the same shape, in the data type that holds all of them.

    ``fill`` stands in the rows of events that are not in: by default NaN, NaT, 0 or an empty text. Row 0 is event ``first``.
    ``window``: only the rows of that many highest event numbers are kept.
    """

    def __init__(self, fill: Any = None, first: int = 0, window: int | None = None) -> None:
        self.events = RangeSet()
        self.fill = fill
        self.first = first
        self.window = window
        self.dtype: np.dtype[Any] | None = None
        self.row_shape: tuple[int, ...] = ()
        self._loose: dict[int, npt.NDArray[Any]] = {}
        self._placed: GrowingArray | None = None

    # ---- writing ----------------------------------------------------------------------------------------------------------

    def check(self, event: int, row: npt.NDArray[Any]) -> None:
        """Raises ValueError or TypeError where this row does not go with the others."""
        if event in self.events:
            raise ValueError(_twice(event))
        if event < self.first:
            raise ValueError(f"event {event} comes before the first row, which is event {self.first}")
        self._check_kind(row.dtype, row.shape)

    def add(self, event: int, row: npt.NDArray[Any]) -> None:
        """Take a row that was checked; it is not to be changed afterwards."""
        self.dtype = self._common(row.dtype)
        self.row_shape = row.shape
        self.events.add(event, event + 1)
        self._loose[event] = row
        if len(self._loose) >= MOST_LOOSE:
            self._place()

    def take(self, events: RangeSet, rows: npt.NDArray[Any]) -> None:
        """Take rows (n, *row_shape) that were checked, those of ``events`` in their order."""
        self.dtype = self._common(rows.dtype)
        self.row_shape = rows.shape[1:]
        numbers: list[int] = []
        for first, stop in events:
            self.events.add(first, stop)
            numbers += range(first, stop)
        self._loose.update(zip(numbers, rows, strict=True))
        if len(self._loose) >= MOST_LOOSE:
            self._place()

    def check_merge(self, other: EventRows) -> None:
        """Raises ValueError or TypeError where the rows of ``other`` do not go with these."""
        for first, stop in other.events:
            if both := self.events.within(first, stop):
                raise ValueError(_twice(both[0][0]))
        if other.dtype is not None:
            self._check_kind(other.dtype, other.row_shape)

    def merge(self, other: EventRows) -> None:
        """Take all rows of ``other``, which was checked."""
        if other.dtype is None:
            return
        self.dtype = self._common(other.dtype)
        self.row_shape = other.row_shape
        for first, stop in other.events:
            self.events.add(first, stop)
        events, values = other.kept()
        self._loose.update(zip(events.tolist(), values, strict=True))
        if len(self._loose) >= MOST_LOOSE:
            self._place()

    def _check_kind(self, dtype: np.dtype[Any], shape: tuple[int, ...]) -> None:
        if dtype.hasobject:
            raise TypeError(
                "a row of Python objects cannot be kept; make it a number, a text or an array of them"
            )
        if self.dtype is None:
            _fill_for(dtype, self.fill)
            return
        if shape != self.row_shape:
            raise ValueError(
                f"a row of shape {shape} does not go with rows of shape {self.row_shape}; give each shape a result of its own"
            )
        _fill_for(self._common(dtype), self.fill)

    def _common(self, dtype: np.dtype[Any]) -> np.dtype[Any]:
        if self.dtype is None or self.dtype == dtype:
            return dtype
        if (self.dtype.kind in "US") != (dtype.kind in "US"):
            raise TypeError(f"a row of {dtype} does not go with rows of {self.dtype}; add values of one kind")
        return np.result_type(self.dtype, dtype)

    # ---- reading ----------------------------------------------------------------------------------------------------------

    @property
    def start(self) -> int:
        """The event of the first row that is kept."""
        if self.window is None or not self.events:
            return self.first
        last = list(self.events)[-1][1]
        return max(self.first, last - self.window)

    def snapshot(self, length: int = 0) -> FrozenArray:
        """The rows from ``start`` on as they are now, at least ``length`` of them; without rows an empty array of numbers."""
        if self.dtype is None:
            return FrozenArray((), 1, 0, (0, *self.row_shape), np.dtype(np.float64))
        placed = self._place()
        placed.extend(self.start - self.first + length)
        return placed.snapshot()

    def kept(self) -> tuple[npt.NDArray[np.int64], npt.NDArray[Any]]:
        """Event numbers (n,) and rows (n, *row_shape) that are in, sorted by event."""
        start = self.start
        if self._placed is not None:
            rows = self._place().snapshot()
            ranges = self.events.within(start, start + len(rows))
            events = np.concatenate([np.arange(*one, dtype=np.int64) for one in ranges])
            return events, rows[events - start]
        wanted = sorted(event for event in self._loose if event >= start)
        values = np.empty((len(wanted), *self.row_shape), self.dtype or np.float64)
        for place, event in enumerate(wanted):
            values[place] = self._loose[event]
        return np.array(wanted, np.int64), values

    def _place(self) -> GrowingArray:
        placed, dtype = self._placed, self.dtype or np.dtype(np.float64)
        fill = _fill_for(dtype, self.fill)
        if placed is None:
            placed = GrowingArray(self.row_shape, dtype, fill)
        elif placed.dtype != dtype:
            placed = placed.converted(dtype, fill)
        placed.start_at(self.start - self.first)
        if self._loose:
            events = np.array(sorted(self._loose), np.int64)
            values = np.empty((len(events), *self.row_shape), dtype)
            for place, event in enumerate(events.tolist()):
                values[place] = self._loose[event]
            placed.place(events - self.first, values)
            self._loose = {}
        self._placed = placed
        return placed

    # ---- travelling -------------------------------------------------------------------------------------------------------

    def wire_state(self) -> dict[str, Any]:
        """The rows as plain values and arrays."""
        events, values = self.kept()
        return {
            "coverage": np.array(list(self.events), np.int64).reshape(-1, 2),
            "events": events,
            "values": None if self.dtype is None else values,
            "fill": self.fill,
            "first": self.first,
            "window": self.window,
        }

    @classmethod
    def from_wire_state(cls, state: dict[str, Any]) -> EventRows:
        """What ``wire_state`` described."""
        made = cls(state["fill"], state["first"], state["window"])
        values = state["values"]
        if values is not None:
            made.events = RangeSet(map(tuple, state["coverage"].tolist()))
            made.dtype, made.row_shape = values.dtype, values.shape[1:]
            made._loose = dict(zip(state["events"].tolist(), values, strict=True))
        return made


def row_of(value: Any) -> npt.NDArray[Any]:
    """The user's value as a row of its own."""
    return np.array(value)


def _twice(event: int) -> str:
    return (
        f"event {event} has a row already; add one row for each event, and where several workers see the event, let one of them"
        " return it"
    )


def _fill_for(dtype: np.dtype[Any], fill: Any) -> Any:
    """The fill value in a data type. Raises ValueError where it does not fit in."""
    if fill is None:
        return {"f": np.nan, "c": np.nan, "M": "NaT", "m": "NaT", "U": "", "S": b""}.get(
            dtype.kind, np.zeros((), dtype)[()]
        )
    given = np.asarray(fill)
    if not np.can_cast(np.min_scalar_type(fill), dtype, "same_kind") or (
        given.dtype.kind in "iuf" and dtype.kind in "iu" and given.astype(dtype) != given
    ):
        raise ValueError(
            f"the fill value {fill!r} does not fit into rows of {dtype}; choose another, or add other values"
        )
    return fill
