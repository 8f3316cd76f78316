"""Beamloom: live analysis of experiments.

Every name that an analysis needs is here. They are imported when they are first used, so that ``import beamloom`` costs nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from beamloom.late_imports import late_names

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
    "analysis": (
        "AnalysisError",
        "FeedbackError",
        "GiveFeedback",
        "ReducerState",
        "WorkerState",
        "load_class",
    ),
    "client": ("Pipeline", "connect"),
    "detectors.geometry": ("Detector", "Tile"),
    "errors": (
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
    "events": ("Event", "Packet", "PacketKind", "Result"),
    "parameters": (
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
    "results.types": (
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
    "triggermap": ("TriggerMap", "TriggerMapError", "VirtualWorker"),
}
_HOMES = {name: room for room, names in _ROOMS.items() for name in names}

__getattr__, __dir__ = late_names(__name__, _HOMES)
