"""An analysis that looks for the peak of a scan, and says where it is as soon as the intensity has fallen to a half."""

from __future__ import annotations

import math
from typing import Any

from beamloom import BoolParameter, Event, GiveFeedback, PacketKind, Result

MOTORS = ("mot", "y", "sy")


class Worker:
    """Returns where a point was taken, and how bright its picture is; events without a point have a picture alone."""

    def process_event(self, event: Event) -> tuple[float | None, float] | None:
        camera = event.streams.get("camera")
        record = event.streams.get("sardana") or event.streams.get("contrast")
        if camera is None or camera.kind is not PacketKind.DATA:
            return None
        point = None if record is None or record.kind is not PacketKind.DATA else dict(record.parse())
        positions = [float(point[name]) for name in MOTORS if name in point] if point else [None]
        return positions[0], float(camera.parse().data[0, 0])


class Reducer:
    """The points, and the position of the peak: not a number as long as it is not known."""

    feedback: GiveFeedback

    def __init__(self) -> None:
        self._seen: dict[int, tuple[float | None, float]] = {}
        self.publish: dict[str, Any] = {"peak": math.nan, "points": 0, "frames": 0, "positions": []}

    @staticmethod
    def describe_parameters() -> list[Any]:
        return [
            BoolParameter(name="coarse", default=False, description="ask for a point at 77, and stop there")
        ]

    def process_result(self, result: Result, parameters: Any) -> None:
        self._seen[result.event_number] = result.payload
        in_order = [self._seen[event] for event in sorted(self._seen)]
        points = [(position, brightness) for position, brightness in in_order if position is not None]
        self.publish["frames"] = len(in_order)
        self.publish["points"] = len(points)
        self.publish["positions"] = [position for position, _ in points]
        if points and parameters["coarse"]:
            if len(points) == 1:
                self.feedback("next_position", mot=77.0)
            elif points[-1][0] == 77.0:
                self.feedback("stop", {"position": 5.0})
        elif points:
            peak, most = max(points, key=lambda point: point[1])
            if points[-1][1] < most / 2:
                self.publish["peak"] = peak
