"""An analysis whose workers merge what they return: the sum of all pictures, and the index of each."""

from __future__ import annotations

import time
from typing import Any

from beamloom import Append, Event, FloatParameter, PacketKind, Parameter, ParameterSet, Sum
from beamloom.results import MergingReducer


class Worker:
    """The first pixel of a picture is its index in the series."""

    combine = True

    @staticmethod
    def describe_parameters() -> list[Parameter]:
        return [FloatParameter(name="takes", min=0, unit="s", description="time that each event takes")]

    def process_event(self, event: Event, parameters: ParameterSet) -> dict[str, Any] | None:
        packet = event.streams["camera"]
        if packet.kind is not PacketKind.DATA:
            return None
        time.sleep(float(parameters["takes"]))
        picture = packet.parse().data
        return {
            "powder": Sum(units="counts").add(event.event_number, picture),
            "index": Append(first=1).add(event.event_number, picture[0, 0]),
        }


class Reducer(MergingReducer):
    """Publishes both, and of how many events each result was."""

    def __init__(self) -> None:
        super().__init__()
        self.publish["sizes"] = []

    def process_result(self, result: Any) -> None:
        super().process_result(result)
        self.publish["sizes"].append(len(result.events))
