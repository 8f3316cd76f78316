"""Compares what ``beamloom capacity`` predicts from a moment with one worker with runs of the whole pipeline, for three analyses.

    python benchmarks/capacity.py [--seconds 3] [--workers 2 4]

The error is that of the rate, beside the measured one; and, as a machine with other work to do gives runs less than their costs allow,
that of the costs: the prediction beside what the costs of the whole run allow. Only on a quiet machine does the first one count.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path

import capacity_analyses

from beamloom.benching import Bench, Question
from beamloom.benching.capacity import efficiency, forecast
from beamloom.benching.costs import limits
from beamloom.benching.findings import user_costs
from beamloom.events import Packet
from beamloom.recordings import Record, RecordingWriter

ANALYSES = ("Trivial", "OneMillisecond", "TenMilliseconds")
ALLOWED = 0.15
QUIET = 0.5
"""Load below which a machine has nothing else to do."""
EVENTS = 1000


def main() -> int:
    """Measure and print; the status is 1 when a prediction on a quiet machine is further off than it may be."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=3.0, help="of each run (default %(default)g)")
    parser.add_argument("--workers", type=int, nargs="+", default=[2, 4], metavar="COUNT")
    parser.add_argument("--analyses", nargs="+", choices=ANALYSES, default=ANALYSES)
    arguments = parser.parse_args()
    load = os.getloadavg()[0]
    print(f"{os.cpu_count()} processors, a load of {load:.1f} at the start")
    print(
        f"{'analysis':<18}{'workers':>8}{'predicted':>12}{'measured':>12}{'error':>8}{'of costs':>10}  ends first"
    )
    off = 0
    with tempfile.TemporaryDirectory() as folder:
        recording = Path(folder) / "capacity.cbors"
        with RecordingWriter(recording) as writer:
            for event in range(EVENTS):
                writer.write(Record(event, {"camera": Packet("plain", [bytes(1000)])}))
        for name in arguments.analyses:
            off += _compare(name, str(recording), arguments.seconds, arguments.workers)
    return 1 if off and load < QUIET else 0


def _compare(name: str, recording: str, seconds: float, numbers: list[int]) -> int:
    """How many predictions were further off than they may be."""
    module = capacity_analyses.__name__
    question = Question(
        worker_class=f"{module}:{name}", reducer_class=f"{module}:Adding", files=[recording], seconds=seconds
    )
    bench = Bench(question)
    user, probe = user_costs(bench.alone()), bench.live(1)
    off = 0
    for workers in numbers:
        told = forecast(probe, user, workers, probe.cores, efficiency(probe, user))
        run = bench.live(workers)
        error = told.rate / run.rate - 1
        of_costs = forecast(probe, user, workers, probe.cores).rate / limits(run, user, workers)[0].rate - 1
        print(
            f"{name:<18}{workers:>8}{told.rate:>12,.0f}{run.rate:>12,.0f}{100 * error:>7.0f}%{100 * of_costs:>9.0f}%  {told.ends_first}",
            flush=True,
        )
        off += abs(error) > ALLOWED
    return off


if __name__ == "__main__":
    os.chdir(Path(__file__).parent)
    sys.exit(main())
