"""Append: one row for each event."""

from __future__ import annotations

from typing import Any, Self

from beamloom.engine.ranges import RangeSet
from beamloom.results.types._account import Account, event_number, same_settings, same_type
from beamloom.results.types._nexus import Labels, nxdata
from beamloom.results.types._rows import EventRows, row_of


class Append:
    """Rows by event number, in whichever order they come: row n is event ``first`` + n.

    Events that are not in show ``fill`` (NaN, NaT, 0 or an empty text unless given), and are missing in the coverage.
    """

    def __init__(self, *, fill: Any = None, first: int = 0, units: str = "", label: str = "") -> None:
        self._rows = EventRows(fill, first)
        self._labels = Labels(units, label)
        self._account = Account()

    def add(self, event: int, value: Any) -> Self:
        """The row of an event: a number, a text, or an array of the shape of all other rows.

        Raises ValueError for a second row of an event or one of another shape, TypeError for Python objects.
        """
        number, row = event_number(event), row_of(value)
        self._rows.check(number, row)
        self._rows.add(number, row)
        self._account.enter(number)
        return self

    def check(self, other: Self) -> None:
        """Raises TypeError or ValueError where ``other`` cannot be merged into this."""
        same_type(self, other)
        same_settings(self._rows, other._rows, "first")
        self._rows.check_merge(other._rows)

    def merge(self, other: Self) -> Self:
        """Take the rows of ``other``. Raises as ``check`` does, and has changed nothing then."""
        self.check(other)
        self._rows.merge(other._rows)
        self._labels = self._labels.or_those_of(other._labels)
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
        """An NXdata group with ``data``: one row for each event."""
        return self._account.snapshot(lambda: nxdata("data", self._labels, {"data": self._rows.snapshot()}))

    def wire_state(self) -> dict[str, Any]:
        """What travels."""
        return {"rows": self._rows.wire_state(), "labels": self._labels}

    @classmethod
    def from_wire_state(cls, state: dict[str, Any]) -> Self:
        """What has travelled."""
        made = cls()
        made._rows = EventRows.from_wire_state(state["rows"])
        made._labels = state["labels"]
        made._account = Account(made._rows.events)
        return made
