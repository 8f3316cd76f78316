"""Analyses of which each does one thing that a live pipeline does not forgive, and one that does none."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Iterator
from typing import Any

import numpy as np

from beamloom import Event, FloatParameter, Packet, PacketKind, Parameter, ParameterSet, Result
from beamloom.devices import generator
from beamloom.recordings import Record

ITEMS = 60


class Source:
    """Images that are known, with the packets that open and close their series."""

    def get_source_generators(self) -> list[Iterator[Record]]:
        messages = list(generator.generate(kind="images", items=ITEMS, shape=(16, 16), noise=True))
        kinds = [PacketKind.START, *[PacketKind.DATA] * ITEMS, PacketKind.END]
        packets = [
            Packet("GENERATOR", [bytes(frame) for frame in message], number, kind)
            for number, (message, kind) in enumerate(zip(messages, kinds, strict=True))
        ]
        return [(Record(number, {"camera": packet}) for number, packet in enumerate(packets))]


class Worker:
    """The sum of an image: nothing is wrong with it."""

    def process_event(self, event: Event) -> Any:
        array = getattr(event.streams["camera"].parse(), "array", None)
        return None if array is None else float(array.sum())


class UsesTheHeader(Worker):
    """What opens the series is seen by all workers: it may be kept."""

    def __init__(self) -> None:
        self.shape: Any = None

    def process_event(self, event: Event) -> Any:
        packet = event.streams["camera"].parse()
        self.shape = getattr(packet, "shape", self.shape)
        total = super().process_event(event)
        return None if total is None else total / (self.shape[0] * self.shape[1])


class Counts(Worker):
    """The result depends on how many events this worker has had."""

    def __init__(self) -> None:
        self.count = 0

    def process_event(self, event: Event) -> Any:
        self.count += 1
        total = super().process_event(event)
        return None if total is None else total * self.count


class DeclaresIt(Counts):
    stateful = True


class TellsTheTime(Worker):
    def process_event(self, event: Event) -> Any:
        return super().process_event(event) and time.perf_counter()


class ReturnsTheSameArray(Worker):
    def __init__(self) -> None:
        self.out = np.zeros(4)

    def process_event(self, event: Event) -> Any:
        total = super().process_event(event)
        if total is None:
            return None
        self.out[0] = total
        return self.out


class ReturnsALock(Worker):
    def process_event(self, event: Event) -> Any:
        return {"lock": threading.Lock()}


class Fails(Worker):
    def process_event(self, event: Event) -> Any:
        if event.event_number == 7:
            raise ZeroDivisionError("the ring current is 0")
        return super().process_event(event)


class SharesAList(Worker):
    seen: list[int] = []  # noqa: RUF012  (what is wrong with it is the point)

    def process_event(self, event: Event) -> Any:
        self.seen.append(event.event_number)
        return super().process_event(event)


class MeetsOthers(Worker):
    """Works by one place that all threads have in common."""

    place: Any = None

    def process_event(self, event: Event) -> Any:
        MeetsOthers.place = number = next(NUMBERS)
        for _ in range(20):
            time.sleep(0.0001)  # as reading a file does: others have the interpreter meanwhile
            if MeetsOthers.place != number:
                raise RuntimeError("somebody else was here")
        return super().process_event(event)


NUMBERS = itertools.count()


class Undescribed(Worker):
    @staticmethod
    def describe_parameters() -> list[Parameter]:
        return [FloatParameter(name="scale", default=2.0), FloatParameter(name="forgotten")]

    def process_event(self, event: Event, parameters: ParameterSet) -> Any:  # type: ignore[override]
        total = super().process_event(event)
        offset = float(parameters["offset"]) if "offset" in parameters else 0.0
        return None if total is None else total * float(parameters["scale"]) + offset


class Reducer:
    """Values by event: in any order the same."""

    def __init__(self) -> None:
        self.publish: dict[str, Any] = {"values": {}}

    def process_result(self, result: Result) -> None:
        self.publish["values"][result.event_number] = np.sum(result.payload)


class Appends(Reducer):
    def __init__(self) -> None:
        self.publish = {"values": []}

    def process_result(self, result: Result) -> None:
        self.publish["values"].append(result.payload)


class AddsUp(Reducer):
    def __init__(self) -> None:
        self.publish = {"sum": 0.0}

    def process_result(self, result: Result) -> None:
        self.publish["sum"] += 0.1 * result.payload


class Stamps(Reducer):
    """Publishes when it was made, too."""

    def __init__(self) -> None:
        super().__init__()
        self.publish["made"] = time.perf_counter()
