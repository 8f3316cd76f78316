"""Publishes what each event of a scan says, as it came, and says to an event what the script has for it."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

from beamloom import Event, GiveFeedback, PacketKind, Parameter, Result, StrParameter


class Worker:
    """Waits with event ``gated`` until the file ``gate`` is there."""

    @staticmethod
    def describe_parameters() -> list[Parameter]:
        return [
            StrParameter(name="gate", default="", description="a file"),
            StrParameter(name="gated", default="", description="number of an event"),
        ]

    def process_event(self, event: Event, parameters: Any) -> dict[str, Any] | None:
        packet = event.streams["scan"]
        while str(event.event_number) == parameters["gated"] and not Path(str(parameters["gate"])).exists():
            time.sleep(0.01)
        return dict(packet.parse()) if packet.kind is PacketKind.DATA else None


class Reducer:
    """``rows`` by event, in any order."""

    feedback: GiveFeedback

    @staticmethod
    def describe_parameters() -> list[Parameter]:
        return [StrParameter(name="script", default="{}", description="kinds and payloads by event, as JSON")]

    def __init__(self) -> None:
        self.publish: dict[str, Any] = {"rows": {}}

    def process_result(self, result: Result, parameters: Any) -> None:
        if result.payload is not None:
            self.publish["rows"][result.event_number] = result.payload
        for kind, payload in json.loads(str(parameters["script"])).get(str(result.event_number), []):
            self.feedback(kind, payload)
