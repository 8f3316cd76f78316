"""An analysis that does to its process, at the events that its parameters name, what user code may do.

Each event notes in a file who worked on it, so that a test sees how often it was tried, also by processes that died.
"""

from __future__ import annotations

import ctypes
import os
import resource
import time
from typing import Any

from beamloom import Event, FloatParameter, IntParameter, Parameter, ParameterSet, Result, StrParameter

CHUNK = 8 << 20
RAISED = (SystemExit, KeyboardInterrupt, GeneratorExit, MemoryError, RecursionError, StopIteration)


class Worker:
    """Returns the number of the event."""

    @staticmethod
    def describe_parameters() -> list[Parameter]:
        return [
            IntParameter(name="harm_at", default=-1, description="the event that does harm; -1: none"),
            StrParameter(name="harm", description="what it does"),
            StrParameter(name="diary", description="file to which the tries are written; none where empty"),
            FloatParameter(name="takes", min=0, unit="s", description="time that each event takes"),
            IntParameter(name="leaks_every", default=0, description="of so many events one leaks 8 MB"),
        ]

    def __init__(self, parameters: ParameterSet, context: dict[str, Any]) -> None:
        # Nobody looks at the cores of processes that crash on purpose.
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        self.leaked = context.setdefault("leaked", [])

    def process_event(self, event: Event, parameters: ParameterSet) -> int:
        number = event.event_number
        time.sleep(float(parameters["takes"]))
        if parameters["diary"] and number == parameters["harm_at"]:
            with open(str(parameters["diary"]), "a") as diary:
                diary.write(f"{number} {os.getpid()} {time.monotonic()}\n")
        if parameters["harm"] == "raise" and 0 <= number - int(parameters["harm_at"]) < len(RAISED):
            raise RAISED[number - int(parameters["harm_at"])]("enough")
        if parameters["harm"] == "sleep at first":
            with open(str(parameters["diary"])) as diary:
                if number == parameters["harm_at"] and len(diary.readlines()) == 1:
                    time.sleep(1000)
        elif number == parameters["harm_at"] and parameters["harm"] != "raise":
            self.do_harm(str(parameters["harm"]))
        if parameters["leaks_every"] and number % int(parameters["leaks_every"]) == 0:
            self.leaked.append(b"\1" * CHUNK)
        return number

    def do_harm(self, harm: str) -> None:
        match harm:
            case "sleep":
                time.sleep(1000)
            case "sleep with the lock held":
                ctypes.PyDLL(None).sleep(1000)
            case "loop":
                while True:
                    pass
            case "segfault":
                ctypes.string_at(0)
            case "exit at once":
                os._exit(3)
            case "eat":
                while True:
                    self.leaked.append(b"\1" * CHUNK)
                    time.sleep(0.01)
            case _:
                raise ValueError(harm)


class Reducer:
    """Publishes how often each event was reduced."""

    def __init__(self) -> None:
        self.publish: dict[str, dict[Any, Any]] = {"times": {}}

    def process_result(self, result: Result) -> None:
        times = self.publish["times"]
        times[result.event_number] = times.get(result.event_number, 0) + 1


class HarmedReducer:
    """Is ended by one result, as a library that crashes ends it."""

    @staticmethod
    def describe_parameters() -> list[Parameter]:
        return [
            IntParameter(name="result_harm_at", default=-1, description="the event whose result does harm"),
            StrParameter(name="result_harm", default="segfault", description="what it does"),
        ]

    def __init__(self) -> None:
        self.publish: dict[str, dict[Any, Any]] = {"times": {}}
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))

    def process_result(self, result: Result, parameters: ParameterSet) -> None:
        if result.event_number == parameters["result_harm_at"]:
            if parameters["result_harm"] == "raise":
                raise ValueError(f"no room for {result.payload}")
            if parameters["result_harm"] == "exit at once":
                os._exit(3)
            ctypes.string_at(0)
        times = self.publish["times"]
        times[result.event_number] = times.get(result.event_number, 0) + 1


class LongHolder:
    """A worker class that holds the interpreter's lock for three seconds at one event, and works in Python at the others."""

    def process_event(self, event: Event) -> int:
        if event.event_number == 5:
            ctypes.PyDLL(None).usleep(3_000_000)
        return sum(range(20_000)) and event.event_number


class LongReducer(Reducer):
    """Holds the interpreter's lock for three seconds at one result."""

    def process_result(self, result: Result) -> None:
        super().process_result(result)
        if result.event_number == 5:
            ctypes.PyDLL(None).usleep(3_000_000)
