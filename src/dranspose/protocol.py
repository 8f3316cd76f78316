"""The names of existing analyses for what their annotations and constructors use."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NewType

import msgspec

from beamloom.analysis import CodeVersion as BuildGitMeta
from beamloom.analysis import ReducerState, WorkerState
from beamloom.parameters import ParameterValue as WorkParameter
from beamloom.triggermap import VirtualWorker

StreamName = NewType("StreamName", str)
IngesterName = NewType("IngesterName", str)
WorkerName = NewType("WorkerName", str)
WorkerTag = NewType("WorkerTag", str)
ParameterName = NewType("ParameterName", str)
ZmqUrl = NewType("ZmqUrl", str)
HashDigest = NewType("HashDigest", str)
EventNumber = NewType("EventNumber", int)
VirtualConstraint = NewType("VirtualConstraint", int)

Parameters = Mapping[ParameterName, WorkParameter]
"""The parameters of a hook, by name."""

GENERIC_WORKER = WorkerTag("generic")


class IngesterState(msgspec.Struct, frozen=True, kw_only=True):
    """An ingester, as a worker's state may list it."""

    name: str
    url: str = ""
    streams: tuple[str, ...] = ()


__all__ = [
    "GENERIC_WORKER",
    "BuildGitMeta",
    "EventNumber",
    "HashDigest",
    "IngesterName",
    "IngesterState",
    "ParameterName",
    "Parameters",
    "ReducerState",
    "StreamName",
    "VirtualConstraint",
    "VirtualWorker",
    "WorkParameter",
    "WorkerName",
    "WorkerState",
    "WorkerTag",
    "ZmqUrl",
]
