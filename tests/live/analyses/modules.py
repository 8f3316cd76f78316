"""An analysis of a detector whose modules are streams of their own: it tells what their frames look like."""

from __future__ import annotations

from typing import Any

from beamloom import Event, PacketKind, Result


class Worker:
    """Returns the frame of the detector, and what is missing in it; None where it starts or ends."""

    def process_event(self, event: Event) -> Any:
        jungfrau = event.streams["jungfrau"].parse()
        if jungfrau.packet_kind is not PacketKind.DATA:
            return None
        return {"frame": jungfrau.array, "missing": list(jungfrau.missing), "number": jungfrau.frame}


class Reducer:
    """Publishes all that by event, and how often each event was reduced."""

    def __init__(self) -> None:
        self.publish: dict[str, dict[int, Any]] = {"frames": {}, "times": {}}

    def process_result(self, result: Result) -> None:
        event = result.event_number
        self.publish["frames"][event] = result.payload
        self.publish["times"][event] = self.publish["times"].get(event, 0) + 1
