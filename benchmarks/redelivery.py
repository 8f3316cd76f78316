"""How long the events of a worker wait for another one: from the fault until ``process_event`` is called with the event again.

Real processes with default settings, except the limit that is the fault itself: a time-out is counted from the moment at which it has
passed, memory from the moment at which the worker begins to take it. Prints a table and one JSON line. More than a second is too much.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import statistics
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

from bench_pipeline import BenchPipeline
from redelivery_analysis import FOLDER, wait_for

from beamloom.placement.processes import RestartPolicy

TRIALS = 10
EVENTS = 60
EVENT = 25
"""The one that is met twice."""
EVENT_TIMEOUT = 1.0
MEMORY_LIMIT = 150 << 20
MUCH = 250 << 20
"""Bytes beyond half as much again, at which an event is ended in the middle."""
MOST_SECONDS = 1.0
PATIENCE = 60.0
WORKERS = 3
OFTEN = RestartPolicy(first_delay=0.05, longest_delay=0.2, deaths=100_000)


class Fault(NamedTuple):
    """What ends the first attempt."""

    name: str
    number: signal.Signals | None
    """Sent by this program; None: a limit is passed."""
    delay: float = 0.0
    """Seconds from the note of the worker to the fault."""
    nbytes: int = 0
    settings: Mapping[str, float] = MappingProxyType({})


FAULTS = (
    Fault("killed (SIGKILL)", signal.SIGKILL),
    Fault("stopped (SIGSTOP)", signal.SIGSTOP),
    Fault("event_timeout passed", None, EVENT_TIMEOUT, 0, {"event_timeout": EVENT_TIMEOUT}),
    Fault("memory_limit passed", None, 0.0, MUCH, {"memory_limit": MEMORY_LIMIT}),
)


def measure(fault: Fault, trials: int, folder: Path) -> list[float]:
    """Seconds until the event was begun with again, of each trial."""
    with BenchPipeline(
        1, WORKERS, 64, analysis="redelivery_analysis", policy=OFTEN, **fault.settings
    ) as pipeline:
        return [trial(pipeline, fault, f"{fault.name}-{number}", folder) for number in range(trials)]


def trial(pipeline: BenchPipeline, fault: Fault, name: str, folder: Path) -> float:
    """One run in which the event is met twice."""
    pipeline.placement.wait_ready(PATIENCE)
    until(lambda: len(pipeline.get("config")["workers"]) == WORKERS)
    plan = {"event": EVENT, "trial": name, "bytes": fault.nbytes}
    (folder / "plan.new").write_text(json.dumps(plan))
    (folder / "plan.new").replace(folder / "plan.json")
    pipeline.arm(EVENTS)
    pipeline.send(EVENTS)
    fell = wait_for(folder / f"fault-{name}", PATIENCE)
    pid, begin = int(fell["pid"]), fell["at"] + fault.delay
    if fault.number is not None:
        begin = time.time()
        os.kill(pid, fault.number)
    again = wait_for(folder / f"again-{name}", PATIENCE)["at"]
    if fault.number is signal.SIGSTOP:
        os.kill(pid, signal.SIGKILL)
    until(lambda: pipeline.get("progress")["finished"])
    progress = pipeline.get("progress")
    if (progress["reduced"], progress["lost"], progress["failed"]) != (EVENTS + 2, 0, 0):
        raise RuntimeError(f"{name}: {progress}")
    return again - begin


def until(reached: Any) -> None:
    """Wait for something that is asked for. Raises TimeoutError."""
    end = time.monotonic() + PATIENCE
    while not reached():
        if time.monotonic() > end:
            raise TimeoutError(f"not reached within {PATIENCE:g} s")
        time.sleep(0.02)


def main() -> int:
    """Measure and tell."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=TRIALS)
    parser.add_argument("--json", action="store_true", help="only the last line")
    asked = parser.parse_args()
    found: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory(prefix="beamloom-redelivery-") as folder:
        os.environ[FOLDER] = folder
        os.environ["XDG_STATE_HOME"] = folder
        for fault in FAULTS:
            found[fault.name] = measure(fault, asked.trials, Path(folder))
    if not asked.json:
        print(f"{'the worker was':<24}{'median':>9}{'most':>9}  (s until its event is begun with again)")
        for name, seconds in found.items():
            print(f"{name:<24}{statistics.median(seconds):>9.3f}{max(seconds):>9.3f}")
    outcome = {
        "trials": asked.trials,
        "seconds": {name: [round(one, 3) for one in seconds] for name, seconds in found.items()},
        "in_time": all(max(seconds) <= MOST_SECONDS for seconds in found.values()),
    }
    print(json.dumps(outcome))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
