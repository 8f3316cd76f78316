"""The analysis that the chaos suite runs: whatever goes wrong on the way to it shows in what it publishes.

Each event gives a checksum of what all streams sent for it, of the parameters that held for it and, in the stateful class, of all earlier
events of the same constraint. The reducer keeps the checksum and the number of results of each event, and sums that do not depend on the
order in which results come.
"""

from __future__ import annotations

import ctypes
import json
import os
import resource
import time
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from beamloom import BoolParameter, Event, IntParameter, Parameter, ParameterSet, Result, StrParameter

SHAPE: Final = (4, 4)
"""Of every picture of the camera, in pixels."""
DTYPE: Final = np.dtype("uint32")
GROUP: Final = 8
"""Consecutive events that have one constraint."""
BINS: Final = 64
MASK: Final = (1 << 64) - 1


class Unexpected(ValueError):
    """The packets of an event do not belong together, or are not what the device sends."""


def mixed(*numbers: int) -> int:
    """A number of 64 bits that tells whether any of these, or their order, has changed."""
    total = 0xCBF29CE484222325
    for number in numbers:
        total = ((total ^ (number & MASK)) * 0x100000001B3 + 0x9E3779B97F4A7C15) & MASK
        total ^= total >> 29
    return total


class Worker:
    """Checks that the packets belong together, and does the harm that it is told to do."""

    @staticmethod
    def describe_parameters() -> list[Parameter]:
        return [
            IntParameter(name="events", default=0, description="events of the run beside its first and last"),
            IntParameter(name="gain", default=1, description="enters each checksum"),
            StrParameter(name="harms", default="{}", description="what to do at which events, as JSON"),
            BoolParameter(name="harmless", description="raise instead of dying or hanging"),
        ]

    def __init__(self) -> None:
        # Nobody looks at the cores of processes that crash on purpose.
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        self._harms: tuple[str, dict[int, str]] = "{}", {}

    def process_event(self, event: Event, parameters: ParameterSet) -> tuple[int, int] | None:
        number = event.event_number
        if number in (0, int(parameters["events"]) + 1):
            return None
        harm = self._harm(str(parameters["harms"]), number)
        if harm is not None:
            self._do(harm, harmless=bool(parameters["harmless"]))
        picture = event.streams["camera"].parse().array
        if picture.dtype != DTYPE or picture.shape != SHAPE:
            raise Unexpected(f"the picture is {picture.dtype} of {picture.shape}")
        (row,) = event.streams["box"].parse().values.values()
        angle = event.streams["encoder"].parse()
        seen = {int(picture[0, 0]), int(row), angle.number}
        if seen != {number - 1}:
            raise Unexpected(f"event {number} has packets of items {sorted(seen)}")
        own = mixed(number, int(picture.sum()), round(float(angle.array[0]) * 10), int(parameters["gain"]))
        return own % BINS, self.fold(number, own)

    def fold(self, number: int, own: int) -> int:
        """The checksum of the event."""
        return own

    def _harm(self, written: str, number: int) -> str | None:
        if written != self._harms[0]:
            self._harms = written, {int(event): harm for event, harm in json.loads(written).items()}
        return self._harms[1].get(number)

    def _do(self, harm: str, *, harmless: bool) -> None:
        if harm == "raise" or harmless:
            raise ArithmeticError("this event is no good")
        if harm == "segfault":
            ctypes.string_at(0)
        if harm == "exit":
            os._exit(3)
        while harm == "hang":
            time.sleep(1000)


class StatefulWorker(Worker):
    """Its checksums depend on all earlier events of the same constraint, in their order."""

    stateful = True

    def __init__(self) -> None:
        super().__init__()
        self._folded: dict[int, int] = {}

    def fold(self, number: int, own: int) -> int:
        group = (number - 1) // GROUP
        folded = self._folded[group] = mixed(self._folded.get(group, 0), own)
        if number % GROUP == 0:
            del self._folded[group]
        return folded


class Reducer:
    """Counts and keeps; no sum depends on the order of the results."""

    def __init__(self, parameters: ParameterSet) -> None:
        events = int(parameters["events"]) + 2
        self.times: npt.NDArray[np.uint8] = np.zeros(events, np.uint8)
        self.checksums: npt.NDArray[np.uint64] = np.zeros(events, np.uint64)
        self.gains: npt.NDArray[np.int32] = np.zeros(events, np.int32)
        self.histogram: npt.NDArray[np.int64] = np.zeros(BINS, np.int64)
        self.publish: dict[str, Any] = {
            "times": self.times,
            "checksums": self.checksums,
            "gains": self.gains,
            "histogram": self.histogram,
            "finished": 0,
        }

    def process_result(self, result: Result, parameters: ParameterSet) -> None:
        place, checksum = result.payload
        self.times[result.event_number] += 1
        self.checksums[result.event_number] = checksum
        self.gains[result.event_number] = int(parameters["gain"])
        self.histogram[place] += 1

    def finish(self) -> None:
        self.publish["finished"] += 1
