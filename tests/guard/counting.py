"""A pipeline in this process whose work is counted, for two numbers of events: what begins and ends a run is not in the difference."""

from __future__ import annotations

import gc
import sys
import tracemalloc
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from beamloom.analysis import ReducerAnalysis
from beamloom.benching.material import Extent
from beamloom.benching.played import PlayedSource
from beamloom.events import Event, Packet, Result
from beamloom.services.inline import InlinePipeline, InlineWorker
from beamloom.services.worker.user_map import Map
from beamloom.triggermap import Column, Part, Repeat, Slot, TriggerMap

FEW, MANY = 2_000, 6_000


class Counting:
    """Returns something for each event."""

    def process_event(self, event: Event) -> int:
        return len(event.streams)


class Adding:
    """Takes something for each event."""

    def __init__(self) -> None:
        self.publish = {"sum": 0}

    def process_result(self, result: Result) -> None:
        self.publish["sum"] += result.payload


class Counts(NamedTuple):
    """Each for one event more."""

    messages: float
    calls: float
    """Calls of functions, of Python and of C."""
    blocks: float
    """Blocks of memory that are there afterwards and were not before."""
    peak_bytes: float
    """By which the largest amount of memory in use grows."""


def per_event(streams: int, worker: type = Counting) -> Counts:
    """What one event of so many streams costs."""
    played(FEW, streams, worker)

    def slope(count: Callable[[int], float]) -> float:
        return (count(MANY) - count(FEW)) / (MANY - FEW)

    return Counts(
        slope(lambda events: played(events, streams, worker)),
        slope(lambda events: _calls(events, streams, worker)),
        slope(lambda events: _blocks(events, streams, worker)),
        slope(lambda events: _peak(events, streams, worker)),
    )


def played(events: int, streams: int, worker: type, while_it_runs: Callable[[], None] = lambda: None) -> int:
    """Run so many events; returns how many messages were sent."""
    names = [f"stream{number}" for number in range(streams)]
    packet = Packet("plain", [bytes(100)])

    def source() -> PlayedSource:
        return PlayedSource({0: packet}, Extent(0, 1, 0), wrapped=False)

    constraints = np.arange(1000, dtype=np.int64)
    column = Column([None, (Slot(("generic",), True),)], np.ones(1000, np.int64), constraints)
    trigger_map = TriggerMap(
        {"main": Part(dict.fromkeys(names, column))}, [Repeat("main", events // 1000)], all_wrap=False
    )
    workers = [InlineWorker(f"worker-{number}", ("generic",), lambda: Map(worker)) for number in range(2)]
    with InlinePipeline(dict.fromkeys(names, source), workers, lambda: ReducerAnalysis(Adding)) as pipeline:
        active = pipeline.arm(trigger_map)
        while_it_runs()
        while not active.finished:
            pipeline.step()
        counts = active.run.ledger.counts()
        assert (counts.reduced, counts.failed, counts.lost) == (events, 0, 0)
        return sum(channel.meter.sent for _, channel in pipeline._services)


def _calls(events: int, streams: int, worker: type) -> int:
    calls = 0

    def profile(frame: Any, what: str, argument: Any) -> None:
        nonlocal calls
        if what in ("call", "c_call"):
            calls += 1

    sys.setprofile(profile)
    try:
        played(events, streams, worker)
    finally:
        sys.setprofile(None)
    return calls


def _blocks(events: int, streams: int, worker: type) -> int:
    gc.collect()
    before = sys.getallocatedblocks()
    played(events, streams, worker)
    gc.collect()
    return sys.getallocatedblocks() - before


def _peak(events: int, streams: int, worker: type) -> int:
    gc.collect()
    tracemalloc.start()
    try:
        played(events, streams, worker, tracemalloc.reset_peak)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
