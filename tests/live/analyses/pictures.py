"""An analysis that tells what it was given: which pictures came together, how often, with which parameters, by whom.

The first pixel of a picture is its index in the series, so that what was paired wrongly shows.
"""

from __future__ import annotations

import time
from typing import Any

from beamloom import (
    BoolParameter,
    Event,
    FloatParameter,
    IntParameter,
    PacketKind,
    Parameter,
    ParameterSet,
    Result,
    StrParameter,
    WorkerState,
)


def _named(events: str, event: int) -> bool:
    return str(event) in events.split()


class Worker:
    """Returns the index of the picture of each stream, None for a stream that starts or ends."""

    @staticmethod
    def describe_parameters() -> list[Parameter]:
        return [
            IntParameter(name="gain", default=1),
            StrParameter(name="fails_at", description="events at which process_event raises"),
            BoolParameter(name="refuses", description="whether __init__ raises"),
            FloatParameter(name="takes", min=0, unit="s", description="time that each event takes"),
        ]

    def __init__(self, parameters: ParameterSet, context: dict[str, Any], state: WorkerState) -> None:
        if parameters["refuses"]:
            raise ValueError("the mask does not fit the detector")
        self.name = state.name
        self.saw_start = False

    def process_event(self, event: Event, parameters: ParameterSet) -> dict[str, Any]:
        self.saw_start = self.saw_start or event.event_number == 0
        if parameters["takes"] > 0:
            time.sleep(float(parameters["takes"]))
        if _named(str(parameters["fails_at"]), event.event_number):
            raise ZeroDivisionError(f"no light in event {event.event_number}")
        pictures = {
            stream: int(packet.parse().data[0, 0]) if packet.kind is PacketKind.DATA else None
            for stream, packet in event.streams.items()
        }
        return {"pictures": pictures, "gain": int(parameters["gain"]), "saw_start": self.saw_start}


class Reducer:
    """Publishes all that by event, and how often each event was reduced."""

    @staticmethod
    def describe_parameters() -> list[Parameter]:
        return [
            StrParameter(name="reduce_fails_at", description="events at which process_result raises"),
        ]

    def __init__(self) -> None:
        self.publish: dict[str, dict[Any, Any]] = {
            "times": {},
            "pictures": {},
            "gain": {},
            "epoch": {},
            "worker": {},
            "saw_start": {},
            "finished": {},
        }

    def process_result(self, result: Result, parameters: ParameterSet) -> None:
        event = result.event_number
        if _named(str(parameters["reduce_fails_at"]), event):
            raise KeyError(f"no place for event {event}")
        tree = self.publish
        tree["times"][event] = tree["times"].get(event, 0) + 1
        tree["pictures"][event] = result.payload["pictures"]
        tree["gain"][event] = result.payload["gain"]
        tree["epoch"][event] = result.epoch
        tree["worker"][event] = result.worker
        tree["saw_start"][result.worker] = result.payload["saw_start"]

    def finish(self) -> None:
        self.publish["finished"]["called"] = self.publish["finished"].get("called", 0) + 1
