"""The publish tree of a reducer, as its viewers see it."""

from beamloom.results.http import make_app, result_routes
from beamloom.results.selection import NothingSelected, SelectionError, select
from beamloom.results.snapshot import ResultsReader, Snapshot

__all__ = [
    "NothingSelected",
    "ResultsReader",
    "SelectionError",
    "Snapshot",
    "make_app",
    "result_routes",
    "select",
]
