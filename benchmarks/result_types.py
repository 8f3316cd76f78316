"""Result types: reading a million rows, finding a grid, and what merging in the worker saves, with real processes.

python benchmarks/result_types.py [--quick]
"""

from __future__ import annotations

import os
import sys
import time
import tracemalloc
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from bench_pipeline import BenchPipeline
from powder_analysis import SHAPE

from beamloom import Append, Map2D, Sum


def best(work: Callable[[], Any], times: int = 20) -> float:
    """The shortest of some runs, in seconds."""
    taken = []
    for _ in range(times):
        begin = time.perf_counter()
        work()
        taken.append(time.perf_counter() - begin)
    return min(taken)


def reading() -> None:
    rows = Append()
    for event in range(1_000_000):
        rows.add(event, float(event))
    rows.snapshot()
    event = 1_000_000

    def publish() -> Any:
        nonlocal event
        rows.add(event, 0.0)
        event += 1
        return rows.snapshot()["data"]

    data = publish()
    tracemalloc.start()
    data[-1000:]
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    print("A million rows of one float64:")
    print(f"  [-1000:]                       {best(lambda: data[-1000:]) * 1e3:8.3f} ms, {peak / 1e3:.0f} kB")
    print(f"  [::1000]                       {best(lambda: data[::1000]) * 1e3:8.3f} ms")
    print(f"  one more row and its snapshot  {best(publish) * 1e3:8.3f} ms")
    print(f"  as a numpy array               {best(lambda: np.asarray(data)) * 1e3:8.3f} ms")


def gridding() -> None:
    found = Map2D()
    lines, places = np.divmod(np.arange(1_000_000), 1000)
    noise = np.random.default_rng(0).uniform(-0.1, 0.1, (2, 1_000_000))
    for chunk in range(0, 1_000_000, 1000):
        part = slice(chunk, chunk + 1000)
        found.add(chunk, np.ones(1000), places[part] + noise[0, part], lines[part] + noise[1, part])

    def publish() -> Any:
        found.add(0, 1.0, 0.0, 0.0)
        return found.snapshot()

    if publish()["map"].shape != (1000, 1000):
        raise SystemExit("the grid was not found")
    print(f"Map2D, grid found from a million points  {best(publish, 3) * 1e3:8.0f} ms")


def summing() -> None:
    frame = np.random.default_rng(0).integers(0, 100, SHAPE, np.uint16)
    whole = Sum().add(0, frame).add(1, frame)
    print(f"Sum of a 512 x 512 uint16 frame  {best(lambda: whole.add(0, frame)) * 1e3:8.3f} ms")


class Measured(NamedTuple):
    """What one pipeline of real processes has shown."""

    rate: float
    """Events per second."""
    reducer_ms: float
    """Processor time of the reducer for each event, in milliseconds."""
    reducer_mb: float
    """Memory of the reducer at the end."""
    missing: int
    """Events that were not reduced."""


def pipeline(worker: str, events: int) -> Measured:
    """Run one series."""
    frame_bytes = 2 * SHAPE[0] * SHAPE[1]
    with BenchPipeline(1, frame_bytes=frame_bytes, analysis=f"powder_analysis:{worker}") as bench:
        bench.run(200)
        before = bench.cpu_seconds("reducer")
        seconds, progress = bench.run(events)
        used = bench.cpu_seconds("reducer") - before
        missing = progress["failed"] + progress["lost"]
        return Measured(events / seconds, used / events * 1e3, bench.memory_mb("reducer"), missing)


def main() -> None:
    """Print all figures; ``--quick``: a quarter of the events."""
    events = 500 if "--quick" in sys.argv else 2000
    reading()
    gridding()
    summing()
    print("Sum of 512 x 512 uint16 frames, 1 stream, 2 workers:")
    found = {worker: pipeline(worker, events) for worker in ("Single", "Merged")}
    for worker, one in found.items():
        reducer = f"reducer {one.reducer_ms:.3f} ms of its core an event, {one.reducer_mb:.0f} MB"
        print(f"  {worker:8} {one.rate:8.0f} events/s, {reducer}, not reduced {one.missing}")
    single, merged = found["Single"], found["Merged"]
    print(
        f"  ratio    {merged.rate / single.rate:8.2f}, of the reducer's time {single.reducer_ms / merged.reducer_ms:.1f}"
    )
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, Python {sys.version.split()[0]}")


if __name__ == "__main__":
    main()
