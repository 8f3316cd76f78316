"""Beamloom: live analysis of experiments.

Every name that an analysis needs is here. They are imported when they are first used, so that ``import beamloom`` costs nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from beamloom.analysis import (
        AnalysisError,
        FeedbackError,
        GiveFeedback,
        ReducerState,
        WorkerState,
        load_class,
    )
    from beamloom.client import Pipeline, connect
    from beamloom.detectors.geometry import Detector, Tile
    from beamloom.errors import (
        MapRefused,
        NoController,
        NotPublished,
        NotReachable,
        PipelineError,
        RequestRefused,
        RunAborted,
        TimedOut,
        UserError,
    )
    from beamloom.events import Event, Packet, PacketKind, Result
    from beamloom.parameters import (
        ArrayParameter,
        BinaryParameter,
        BoolParameter,
        ChoiceParameter,
        FileParameter,
        FloatParameter,
        IntParameter,
        Parameter,
        ParameterError,
        ParameterSet,
        ParameterValue,
        StrParameter,
    )
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
        merge_into,
    )
    from beamloom.triggermap import TriggerMap, TriggerMapError, VirtualWorker

__all__ = [
    "AnalysisError",
    "Append",
    "ArrayParameter",
    "BinaryParameter",
    "Bins",
    "BoolParameter",
    "ChoiceParameter",
    "Detector",
    "Event",
    "FeedbackError",
    "FileParameter",
    "FloatParameter",
    "GiveFeedback",
    "Histogram",
    "IntParameter",
    "Latest",
    "Map2D",
    "MapRefused",
    "Mean",
    "MergingReducer",
    "NoController",
    "NotPublished",
    "NotReachable",
    "Packet",
    "PacketKind",
    "Parameter",
    "ParameterError",
    "ParameterSet",
    "ParameterValue",
    "Pipeline",
    "PipelineError",
    "ReducerState",
    "RequestRefused",
    "Result",
    "ResultType",
    "RunAborted",
    "StrParameter",
    "Sum",
    "Table",
    "Tile",
    "TimedOut",
    "TriggerMap",
    "TriggerMapError",
    "UserError",
    "VirtualWorker",
    "Waterfall",
    "WorkerState",
    "connect",
    "load_class",
    "merge_into",
]

_ROOMS = {
    "beamloom.analysis": (
        "AnalysisError",
        "FeedbackError",
        "GiveFeedback",
        "ReducerState",
        "WorkerState",
        "load_class",
    ),
    "beamloom.client": ("Pipeline", "connect"),
    "beamloom.detectors.geometry": ("Detector", "Tile"),
    "beamloom.errors": (
        "MapRefused",
        "NoController",
        "NotPublished",
        "NotReachable",
        "PipelineError",
        "RequestRefused",
        "RunAborted",
        "TimedOut",
        "UserError",
    ),
    "beamloom.events": ("Event", "Packet", "PacketKind", "Result"),
    "beamloom.parameters": (
        "ArrayParameter",
        "BinaryParameter",
        "BoolParameter",
        "ChoiceParameter",
        "FileParameter",
        "FloatParameter",
        "IntParameter",
        "Parameter",
        "ParameterError",
        "ParameterSet",
        "ParameterValue",
        "StrParameter",
    ),
    "beamloom.results.types": (
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
        "merge_into",
    ),
    "beamloom.triggermap": ("TriggerMap", "TriggerMapError", "VirtualWorker"),
}
_HOMES = {name: room for room, names in _ROOMS.items() for name in names}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
