"""A pipeline that has nothing to do sleeps: each process wakes for its signs of life, and now and then to look around."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from live.pipelines import Bench, running
from live.series import pictures, uniform_map

pytestmark = pytest.mark.processes

ANALYSIS = """
class Worker:
    def process_event(self, event):
        return event.event_number

class Reducer:
    def __init__(self):
        self.publish = {"timer": 0}

    def process_result(self, result):
        pass

    def timer(self):
        self.publish["timer"] += 1
        return 0.01
"""
SECONDS = 2.0
MOST_WAKES = {"controller": 60, "reducer": 10, "ingester": 10, "worker": 10}
"""Of the main thread, per second: the controller hears ten signs of life a second from each worker and its guard, and five from others."""


MOST_CPU = 0.1
"""Seconds of CPU within that time: what does not sleep at all would have all of it, or its share of a busy machine."""


def cpu_seconds(pid: int) -> float:
    """CPU time of a process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def wakes(pid: int) -> int:
    """How often the main thread of a process has gone to sleep so far."""
    for line in Path(f"/proc/{pid}/task/{pid}/status").read_text().splitlines():
        if line.startswith("voluntary_ctxt_switches"):
            return int(line.split()[1])
    raise AssertionError("this system does not count it")


@pytest.mark.skipif(
    not Path("/proc/self/status").exists(), reason="only Linux tells how often a thread slept"
)
def test_between_runs_every_process_sleeps(tmp_path: Path) -> None:
    (tmp_path / "ticking.py").write_text(ANALYSIS)
    address = f"ipc://{tmp_path / 'camera'}"
    streams = {"front": {"device": "stins", "url": address}}
    with (
        running(streams, worker="ticking:Worker", reducer="ticking:Reducer", analysis=tmp_path) as live,
        Bench({"front": ("stins", address)}) as cameras,
    ):
        live.arm(uniform_map(["front"], 5))
        cameras.play("front", pictures(5))
        live.finished()
        pids = {status.name: status.pid for status in live.placement.status() if status.pid is not None}
        before = {name: wakes(pid) for name, pid in pids.items()}
        worked = {name: cpu_seconds(pid) for name, pid in pids.items()}
        # What is measured is that time passes without anything.
        time.sleep(SECONDS)
        rates = {name: (wakes(pid) - before[name]) / SECONDS for name, pid in pids.items()}
        work = {name: cpu_seconds(pid) - worked[name] for name, pid in pids.items()}
    assert max(work.values()) <= MOST_CPU, work
    too_many = {
        name: rate
        for name, rate in rates.items()
        if rate > next(most for role, most in MOST_WAKES.items() if role in name)
    }
    assert not too_many, rates
