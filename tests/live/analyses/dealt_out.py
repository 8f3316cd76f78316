"""An analysis whose reducer can be split: each result type merges, so that several leaves have a part each."""

from __future__ import annotations

import os
import time
from typing import Any

from beamloom import Event, PacketKind, Result
from beamloom.results.types import Append, Sum


class Worker:
    """The number that is in the picture."""

    def process_event(self, event: Event) -> int:
        packet = event.streams["camera"]
        return int(packet.parse().data.flat[0]) if packet.kind is PacketKind.DATA else 0


class Reducer:
    """How often each event was reduced, and the sum of all pictures; it takes its time."""

    def __init__(self) -> None:
        self.publish: dict[str, Any] = {"times": Append(fill=0), "sum": Sum(), "title": "dealt out"}

    def process_result(self, result: Result) -> None:
        time.sleep(0.001)
        event = result.event_number
        if result.payload:
            # Raises where the event is in already.
            self.publish["times"].add(event, 1)
            self.publish["sum"].add(event, result.payload)


class Counting:
    """Publishes a counter, which nobody can join."""

    def __init__(self) -> None:
        self.publish = {"count": 0}

    def process_result(self, result: Result) -> None:
        self.publish["count"] += 1


class Deadly(Reducer):
    """Ends its process with one result, whenever it gets that."""

    def process_result(self, result: Result) -> None:
        if result.event_number == 7:
            os._exit(9)
        super().process_result(result)
