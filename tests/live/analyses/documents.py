"""Counts what scan software says, by kind of packet."""

from __future__ import annotations

from typing import Any

from beamloom import Event, Result


class Worker:
    def process_event(self, event: Event) -> dict[str, Any]:
        document = event.streams["scan"].parse()
        return {"kind": type(document).__name__, "row": dict(document)}


class Reducer:
    def __init__(self) -> None:
        self.publish: dict[str, Any] = {"kinds": {}, "rows": {}}

    def process_result(self, result: Result) -> None:
        self.publish["kinds"][result.event_number] = result.payload["kind"]
        row = result.payload["row"]
        self.publish["rows"][result.event_number] = row.get("data") or row.get("index")
