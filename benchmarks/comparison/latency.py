"""How late a result is: from the moment at which a frame was to be sent to the call of the reducer.

The moments are fixed before the series begins, and each frame is counted from its own, also when what came before has held it up
(coordinated omission). Detector, worker and reducer are processes of one machine and read one clock (``CLOCK_MONOTONIC``).
"""

from __future__ import annotations

from typing import Any

from comparison.measuring import FRAME_BYTES, Bench, System
from comparison.table import DRANSPOSE, Floor, Row

RATES = {
    "100hz": (100, 1, 4.0),
    "1khz": (1000, 1, 4.0),
    "1khz_batched": (1000, 10, 4.0),
    "50khz": (50_000, 1, 3.0),
}
"""Frames per second, consecutive events for the same worker, seconds."""
TITLES = {
    "100hz": "latency at 100 Hz",
    "1khz": "latency at 1 kHz, default map",
    "1khz_batched": "latency at 1 kHz, map batched by 10",
    "50khz": "latency at 50 kHz",
}
FLOORS = {"100hz_p50": 0.6, "1khz_p50": 0.4, "1khz_p99": 1.5, "50khz_p50": 1.5}
"""In ms."""


def measure(bench: Bench) -> list[Row]:
    """Median and 99 % at each rate."""

    def each_rate(name: str, system: System) -> dict[str, float]:
        found: dict[str, float] = {}
        system.run(bench.size(500, 200, 50), frame_bytes=FRAME_BYTES, rate=1000)
        for label, (frequency, batch, seconds) in RATES.items():
            if name == DRANSPOSE and label == "50khz":
                continue
            frames = int(frequency * seconds) // bench.size(1, 4, 40)
            system.run(frames, batch=batch, frame_bytes=FRAME_BYTES, rate=frequency)
            result: dict[str, Any] = system.found()
            if result["results"] < frames:
                raise RuntimeError(f"{result['results']} results of {frames} frames at {frequency} Hz")
            found |= {f"{label}_{part}": result[part] for part in ("p50", "p99", "max")}
        return found

    compared = bench.compare(bench.setups(1, "StampWorker"), each_rate, 2)
    rows = []
    for label, title in TITLES.items():
        for part, words in (("p50", "median"), ("p99", "99 %")):
            figure = f"{label}_{part}"
            limit = FLOORS.get(figure)
            floors = () if limit is None else (Floor(limit, at_most=True),)
            row = compared.row(
                f"latency_{figure}", f"{title}, {words}", "ms", figure, floors=floors, more_is_better=False
            )
            if label == "50khz" and DRANSPOSE not in row.missing:
                row.missing[DRANSPOSE] = "more than it can take"
            rows.append(row)
    return rows
