"""The user's classes in a replay: looked at before anything is run, and asked for a traceback when they cannot be made."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from beamloom.analysis import (
    AnalysisError,
    ReducerAnalysis,
    ReducerState,
    WorkerAnalysis,
    WorkerState,
    user_traceback,
)
from beamloom.errors import UserError
from beamloom.events import Event
from beamloom.parameters import Parameter, ParameterSet
from beamloom.services.shell.raised import RAISED
from beamloom.services.worker.user_map import Map


class Interrupted(BaseException):
    """The replay was told to stop; the event at hand is not begun."""


class ReplayedClasses:
    """A worker and a reducer class. Raises a UserError where their hooks or what they describe cannot be used."""

    def __init__(self, worker_class: type, reducer_class: type | None) -> None:
        self._worker_class = worker_class
        self._reducer_class = reducer_class
        self.stop = threading.Event()
        """While it is set, no event is begun: a map may take long, and a worker has many events ready."""
        self.begun: Callable[[], None] | None = None
        """Called for each event that a worker begins with, where somebody wants to hear of it."""
        self._traceback: str | None = None
        self.descriptions: list[Parameter] = WorkerAnalysis(worker_class).descriptions()
        if reducer_class is not None:
            self.descriptions += ReducerAnalysis(reducer_class).descriptions()

    def map(self) -> Map:
        """What one worker does with events."""
        return _ReplayedMap(self._worker_class, self)

    def reducer(self) -> ReducerAnalysis | None:
        """The user's part of the reducer."""
        return None if self._reducer_class is None else _ReplayedReducer(self._reducer_class, self)

    def note(self, error: BaseException) -> None:
        """An instance could not be made."""
        self._traceback = self._traceback or user_traceback(error)

    def refusal(self, error: UserError) -> UserError:
        """Why the run could not begin, with the traceback of the user's code where that is the reason."""
        return error if self._traceback is None else AnalysisError(f"{error}\n{self._traceback}")


class _ReplayedMap(Map):
    def __init__(self, worker_class: type, classes: ReplayedClasses) -> None:
        super().__init__(worker_class)
        self._classes = classes

    def start(self, parameters: ParameterSet, state: WorkerState) -> None:
        try:
            super().start(parameters, state)
        except RAISED as error:
            self._classes.note(error)
            raise

    def tick_interval(self, parameters: ParameterSet) -> float | None:
        try:
            return super().tick_interval(parameters)
        except RAISED as error:
            self._classes.note(error)
            raise

    def process(self, event: Event, parameters: ParameterSet, tick: bool) -> Any:
        classes = self._classes
        if classes.stop.is_set():
            raise Interrupted
        if classes.begun is not None:
            classes.begun()
        return None if self.analysis is None else self.analysis.process_event(event, parameters, tick)


class _ReplayedReducer(ReducerAnalysis):
    def __init__(self, reducer_class: type, classes: ReplayedClasses) -> None:
        super().__init__(reducer_class)
        self._classes = classes

    def start(
        self, parameters: ParameterSet, context: dict[object, object], state: ReducerState | None = None
    ) -> None:
        try:
            super().start(parameters, context, state)
        except RAISED as error:
            self._classes.note(error)
            raise
