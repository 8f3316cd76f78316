"""The processing class: found by its name, checked, and called as OM calls it, every argument by its name.

Nothing of OM is needed here, and nothing of it is imported: a class that has the methods will do. One that imports ``om`` itself needs it
installed, or these lines changed.
"""

from __future__ import annotations

import importlib
from typing import Any, Final

from beamloom import UserError
from beamloom.apps.om.monitor_parameters import MonitorParameters
from beamloom.apps.om.parameters import Node
from beamloom.errors import did_you_mean

METHODS: Final = (
    "initialize_processing_node",
    "initialize_collecting_node",
    "process_data",
    "wait_for_data",
    "collect_data",
    "end_processing_on_processing_node",
    "end_processing_on_collecting_node",
)


class OmClassError(UserError, TypeError):
    """A class that does not do what OM's processing classes do."""


class OmProcessing:
    """One instance of the class, on one node."""

    def __init__(self, name: str, configured: MonitorParameters, node: Node) -> None:
        """``name``: ``module:Class``. Raises OmClassError."""
        self._node = node._asdict()
        self._name = name
        cls = class_of(name)
        self._instance = cls(monitor_parameters=configured)

    def initialize_processing(self) -> None:
        """Tell the class that this node works."""
        self._instance.initialize_processing_node(**self._node)

    def initialize_collecting(self) -> None:
        """Tell the class that this node collects."""
        self._instance.initialize_collecting_node(**self._node)

    def process(self, data: dict[str, Any]) -> tuple[dict[str, Any], int]:
        """What the class makes of an event, and the rank that it says. Raises OmClassError for anything else."""
        answer = self._instance.process_data(**self._node, data=data)
        if not isinstance(answer, tuple | list) or len(answer) != 2 or not isinstance(answer[0], dict):
            raise OmClassError(
                f"process_data of {self._name} returned a {type(answer).__name__}; it should return a dictionary and the rank of the node"
            )
        return answer[0], int(answer[1])

    def end_processing(self) -> dict[str, Any] | None:
        """What is still to be sent at the end. Raises OmClassError for what is no dictionary."""
        last = self._instance.end_processing_on_processing_node(**self._node)
        if last is not None and not isinstance(last, dict):
            raise OmClassError(
                f"end_processing_on_processing_node of {self._name} returned a {type(last).__name__}; "
                "it should return a dictionary, or None"
            )
        return last

    def wait(self) -> None:
        """Nothing has come for a moment."""
        self._instance.wait_for_data(**self._node)

    def collect(self, message: dict[str, Any], rank: int) -> dict[int, dict[str, Any]]:
        """Take what a node sent; returns feedback by rank, 0 for all. Raises OmClassError for what is none."""
        feedback = self._instance.collect_data(**self._node, processed_data=(message, rank))
        if feedback is None:
            return {}
        if not isinstance(feedback, dict) or not all(
            isinstance(target, int) and isinstance(told, dict) for target, told in feedback.items()
        ):
            raise OmClassError(
                f"collect_data of {self._name} returned {feedback!r}; it should return None, or a dictionary for each rank"
            )
        return feedback

    def end_collecting(self) -> None:
        """All nodes have ended."""
        self._instance.end_processing_on_collecting_node(**self._node)

    @property
    def publish(self) -> dict[str, Any] | None:
        """The dictionary of what the class wants to be seen, where it has one; OM knows nothing of it."""
        published = getattr(self._instance, "publish", None)
        return published if isinstance(published, dict) else None


def class_of(name: str) -> type[Any]:
    """The class ``module:Class``. Raises OmClassError."""
    module, colon, cls = name.partition(":")
    if not colon or not module or not cls:
        raise OmClassError(
            f"processing_class is {name!r}; name the class as module:Class, such as processing_layer:MyProcessing"
        )
    try:
        found = getattr(importlib.import_module(module), cls, None)
    except ModuleNotFoundError as error:
        missing = (error.name or "").partition(".")[0]
        if missing == "om":
            raise OmClassError(
                f"the module {module!r} imports {error.name!r}, and OM is not installed here. Install it (ondamonitor), or take "
                "MonitorParameters from beamloom.apps.om, no base class, and peakfinder8 and geometry from "
                "beamloom.apps.crystallography"
            ) from error
        if missing == module.partition(".")[0]:
            raise OmClassError(
                f"there is no module {module!r}; it is looked for where the pipeline has its analysis"
            ) from None
        raise
    if not isinstance(found, type):
        raise OmClassError(f"the module {module!r} has no class {cls!r}")
    missing_methods = [method for method in METHODS if not callable(getattr(found, method, None))]
    if missing_methods:
        first = missing_methods[0]
        raise OmClassError(
            f"{name} has no method {first!r}{did_you_mean(first, vars(found))}; OM's processing classes have {', '.join(METHODS)}"
        )
    return found
