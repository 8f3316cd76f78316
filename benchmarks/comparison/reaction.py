"""How soon a pipeline does what it is told: arm a run, and use a changed parameter."""

from __future__ import annotations

import statistics
import time
from typing import Any

from comparison.measuring import FRAME_BYTES, Bench
from comparison.table import BEAMLOOM, DRANSPOSE, Floor, Row

MANY = {BEAMLOOM: 10_000_000, DRANSPOSE: 8_000}
"""Events of a long run: from repeated parts, which dranspose has not."""
RATE = 200.0
"""Frames per second while a parameter is changed: the next frame comes 5 ms later."""


def arming(bench: Bench) -> list[Row]:
    """A run of ten events, and a long one: from the request to the answer, when every process and device has confirmed."""

    def arm(name: str, pipeline: Any) -> dict[str, float]:
        times = {}
        for figure, events in (("few", 10), ("many", MANY[name])):
            taken = []
            for _ in range(bench.size(10 if name == BEAMLOOM else 4, 3, 2)):
                taken.append(1000 * pipeline.arm(events))
                pipeline.disarm()
            times[figure] = statistics.median(taken)
        return times

    setups = bench.setups(1, "CountingWorker")
    compared = bench.compare({name: setups[name] for name in setups if name in MANY}, arm, 1)
    floors = (Floor(20, at_most=True),)
    many = "arming 10 million events from repeated parts (dranspose: 8,000)"
    return [
        compared.row("arming_10", "arming 10 events", "ms", "few", floors=floors, more_is_better=False),
        compared.row("arming_10_million", many, "ms", "many", floors=floors, more_is_better=False),
    ]


def parameters(bench: Bench) -> list[Row]:
    """From the request that sets a parameter to the first result of an event with it, at the reducer."""

    def change(name: str, pipeline: Any) -> dict[str, float]:
        pause = 0.3 if name == BEAMLOOM else 2.5
        changes = bench.size(15 if name == BEAMLOOM else 6, 3, 2)
        frames = int(RATE * (pause * changes + 1.0))
        pipeline.set_parameter("mark", 1)
        pipeline.arm(frames)
        begin = time.perf_counter()
        pipeline.send(frames, FRAME_BYTES, RATE)
        time.sleep(0.5)
        for _ in range(changes):
            pipeline.set_parameter("mark", time.monotonic_ns())
            time.sleep(pause)
        pipeline.wait(begin)
        marks = [late for late in pipeline.found()["marks"] if late < 1e6]
        if len(marks) < changes:
            raise RuntimeError(f"{len(marks)} of {changes} changes of the parameter came to the reducer")
        return {"median": statistics.median(marks), "worst": max(marks)}

    setups = bench.setups(1, "MarkWorker")
    compared = bench.compare({name: setups[name] for name in setups if name in MANY}, change, 1)
    title = "parameter change to the first event with it"
    floors = (Floor(50, at_most=True),)
    return [
        compared.row(
            "parameter_change", f"{title}, median", "ms", "median", floors=floors, more_is_better=False
        ),
        compared.row(
            "parameter_change_worst", f"{title}, worst", "ms", "worst", floors=floors, more_is_better=False
        ),
    ]
