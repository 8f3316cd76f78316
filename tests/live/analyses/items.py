"""Which item of a generator each event got."""

from __future__ import annotations

from typing import Any

from beamloom import Event, Result
from beamloom.devices.generator import GeneratorItem


class Worker:
    """Returns the number of the item."""

    def process_event(self, event: Event) -> int | None:
        parsed = event.streams["camera"].parse()
        return parsed.number if isinstance(parsed, GeneratorItem) else None


class Reducer:
    """Publishes the numbers by event."""

    def __init__(self) -> None:
        self.publish: dict[str, Any] = {"items": {}}

    def process_result(self, result: Result) -> None:
        if result.payload is not None:
            self.publish["items"][result.event_number] = result.payload
