"""A pipeline that has nothing to do: its CPU time and memory, and how soon it is there."""

from __future__ import annotations

import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from bench_pipeline import HERE
from sources import cpu_of, memory_mb

from comparison.measuring import FRAME_BYTES, Bench
from comparison.table import BEAMLOOM, DRANSPOSE, Floor, Row

START_SECONDS = 60.0
LEFT_OUT = ("detector0", "redis")
"""Processes that are no part of the pipeline itself."""


def measure(bench: Bench) -> list[Row]:
    """The busiest and the largest process, after a run."""

    def idle(name: str, pipeline: Any) -> dict[str, float]:
        pipeline.run(bench.size(1000, 200, 50), frame_bytes=FRAME_BYTES)
        pids = {process: pid for process, pid in pipeline.pids.items() if process not in LEFT_OUT}
        seconds = bench.size(60, 30, 10) / 10
        time.sleep(seconds / 3)
        before = cpu_of(pids)
        time.sleep(seconds)
        after = cpu_of(pids)
        return {
            "cpu": 100 * max(after[process] - before[process] for process in pids) / seconds,
            "memory": max(map(memory_mb, pids.values())),
            "memory_all": sum(map(memory_mb, pids.values())),
        }

    setups = bench.setups(1, "CountingWorker")
    compared = bench.compare(
        {name: setups[name] for name in setups if name in (BEAMLOOM, DRANSPOSE)}, idle, 1
    )
    fewer = {"more_is_better": False}
    ready = Row("ready", "`beamloom up` ready", "s", floors=(Floor(2.0, at_most=True),), more_is_better=False)
    times = [start_seconds() for _ in bench.rounds(3)]
    ready.figures[BEAMLOOM] = statistics.median(times)
    ready.detail["rounds"] = times
    return [
        compared.row(
            "idle_cpu",
            "idle, CPU of the busiest process",
            "%",
            "cpu",
            floors=(Floor(1, at_most=True),),
            **fewer,
        ),
        compared.row(
            "idle_memory",
            "idle, memory of the largest process",
            "MB",
            "memory",
            floors=(Floor(120, at_most=True),),
            **fewer,
        ),
        compared.row("idle_memory_all", "idle, memory of all processes", "MB", "memory_all", **fewer),
        ready,
    ]


def start_seconds() -> float:
    """Seconds from the command to the line that says ready: controller, reducer, an ingester, two workers."""
    with tempfile.TemporaryDirectory(prefix="beamloom-bench-") as folder:
        pipeline = {
            "streams": {"detector0": {"device": "stins", "url": "tcp://127.0.0.1:9"}},
            "workers": {"class": "comparison_analysis:CountingWorker", "count": 2},
            "reducer": {"class": "comparison_analysis:Reducer", "http": "127.0.0.1:0"},
            "controller": {"http": "127.0.0.1:0"},
            "analysis": str(HERE),
        }
        file = Path(folder) / "pipeline.yaml"
        file.write_text(json.dumps(pipeline))
        command = [sys.executable, "-m", "beamloom", "up", str(file), "--plain"]
        environment = {**os.environ, "BEAMLOOM_STATE_DIR": folder}
        begin = time.perf_counter()
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment
        )
        try:
            for line in process.stdout or ():
                if "ready:" in line:
                    return time.perf_counter() - begin
                if time.perf_counter() - begin > START_SECONDS:
                    break
            raise RuntimeError("`beamloom up` did not say that it is ready")
        finally:
            process.send_signal(signal.SIGTERM)
            process.communicate()
