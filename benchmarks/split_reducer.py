"""How much faster a run is when its reducer, which is the bottleneck, is split over leaves.

    python benchmarks/split_reducer.py [--json] [--leaves 1 3] [--events 5000]

Real processes with default settings, the journal included. The reducer's class sleeps 2 ms for each result: it takes no processor, so that
what is measured is whether results are dealt out in time, on a machine of any size. Prints a table and one JSON line.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile

from bench_pipeline import BenchPipeline
from slow_reducer_analysis import SECONDS

EVENTS = 5000
LEAVES = (1, 3)
WARM_UP = 200
LEAST_GAIN = 0.8
"""Of what as many leaves could give."""


def measure(leaves: int, events: int) -> float:
    """Events per second, from the first packet to the last event settled."""
    with BenchPipeline(1, 2, 64, analysis="slow_reducer_analysis", leaves=leaves) as pipeline:
        pipeline.run(WARM_UP)
        seconds, progress = pipeline.run(events)
        if (progress["reduced"], progress["lost"], progress["failed"]) != (events + 2, 0, 0):
            raise RuntimeError(f"with {leaves} leaves: {progress}")
        return events / seconds


def main() -> int:
    """Measure and tell."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--json", action="store_true", help="only the last line")
    parser.add_argument("--leaves", type=int, nargs="+", default=LEAVES)
    parser.add_argument("--events", type=int, default=EVENTS)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="beamloom-split-") as folder:
        os.environ["XDG_STATE_HOME"] = folder
        rates = {leaves: measure(leaves, asked.events) for leaves in asked.leaves}
    least = min(rates)
    if not asked.json:
        print(f"{'leaves':>6}{'events/s':>10}{'gain':>7}")
        for leaves, rate in rates.items():
            print(f"{leaves:>6}{rate:>10.0f}{rate / rates[least]:>7.2f}")
    gains = {leaves: rate / rates[least] for leaves, rate in rates.items()}
    outcome = {
        "events": asked.events,
        "seconds_a_result": SECONDS,
        "rates": {leaves: round(rate, 1) for leaves, rate in rates.items()},
        "gains": {leaves: round(gain, 2) for leaves, gain in gains.items()},
        "met": all(gain >= LEAST_GAIN * leaves / least for leaves, gain in gains.items()),
    }
    print(json.dumps(outcome))
    return 0 if outcome["met"] else 1


if __name__ == "__main__":
    raise SystemExit(main())
