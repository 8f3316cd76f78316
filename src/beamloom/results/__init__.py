"""The publish tree of a reducer, as its viewers see it, and the result types that go into it.

Names are imported when they are first used: a worker that returns a sum does not need what serves results over HTTP.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from beamloom.late_imports import late_names

if TYPE_CHECKING:
    from beamloom.results.http import make_app, result_routes
    from beamloom.results.selection import NothingSelected, SelectionError, select
    from beamloom.results.snapshot import ResultsReader, Snapshot
    from beamloom.results.types import (
        Append,
        Bins,
        Histogram,
        Latest,
        Map2D,
        Mean,
        MergingReducer,
        ResultType,
        Sum,
        Table,
        Waterfall,
        is_result_type,
        merge_into,
    )

__all__ = [
    "Append",
    "Bins",
    "Histogram",
    "Latest",
    "Map2D",
    "Mean",
    "MergingReducer",
    "NothingSelected",
    "ResultType",
    "ResultsReader",
    "SelectionError",
    "Snapshot",
    "Sum",
    "Table",
    "Waterfall",
    "is_result_type",
    "make_app",
    "merge_into",
    "result_routes",
    "select",
]

_ROOMS = {
    "http": (
        "make_app",
        "result_routes",
    ),
    "selection": (
        "NothingSelected",
        "SelectionError",
        "select",
    ),
    "snapshot": (
        "ResultsReader",
        "Snapshot",
    ),
    "types": (
        "Append",
        "Bins",
        "Histogram",
        "Latest",
        "Map2D",
        "Mean",
        "MergingReducer",
        "ResultType",
        "Sum",
        "Table",
        "Waterfall",
        "is_result_type",
        "merge_into",
    ),
}
_HOMES = {name: room for room, names in _ROOMS.items() for name in names}

__getattr__, __dir__ = late_names(__name__, _HOMES)
