"""Waterfall: the spectra of the last events, one below the other."""

from __future__ import annotations

from typing import Any, Self

import numpy as np

from beamloom.engine.ranges import RangeSet
from beamloom.results.types._account import Account, event_number, frozen, same_settings, same_type
from beamloom.results.types._nexus import Labels, nxdata
from beamloom.results.types._rows import EventRows, row_of


class Waterfall:
    """One row for each of the ``rows`` highest event numbers, or for all events where ``rows`` is None.

    The window moves with the highest event; what is behind it is let go, whenever it comes. ``x`` is the axis of a row.
    """

    def __init__(
        self,
        rows: int | None = None,
        *,
        x: Any = None,
        x_units: str = "",
        x_label: str = "",
        fill: Any = None,
        units: str = "",
        label: str = "",
    ) -> None:
        if rows is not None and rows < 1:
            raise ValueError(
                f"a waterfall shows at least one row, not {rows}; leave rows out to keep all events"
            )
        self.rows = rows
        self._rows = EventRows(fill, 0, rows)
        self._x = None if x is None else frozen(np.array(x, np.float64))
        self._x_labels = Labels(x_units, x_label)
        self._labels = Labels(units, label)
        self._account = Account()

    def add(self, event: int, value: Any) -> Self:
        """The row of an event, (n,). Raises ValueError for a second row of an event or one of another shape."""
        number, row = event_number(event), row_of(value)
        if row.ndim != 1 or (self._x is not None and len(row) != len(self._x)):
            wanted = "(n,)" if self._x is None else self._x.shape
            raise ValueError(
                f"a row of a waterfall has the shape {wanted}, not {row.shape}; add one spectrum an event"
            )
        self._rows.check(number, row)
        self._rows.add(number, row)
        self._account.enter(number)
        return self

    def check(self, other: Self) -> None:
        """Raises TypeError or ValueError where ``other`` cannot be merged into this."""
        same_type(self, other)
        same_settings(self, other, "rows")
        self._rows.check_merge(other._rows)

    def merge(self, other: Self) -> Self:
        """Take the rows of ``other``. Raises as ``check`` does, and has changed nothing then."""
        self.check(other)
        self._rows.merge(other._rows)
        self._x = other._x if self._x is None else self._x
        self._x_labels = self._x_labels.or_those_of(other._x_labels)
        self._labels = self._labels.or_those_of(other._labels)
        self._account.join(other._account)
        return self

    @property
    def coverage(self) -> RangeSet:
        """The events that came in, also those that are no longer shown."""
        return self._account.coverage

    @property
    def version(self) -> int:
        """Grows with every change."""
        return self._account.version

    def snapshot(self) -> dict[str, Any]:
        """An NXdata group: ``data`` (rows, n) over ``event`` and, where it is known, ``x``."""
        return self._account.snapshot(self._show)

    def _show(self) -> dict[str, Any]:
        data = self._rows.snapshot()
        start = self._rows.start
        datasets: dict[str, Any] = {"data": data, "event": frozen(np.arange(start, start + len(data)))}
        if self._x is not None:
            datasets |= {"x": self._x, "x_attrs": self._x_labels.attributes()}
        axes = ["event", "x" if self._x is not None else "."] if data.ndim == 2 else []
        return nxdata("data", self._labels, datasets, axes)

    def wire_state(self) -> dict[str, Any]:
        """What travels."""
        return {
            "rows": self._rows.wire_state(),
            "x": self._x,
            "x_labels": self._x_labels,
            "labels": self._labels,
        }

    @classmethod
    def from_wire_state(cls, state: dict[str, Any]) -> Self:
        """What has travelled."""
        rows = EventRows.from_wire_state(state["rows"])
        made = cls(rows.window)
        made._rows = rows
        made._x = None if state["x"] is None else frozen(state["x"])
        made._x_labels, made._labels = state["x_labels"], state["labels"]
        made._account = Account(rows.events)
        return made
