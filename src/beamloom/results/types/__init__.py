"""Result types: what a reducer puts into ``publish`` instead of writing it again."""

from beamloom.results.types._bins import Bins
from beamloom.results.types.append import Append
from beamloom.results.types.histogram import Histogram
from beamloom.results.types.latest import Latest
from beamloom.results.types.map2d import Map2D
from beamloom.results.types.mean import Mean
from beamloom.results.types.merging import MergingReducer, merge_into
from beamloom.results.types.protocol import ResultType, is_result_type
from beamloom.results.types.sum import Sum
from beamloom.results.types.table import Table
from beamloom.results.types.waterfall import Waterfall

__all__ = [
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
]
