"""Small events: how many per second go from the detectors to the reducer, with a result for each."""

from __future__ import annotations

from typing import Any

from comparison.measuring import FRAME_BYTES, Bench, System, rate
from comparison.table import DRANSPOSE, PYZMQ, Floor, Row

BATCH = 100
CLEAN = {"frame_bytes": FRAME_BYTES}


def measure(bench: Bench) -> list[Row]:
    """One stream with the default map and with one batched by 100, and three streams."""

    def count(system: str, full: int) -> int:
        """So many events; dranspose, a hundred times slower, gets as many as take it two or three seconds."""
        if system == DRANSPOSE:
            return bench.size(full // 100, full // 250, 100)
        return bench.size(full, full // 10, 500)

    def default(system: str, pipeline: System) -> dict[str, Any]:
        pipeline.run(count(system, 20_000), **CLEAN)
        return rate(pipeline, count(system, 200_000), "default", **CLEAN)

    def one_stream(system: str, pipeline: System) -> dict[str, float]:
        if system == PYZMQ:
            return default(system, pipeline)
        batched = count(system, 200_000) * (2 if system == DRANSPOSE else 1)
        return default(system, pipeline) | rate(pipeline, batched, "batched", batch=BATCH, **CLEAN)

    def batched_plain(system: str, pipeline: System) -> dict[str, float]:
        pipeline.run(count(system, 20_000), **CLEAN)
        return rate(pipeline, count(system, 200_000), "batched", **CLEAN)

    def three_streams(system: str, pipeline: System) -> dict[str, float]:
        pipeline.run(count(system, 20_000), **CLEAN)
        return rate(pipeline, count(system, 100_000), "three", **CLEAN)

    one = bench.compare(bench.setups(1, "CountingWorker"), one_stream, 3)
    blocks = {PYZMQ: bench.setups(1, "CountingWorker", BATCH)[PYZMQ]}
    one.values[PYZMQ] |= bench.compare(blocks, batched_plain, 3).values[PYZMQ]
    three = bench.compare(bench.setups(3, "CountingWorker"), three_streams, 3)
    return [
        one.row(
            "small_events",
            "1 kB, 1 stream, default map",
            "events/s",
            "default",
            floors=(Floor(100_000), Floor(100, DRANSPOSE)),
        ),
        one.row(
            "small_events_batched",
            "1 kB, 1 stream, map batched by 100",
            "events/s",
            "batched",
            floors=(Floor(120_000), Floor(40, DRANSPOSE)),
        ),
        three.row(
            "small_events_3_streams",
            "1 kB each, 3 streams, default map",
            "events/s",
            "three",
            floors=(Floor(50_000), Floor(80, DRANSPOSE)),
        ),
    ]
