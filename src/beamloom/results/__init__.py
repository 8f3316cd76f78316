"""The publish tree of a reducer, as its viewers see it."""

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
