"""An analysis that counts how often each event is reduced."""

from __future__ import annotations

from typing import Any

from beamloom import Event, Result


class Worker:
    """Returns the number of the event."""

    def process_event(self, event: Event) -> int:
        return event.event_number


class Reducer:
    """Publishes how often each event came."""

    def __init__(self) -> None:
        self.publish: dict[str, Any] = {"times": {}}

    def process_result(self, result: Result) -> None:
        times = self.publish["times"]
        times[result.payload] = times.get(result.payload, 0) + 1
