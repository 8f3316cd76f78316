"""What it brings to split one stream over two ingesters: events per second through real processes.

    python benchmarks/shares.py [--json] [--quick]

One detector (STINS over PUSH) sends as fast as it is read; one ingester or two that share its stream, two workers, a trivial analysis.
On a machine with few cores the ingesters take them from each other, from the workers and from the detector itself: the number of cores
stands beside the figures.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
from typing import Any

from bench_pipeline import BenchPipeline

CASES = {"2 kB": (2048, 40_000), "100 kB": (100_000, 10_000), "1 MB": (1_000_000, 3_000)}
"""Frames of so many bytes, and how many of them."""


def rate(ingesters: int, frame_bytes: int, events: int, repeats: int) -> tuple[float, int]:
    """Median events per second over the repeats, and events that were not reduced."""
    rates: list[float] = []
    lost = 0
    with BenchPipeline(1, frame_bytes=frame_bytes, ingesters=ingesters) as pipeline:
        pipeline.run(events // 10)
        for _ in range(repeats):
            seconds, progress = pipeline.run(events)
            rates.append((events + 2) / seconds)
            lost += events + 2 - progress["reduced"]
    return statistics.median(rates), lost


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", action="store_true", help="print the figures as JSON on the last line")
    parser.add_argument("--quick", action="store_true", help="a tenth of the events")
    arguments = parser.parse_args()
    scale, repeats = (10, 1) if arguments.quick else (1, 3)
    figures: dict[str, Any] = {"cores": os.cpu_count()}
    print(f"{os.cpu_count()} cores\n{'frame':>8} {'ingesters':>10} {'events/s':>10} {'MB/s':>8} {'lost':>6}")
    for name, (frame_bytes, events) in CASES.items():
        for ingesters in (1, 2):
            per_second, lost = rate(ingesters, frame_bytes, events // scale, repeats)
            megabytes = per_second * frame_bytes / 1e6
            print(f"{name:>8} {ingesters:>10} {per_second:>10.0f} {megabytes:>8.0f} {lost:>6}", flush=True)
            figures[f"{name}, {ingesters} ingesters"] = {"events_per_second": per_second, "lost": lost}
    if arguments.json:
        print(json.dumps(figures))


if __name__ == "__main__":
    main()
