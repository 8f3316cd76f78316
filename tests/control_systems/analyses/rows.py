"""Publishes what each event of a scan says, as it came."""

from __future__ import annotations

from typing import Any

from beamloom import Event, PacketKind, Result


class Worker:
    def process_event(self, event: Event) -> dict[str, Any] | None:
        packet = event.streams["scan"]
        return dict(packet.parse()) if packet.kind is PacketKind.DATA else None


class Reducer:
    """``rows`` by event, in any order."""

    def __init__(self) -> None:
        self.publish: dict[str, Any] = {"rows": {}}

    def process_result(self, result: Result) -> None:
        if result.payload is not None:
            self.publish["rows"][result.event_number] = result.payload
