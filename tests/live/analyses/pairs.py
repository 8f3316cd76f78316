"""What two devices say of the number of each event: a camera in its picture, a PandABox in its counter."""

from __future__ import annotations

import time
from typing import Any

from beamloom import Event, PacketKind, Result


class QuickWorker:
    def process_event(self, event: Event) -> dict[str, int]:
        said = {}
        for stream, packet in event.streams.items():
            if packet.kind is PacketKind.DATA:
                parsed: Any = packet.parse()
                said[stream] = int(parsed.array.flat[0] if stream == "camera" else _counter(parsed))
        return said


class Worker(QuickWorker):
    def process_event(self, event: Event) -> dict[str, int]:
        time.sleep(0.0005)
        return super().process_event(event)


def _counter(row: Any) -> float:
    return float(row.values["COUNTER1.OUT.Value"])


class Reducer:
    def __init__(self) -> None:
        self.publish: dict[str, Any] = {"said": {}, "times": {}}

    def process_result(self, result: Result) -> None:
        event = result.event_number
        self.publish["said"][event] = result.payload
        self.publish["times"][event] = self.publish["times"].get(event, 0) + 1
