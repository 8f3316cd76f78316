"""Table: named values of each event, as columns."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import numpy as np

from beamloom.engine.ranges import RangeSet
from beamloom.results.types._account import Account, event_number, same_settings, same_type
from beamloom.results.types._nexus import Labels, nxdata
from beamloom.results.types._rows import EventRows, row_of


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
        self._account = Account()

    def add(self, event: int, value: Mapping[str, Any]) -> Self:
        """The values of an event by column; each a number, a text or an array.

        Raises ValueError for a second row of an event or a value of another shape, TypeError for Python objects.
        """
        number = event_number(event)
        if number in self._account.coverage:
            raise ValueError(f"event {number} has a row already; add one row for each event")
        rows = {str(name): row_of(one) for name, one in value.items()}
        columns = {name: self._columns.get(name) or self._column(name) for name in rows}
        for name, row in rows.items():
            columns[name].check(number, row)
        for name, row in rows.items():
            columns[name].add(number, row)
        self._columns.update(columns)
        self._account.enter(number)
        return self

    def _column(self, name: str) -> EventRows:
        return EventRows(self._fill.get(name), self.first)

    def check(self, other: Self) -> None:
        """Raises TypeError or ValueError where ``other`` cannot be merged into this."""
        same_type(self, other)
        same_settings(self, other, "first")
        for first, stop in other.coverage:
            if both := self.coverage.within(first, stop):
                raise ValueError(f"event {both[0][0]} has a row already; add one row for each event")
        for name, column in other._columns.items():
            (self._columns.get(name) or self._column(name)).check_merge(column)

    def merge(self, other: Self) -> Self:
        """Take the rows of ``other``. Raises as ``check`` does, and has changed nothing then."""
        self.check(other)
        self._units = {**other._units, **self._units}
        self._fill = {**other._fill, **self._fill}
        for name, column in other._columns.items():
            self._columns.setdefault(name, self._column(name)).merge(column)
        self._account.join(other._account)
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
        made._account = Account(map(tuple, state["coverage"].tolist()))
        return made
