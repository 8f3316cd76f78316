"""An analysis that does a known amount of work."""

from __future__ import annotations

from typing import Any

from beamloom import Event, IntParameter, Result


class Worker:
    @staticmethod
    def describe_parameters() -> list[IntParameter]:
        return [IntParameter(name="factor", default=2, description="of each number")]

    def process_event(self, event: Event, parameters: Any) -> dict[str, int]:
        return {"number": parameters["factor"].value * int(bytes(event.streams["a"].frames[0]))}


class Parsing:
    def process_event(self, event: Event) -> float:
        return float(event.streams["a"].parse().data.mean())


class Numbers:
    """Parses whatever it gets."""

    def process_event(self, event: Event) -> int:
        return len([packet.parse() for packet in event.streams.values()])


class Wanting:
    """Needs a parameter."""

    def process_event(self, event: Event, parameters: Any) -> int:
        if bytes(parameters["wanted"].data) != b"yes":
            raise ValueError("the parameter has another value")
        return 1


class Failing:
    def process_event(self, event: Event) -> int:
        if event.event_number == 3:
            raise ValueError("three is too many")
        return event.event_number


class Reducer:
    def __init__(self) -> None:
        self.publish = {"sum": 0.0}

    def process_result(self, result: Result) -> None:
        payload = result.payload
        self.publish["sum"] += payload["number"] if isinstance(payload, dict) else payload

    def timer(self) -> float:
        return 0.5
