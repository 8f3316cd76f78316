"""Classes whose calls fail, as users write them."""

from __future__ import annotations

import threading
from typing import Any

from beamloom import Event, IntParameter, Parameter, ParameterSet, Result


class Worker:
    """Raises at the event that a parameter names; knows what it has seen."""

    @staticmethod
    def describe_parameters() -> list[Parameter]:
        return [IntParameter(name="fails_at", default=17)]

    def __init__(self) -> None:
        self.seen: list[int] = []

    def process_event(self, event: Event, parameters: ParameterSet, tick: bool = False) -> dict[str, Any]:
        self.seen.append(event.event_number)
        if event.event_number == int(parameters["fails_at"]):
            packet = event.streams["camera"]
            raise ValueError(f"{packet.frames!r} {packet.number} {packet.kind} {tick} {self.seen}")
        return {"seen": list(self.seen)}


class Locked(Worker):
    """Holds what no pickle can."""

    def __init__(self) -> None:
        super().__init__()
        self.lock = threading.Lock()


class Returning:
    """Returns what no result can carry."""

    def process_event(self, event: Event) -> object:
        return object()


class Reducer:
    """Raises at the event that a parameter names."""

    def __init__(self) -> None:
        self.total = 0

    def process_result(self, result: Result) -> None:
        self.total += result.payload["value"]
        if result.event_number == 17:
            raise KeyError(f"{result.worker} {result.payload} {self.total}")


class Counting:
    """A worker class whose end of the run fails, with what it has seen."""

    def __init__(self) -> None:
        self.seen = 0

    def process_event(self, event: Event) -> int:
        self.seen += 1
        return self.seen

    def finish(self) -> None:
        raise RuntimeError(f"{self.seen} events cannot be closed")


class Timed:
    """A reducer class of which no hook goes well that belongs to no event."""

    def __init__(self) -> None:
        self.count = 0

    def process_result(self, result: Result) -> None:
        self.count += 1

    def timer(self) -> float:
        raise LookupError(f"no timer at {self.count}")

    def finish(self, parameters: ParameterSet) -> None:
        raise ZeroDivisionError(f"no end at {self.count}, gain {parameters['gain']}")

    @staticmethod
    def describe_parameters() -> list[Parameter]:
        return [IntParameter(name="gain", default=3)]
