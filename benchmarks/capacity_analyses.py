"""Analyses that take next to nothing, 1 ms and 10 ms of a processor for an event."""

from __future__ import annotations

import time

from beamloom import Event, Result


def _work(seconds: float) -> None:
    """Keep a processor busy for so long."""
    until = time.thread_time() + seconds
    while time.thread_time() < until:
        pass


class Trivial:
    def process_event(self, event: Event) -> dict[str, int]:
        return {"number": event.event_number}


class OneMillisecond:
    def process_event(self, event: Event) -> dict[str, int]:
        _work(0.001)
        return {"number": event.event_number}


class TenMilliseconds:
    def process_event(self, event: Event) -> dict[str, int]:
        _work(0.01)
        return {"number": event.event_number}


class Adding:
    def __init__(self) -> None:
        self.publish = {"sum": 0}

    def process_result(self, result: Result) -> None:
        self.publish["sum"] += result.payload["number"]
