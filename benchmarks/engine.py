"""What the engine costs: small events through real processes over ZeroMQ, arming, and the controller's memory.

    python benchmarks/engine.py [--json] [--quick]

Prints a table, and with --json one JSON object on the last line. Rates are medians over the repeats, source processes included.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
from typing import Any

from bench_pipeline import BenchPipeline


def rate(streams: int, events: int, repeats: int) -> tuple[float, int]:
    """Median events per second over the repeats, and events that were not reduced."""
    rates: list[float] = []
    lost = 0
    with BenchPipeline(streams) as pipeline:
        pipeline.run(events // 10)
        for _ in range(repeats):
            seconds, progress = pipeline.run(events)
            rates.append((events + 2) / seconds)
            lost += events + 2 - progress["reduced"]
    return statistics.median(rates), lost


def arming(repeats: int) -> float:
    """Median time to arm a run of a thousand events, in ms: every process has confirmed, the device is connected."""
    times: list[float] = []
    with BenchPipeline(1) as pipeline:
        for _ in range(repeats):
            times.append(1000 * pipeline.arm(1000))
            pipeline.post("stop")
    return statistics.median(times)


def controller_growth(events: int) -> tuple[float, int]:
    """By how many MB the controller has grown after so many events, and events that were not reduced."""
    with BenchPipeline(1) as pipeline:
        pipeline.run(events // 20)
        before = pipeline.memory_mb("controller")
        _, progress = pipeline.run(events)
        return pipeline.memory_mb("controller") - before, events + 2 - progress["reduced"]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", action="store_true", help="print the figures as JSON on the last line")
    parser.add_argument("--quick", action="store_true", help="a tenth of the events")
    arguments = parser.parse_args()
    scale = 10 if arguments.quick else 1
    one, lost_one = rate(1, 200_000 // scale, 3)
    print(f"small events, 1 stream:    {one:10,.0f} events/s, lost = {lost_one}")
    three, lost_three = rate(3, 60_000 // scale, 3)
    print(f"small events, 3 streams:   {three:10,.0f} events/s, lost = {lost_three}")
    arm_ms = arming(20)
    print(f"arming:                    {arm_ms:10.1f} ms")
    growth, lost_growth = controller_growth(1_000_000 // scale)
    print(f"controller, 1,000,000 events: {growth:7.1f} MB more, lost = {lost_growth}")
    print(
        f"2 kB frames, 2 workers, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, Python {sys.version.split()[0]}"
    )
    figures: dict[str, Any] = {
        "events_per_second_1": round(one),
        "events_per_second_3": round(three),
        "arm_ms": round(arm_ms, 1),
        "controller_growth_mb": round(growth, 1),
        "lost": lost_one + lost_three + lost_growth,
    }
    if arguments.json:
        print(json.dumps(figures))


if __name__ == "__main__":
    main()
