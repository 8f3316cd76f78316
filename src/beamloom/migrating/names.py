"""The names of dranspose, and what Beamloom calls the same."""

from __future__ import annotations

from typing import Final

PARAMETERS: Final = (
    "BinaryParameter",
    "BoolParameter",
    "FileParameter",
    "FloatParameter",
    "IntParameter",
    "StrParameter",
)
RENAMED: Final[dict[tuple[str, str], tuple[str, str]]] = {
    ("dranspose.event", "EventData"): ("beamloom", "Event"),
    ("dranspose.event", "StreamData"): ("beamloom", "Packet"),
    ("dranspose.event", "ResultData"): ("beamloom", "Result"),
    ("dranspose.protocol", "WorkParameter"): ("beamloom", "ParameterValue"),
    ("dranspose.protocol", "WorkerState"): ("beamloom", "WorkerState"),
    ("dranspose.protocol", "ReducerState"): ("beamloom", "ReducerState"),
    ("dranspose.protocol", "VirtualWorker"): ("beamloom", "VirtualWorker"),
    **{("dranspose.parameters", name): ("beamloom", name) for name in PARAMETERS},
    ("dranspose.parameters", "ParameterBase"): ("beamloom", "Parameter"),
}
"""Names that are the same objects."""
KEPT: Final = (
    "dranspose.data",
    "dranspose.event",
    "dranspose.helpers",
    "dranspose.middlewares",
    "dranspose.parameters",
    "dranspose.protocol",
)
"""Modules that Beamloom brings under their names; ``dranspose.replay`` too, which tests call."""
