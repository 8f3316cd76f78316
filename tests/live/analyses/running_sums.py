"""An analysis whose results depend on all events of their constraint before."""

from __future__ import annotations

import time

from beamloom import Event, FloatParameter, Parameter, ParameterSet, Result


class Worker:
    """A sum that goes on from event to event; floating point, so that each order of events has its own."""

    stateful = True

    @staticmethod
    def describe_parameters() -> list[Parameter]:
        return [FloatParameter(name="takes", min=0, unit="s", description="time that each event takes")]

    def __init__(self) -> None:
        self.sum = 0.1

    def process_event(self, event: Event, parameters: ParameterSet) -> float:
        time.sleep(float(parameters["takes"]))
        self.sum = self.sum * 0.9 + event.event_number
        return self.sum


class Reducer:
    """Publishes every result by its event, and how often there was one."""

    def __init__(self) -> None:
        self.publish: dict[str, dict[int, float]] = {"sums": {}, "times": {}}

    def process_result(self, result: Result) -> None:
        event = result.event_number
        self.publish["sums"][event] = result.payload
        self.publish["times"][event] = self.publish["times"].get(event, 0) + 1
