"""What a worker does with events: it calls the hooks of the user's class, where there is one."""

from __future__ import annotations

from typing import Any

from beamloom.analysis import WorkerAnalysis, WorkerState
from beamloom.events import Event
from beamloom.parameters import ParameterSet


class Map:
    """What a worker does with an event. The debug worker brings another one."""

    def __init__(self, worker_class: type | None) -> None:
        self.analysis = None if worker_class is None else WorkerAnalysis(worker_class)
        self.context: dict[Any, Any] = {}

    def where(self, hook: str) -> str:
        """A hook's name in sentences."""
        return hook if self.analysis is None else self.analysis.where(hook)

    def start(self, parameters: ParameterSet, state: WorkerState) -> None:
        """A run begins."""
        if self.analysis is not None:
            self.analysis.start(parameters, self.context, state)

    def tick_interval(self, parameters: ParameterSet) -> float | None:
        """The interval between ticks that the class wants, in seconds."""
        return None if self.analysis is None else self.analysis.tick_interval(parameters)

    def process(self, event: Event, parameters: ParameterSet, tick: bool) -> Any:
        """The result of one event."""
        return None if self.analysis is None else self.analysis.process_event(event, parameters, tick)

    def finish(self, parameters: ParameterSet) -> None:
        """The run is over."""
        if self.analysis is not None:
            self.analysis.finish(parameters)

    def close(self) -> None:
        """The process ends."""
        if self.analysis is not None:
            self.analysis.close(self.context)
