"""Results that are tables, as an NTTable of EPICS.

A table is a group of columns of one length, a structured array, or a list of rows with names. Columns are numbers, truth values or text.
The variable is typed by the columns that the result has: where these become others, it is closed, and opened with the new ones.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import numpy as np
from p4p import Value
from p4p.nt import NTTable
from p4p.server.thread import SharedPV

_CODES = {"b": "?", "i": "l", "u": "l", "f": "d", "U": "s"}
"""Type codes of EPICS by kinds of numpy."""


def columns_of(value: Any) -> dict[str, np.ndarray[Any, Any]]:
    """The columns of a result; empty where it is no table."""
    if isinstance(value, np.ndarray) and value.dtype.names:
        value = {name: value[name] for name in value.dtype.names}
    elif isinstance(value, list) and value and all(isinstance(row, Mapping) for row in value):
        value = {name: [row.get(name) for row in value] for name in value[0]}
    if not isinstance(value, Mapping):
        return {}
    columns = {}
    for name, one in value.items():
        try:
            column = np.asarray(one)
        except ValueError:
            continue  # rows of several lengths
        if column.dtype.kind == "O":
            column = column.astype(str)
        if column.ndim == 1 and column.dtype.kind in _CODES:
            columns[str(name)] = column
    return columns if len({len(column) for column in columns.values()}) == 1 else {}


class TableVariable:
    """A variable that is opened when there is a first table."""

    def __init__(self) -> None:
        self.variable = SharedPV()
        self._codes: list[tuple[str, str]] = []
        self._type: Any = None

    def show(self, columns: Mapping[str, np.ndarray[Any, Any]]) -> None:
        """Post these columns, all of one length."""
        codes = [(name, _CODES[column.dtype.kind]) for name, column in columns.items()]
        if codes == self._codes:
            self.variable.post(self._filled(columns))
            return
        if self._codes:
            self.variable.close()
        self._codes, self._type = codes, NTTable(columns=codes).type
        self.variable.open(self._filled(columns))

    def _filled(self, columns: Mapping[str, np.ndarray[Any, Any]]) -> Value:
        seconds, rest = divmod(time.time_ns(), 10**9)
        texts = {name for name, code in self._codes if code == "s"}
        return Value(
            self._type,
            {
                "labels": list(columns),
                "value": {
                    name: column.tolist() if name in texts else column for name, column in columns.items()
                },
                "timeStamp": {"secondsPastEpoch": seconds, "nanoseconds": rest},
            },
        )
