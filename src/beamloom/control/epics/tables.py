"""Results that are tables, as an NTTable of EPICS.

A table is a group of columns of one length, a structured array, or a list of rows with names. Columns are numbers, truth values or text.
The variable is typed by the columns that the result has: where these become others, it is closed, and opened with the new ones. Its labels
are the names of the columns; its fields, of which EPICS takes letters, digits and ``_`` alone, are like them.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from p4p import Value
from p4p.nt import NTTable
from p4p.server.thread import SharedPV

from beamloom.texts import encodable

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
        names = _field_names(columns)
        codes = [(names[name], _CODES[column.dtype.kind]) for name, column in columns.items()]
        if codes == self._codes:
            self.variable.post(self._filled(columns, names))
            return
        if self._codes:
            self.variable.close()
        self._codes, self._type = codes, NTTable(columns=codes).type
        self.variable.open(self._filled(columns, names))

    def _filled(self, columns: Mapping[str, np.ndarray[Any, Any]], names: Mapping[str, str]) -> Value:
        seconds, rest = divmod(time.time_ns(), 10**9)
        return Value(
            self._type,
            {
                "labels": list(map(encodable, columns)),
                "value": {
                    names[name]: list(map(encodable, column.tolist())) if column.dtype.kind == "U" else column
                    for name, column in columns.items()
                },
                "timeStamp": {"secondsPastEpoch": seconds, "nanoseconds": rest},
            },
        )


def _field_names(labels: Iterable[str]) -> dict[str, str]:
    """A name for each column, no two alike."""
    names: dict[str, str] = {}
    for label in labels:
        like = re.sub(r"[^A-Za-z0-9_]", "_", label)
        like = like if re.match(r"[A-Za-z_]", like) else f"_{like}"
        name, number = like, 1
        while name in names.values():
            number += 1
            name = f"{like}_{number}"
        names[label] = name
    return names
