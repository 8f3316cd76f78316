"""Table: named values of each event, as columns.

Rows that were just added are kept as they came, as long as all have the same names, types and shapes: a worker returns a table of one row
for each event, and columns of one row are mostly bookkeeping. They are put into the columns when somebody asks for these.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import numpy as np

from beamloom.engine.ranges import RangeSet
from beamloom.results.types._account import Account, event_number, same_settings, same_type
from beamloom.results.types._nexus import Labels, nxdata
from beamloom.results.types._rows import MOST_LOOSE, EventRows, row_of

_Kind = tuple[str | tuple[str, np.dtype[Any], tuple[int, ...]], ...]
"""Of a row: the names of its real numbers, and of all else the names with type and shape."""


class Table:
    """Columns by name, a row for each event: row n is event ``first`` + n, whichever order they come in.

    Events without a value in a column show its fill value there. ``units`` are those of the columns, by name.
    """

    def __init__(
        self, *, first: int = 0, units: Mapping[str, str] | None = None, fill: Mapping[str, Any] | None = None
    ) -> None:
        self.first = first
        self._units = dict(units or {})
        self._fill = dict(fill or {})
        self._columns: dict[str, EventRows] = {}
        self._loose: dict[int, dict[str, Any]] = {}
        self._kind: _Kind = ()
        """That of the loose rows; more of it go with the columns as well."""
        self._account = Account()

    def add(self, event: int, value: Mapping[str, Any]) -> Self:
        """The values of an event by column; each a number, a text or an array.

        Raises ValueError for a second row of an event or a value of another shape, TypeError for Python objects.
        """
        number = event_number(event)
        if number in self._account.coverage:
            raise ValueError(f"event {number} has a row already; add one row for each event")
        row, kind = _row_of(value)
        if kind != self._kind or number < self.first:
            self._place()
            self._check_row(number, row, kind)
            self._kind = kind
        self._loose[number] = row
        self._account.enter(number)
        if len(self._loose) >= MOST_LOOSE:
            self._place()
        return self

    def _check_row(self, number: int, row: Mapping[str, Any], kind: _Kind) -> None:
        if self._columns or self._fill or number < self.first or not all(type(one) is str for one in kind):
            for name, one in row.items():
                self._column(name).check(number, np.asarray(one))

    def _column(self, name: str) -> EventRows:
        """The column; a new one where there is none, which is not in the table yet."""
        return self._columns.get(name) or EventRows(self._fill.get(name), self.first)

    def _place(self) -> None:
        """Put loose rows into their columns."""
        if not self._loose:
            return
        events, loose = RangeSet(), self._loose
        rows = [loose[event] for event in sorted(loose)]
        for event in sorted(loose):
            events.add(event, event + 1)
        for name in rows[0]:
            column = self._columns[name] = self._column(name)
            column.take(events, np.array([row[name] for row in rows]))
        self._loose = {}

    def check(self, other: Self) -> None:
        """Raises TypeError or ValueError where ``other`` cannot be merged into this."""
        same_type(self, other)
        same_settings(self, other, "first")
        both = self.coverage.first_common(other.coverage)
        if both is not None:
            raise ValueError(f"event {both} has a row already; add one row for each event")
        if not self._has_loose_rows_of_the_same_kind(other):
            self._place()
            other._place()
            for name, column in other._columns.items():
                self._column(name).check_merge(column)

    def _has_loose_rows_of_the_same_kind(self, other: Self) -> bool:
        return self._kind == other._kind and not other._columns and self._fill == other._fill

    def merge(self, other: Self) -> Self:
        """Take the rows of ``other``. Raises as ``check`` does, and has changed nothing then."""
        self.check(other)
        if self._has_loose_rows_of_the_same_kind(other):
            self._loose |= other._loose
        else:
            self._fill = {**other._fill, **self._fill}
            for name, column in other._columns.items():
                self._columns[name] = self._column(name)
                self._columns[name].merge(column)
        self._units = {**other._units, **self._units}
        self._account.join(other._account)
        if len(self._loose) >= MOST_LOOSE:
            self._place()
        return self

    @property
    def coverage(self) -> RangeSet:
        """The events that are in."""
        return self._account.coverage

    @property
    def version(self) -> int:
        """Grows with every change."""
        return self._account.version

    def snapshot(self) -> dict[str, Any]:
        """An NXdata group with the columns, all of the same length, in the order of their names; the first one of numbers is the signal."""
        return self._account.snapshot(self._show)

    def _show(self) -> dict[str, Any]:
        self._place()
        names = sorted(self._columns)
        if not names:
            return {"_attrs": {"NX_class": "NXdata"}}
        length = self._length()
        datasets: dict[str, Any] = {}
        for name in names:
            datasets[name] = self._columns[name].snapshot(length)
            if units := self._units.get(name):
                datasets[f"{name}_attrs"] = {"units": units}
        numeric = [name for name in names if np.dtype(datasets[name].dtype).kind in "buif"]
        signal, *others = numeric or names[:1]
        group = nxdata(signal, Labels(), datasets)
        if others:
            group["_attrs"]["auxiliary_signals"] = others
        return group

    def _length(self) -> int:
        ranges = list(self.coverage)
        return ranges[-1][1] - self.first if ranges else 0

    def wire_state(self) -> dict[str, Any]:
        """What travels."""
        self._place()
        return {
            "first": self.first,
            "units": self._units,
            "fill": self._fill,
            "columns": {name: column.wire_state() for name, column in self._columns.items()},
            "coverage": self._account.ranges(),
        }

    @classmethod
    def from_wire_state(cls, state: dict[str, Any]) -> Self:
        """What has travelled."""
        made = cls(first=state["first"], units=state["units"], fill=state["fill"])
        made._columns = {name: EventRows.from_wire_state(column) for name, column in state["columns"].items()}
        made._account = Account.of(state["coverage"])
        return made


def _row_of(value: Mapping[str, Any]) -> tuple[dict[str, Any], _Kind]:
    """A row with its kind: real numbers as they are, all else as arrays."""
    if {float}.issuperset(map(type, value.values())) and {str}.issuperset(map(type, value)):
        return dict(value), tuple(value)
    row = {str(name): row_of(one) for name, one in value.items()}
    return row, tuple([(name, one.dtype, one.shape) for name, one in row.items()])
