"""An analysis with a parameter of each kind, whose results are numbers, a curve, an image and a table."""

from __future__ import annotations

from typing import Any

import numpy as np

from beamloom import (
    ArrayParameter,
    BinaryParameter,
    BoolParameter,
    ChoiceParameter,
    Event,
    FileParameter,
    FloatParameter,
    GiveFeedback,
    IntParameter,
    PacketKind,
    Result,
    StrParameter,
)


class Worker:
    """Returns the first pixel of a picture, times ``gain``."""

    @staticmethod
    def describe_parameters() -> list[Any]:
        return [
            FloatParameter(
                name="gain", default=1.0, min=0.5, max=9.0, unit="counts", description="of the detector"
            ),
            IntParameter(name="step", default=1),
            BoolParameter(name="fast", default=False),
            StrParameter(name="sample", default="none"),
            ChoiceParameter(name="mode", default="sum", choices=["sum", "mean"]),
            ArrayParameter(name="band", default=[1, 2], element="int64", shape=(2,), unit="channel"),
            FileParameter(name="mask", description="pixels that count"),
            BinaryParameter(name="key"),
        ]

    def process_event(self, event: Event, parameters: Any) -> float | None:
        packet = event.streams["camera"]
        if packet.kind is not PacketKind.DATA:
            return None
        return float(packet.parse().data[0, 0]) * float(parameters["gain"])


class Reducer:
    """The sum of all, their number, a curve and an image of them; with each third result it says where to go next.

    One number has the name of a parameter, another one that of an array which panels are asked for.
    """

    feedback: GiveFeedback

    def __init__(self) -> None:
        self.publish: dict[str, Any] = {
            "total": 0.0,
            "sample": {"count": 0},
            "step": 0,
            "line": 0,
            "curve": np.zeros(16),
            "image": np.zeros((3, 4)),
            "seen": {"event": np.zeros(0, int), "brightness": np.zeros(0)},
        }

    def process_result(self, result: Result) -> None:
        self.publish["total"] += result.payload
        self.publish["sample"]["count"] += 1
        self.publish["curve"][result.event_number % 16] = result.payload
        self.publish["image"].flat[result.event_number % 12] += result.payload
        seen = self.publish["seen"]
        seen["event"] = np.append(seen["event"], result.event_number)
        seen["brightness"] = np.append(seen["brightness"], result.payload)
        if self.publish["sample"]["count"] % 3 == 0:
            self.feedback("next_position", x=self.publish["sample"]["count"])
