"""An analysis that looks for the peak of a scan, and says where it is as soon as the intensity has fallen to a half."""

from __future__ import annotations

import math
from typing import Any

from beamloom import Event, PacketKind, Result


class Worker:
    """Returns where a point was taken, and how bright its picture is; events without a point have a picture alone."""

    def process_event(self, event: Event) -> tuple[float | None, float] | None:
        camera, record = event.streams.get("camera"), event.streams.get("sardana")
        if camera is None or camera.kind is not PacketKind.DATA:
            return None
        point = None if record is None or record.kind is not PacketKind.DATA else dict(record.parse())
        return (None if point is None else float(point["mot"])), float(camera.parse().data[0, 0])


class Reducer:
    """The points, and the position of the peak: not a number as long as it is not known."""

    def __init__(self) -> None:
        self._seen: dict[int, tuple[float | None, float]] = {}
        self.publish: dict[str, Any] = {"peak": math.nan, "points": 0, "frames": 0, "positions": []}

    def process_result(self, result: Result) -> None:
        self._seen[result.event_number] = result.payload
        in_order = [self._seen[event] for event in sorted(self._seen)]
        points = [(position, brightness) for position, brightness in in_order if position is not None]
        self.publish["frames"] = len(in_order)
        self.publish["points"] = len(points)
        self.publish["positions"] = [position for position, _ in points]
        if points:
            peak, most = max(points, key=lambda point: point[1])
            if points[-1][1] < most / 2:
                self.publish["peak"] = peak
