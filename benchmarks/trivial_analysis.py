"""The cheapest analysis that still returns a result for each event: what the pipeline itself costs."""

from __future__ import annotations

from typing import Any

from beamloom import Event, Result


class Worker:
    """Returns a small result for each event."""

    def process_event(self, event: Event) -> dict[str, int]:
        """The number of the event, and how many bytes it had."""
        return {"event": event.event_number, "bytes": sum(packet.nbytes for packet in event.streams.values())}


class Reducer:
    """Counts the results."""

    def __init__(self) -> None:
        self.publish: dict[str, Any] = {"results": 0, "bytes": 0}

    def process_result(self, result: Result) -> None:
        """One more."""
        self.publish["results"] += 1
        self.publish["bytes"] += result.payload["bytes"]
