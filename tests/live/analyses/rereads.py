"""What the packets of files and of a generator say of their own numbers."""

from __future__ import annotations

import time
from typing import Any

from beamloom import Event, PacketKind, Result


class Worker:
    def process_event(self, event: Event) -> dict[str, int]:
        said = {}
        for stream, packet in event.streams.items():
            if packet.kind is PacketKind.DATA:
                parsed: Any = packet.parse()
                said[stream] = int(parsed.number if stream == "made" else parsed.array.flat[0])
        time.sleep(0.001)
        return said


class Reducer:
    def __init__(self) -> None:
        self.publish: dict[str, Any] = {"said": {}, "times": {}}

    def process_result(self, result: Result) -> None:
        event = result.event_number
        self.publish["said"][event] = result.payload
        self.publish["times"][event] = self.publish["times"].get(event, 0) + 1
