"""Plain pyzmq, started and asked as the other two are."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from bench_pipeline import PATIENCE
from sources import send_series, start_sources, stop_sources

from beamloom.placement.ports import free_ports

SCRIPT = Path(__file__).resolve().with_name("plain_processes.py")
BLOCK = 64
"""Consecutive events for the same worker where the map does not say more."""


class PlainPipeline:
    """The same hops as ``BenchPipeline`` without a framework: the practical limit."""

    name = "pyzmq"

    def __init__(self, streams: int, analysis: str, workers: int = 2, block: int = BLOCK) -> None:
        self.streams = [f"detector{number}" for number in range(streams)]
        self._folder = tempfile.TemporaryDirectory(prefix="pyzmq-bench-")
        self._result = Path(self._folder.name) / "result.json"
        self._sources, urls = start_sources(self.streams, Path(self._folder.name))
        reducer, *ports = (
            f"tcp://127.0.0.1:{port}" for port in free_ports(["127.0.0.1"] * (1 + streams * workers))
        )
        self._setup = {
            "sources": list(urls.values()),
            "workers": [ports[number * streams : (number + 1) * streams] for number in range(workers)],
            "reducer": reducer,
            "block": block,
            "analysis": analysis.rpartition(":")[2],
        }
        self._processes: dict[str, subprocess.Popen[bytes]] = {}

    def __enter__(self) -> PlainPipeline:
        self._start("reducer", 0)
        for number in range(len(self._setup["workers"])):
            self._start("worker", number)
        for number in range(len(self.streams)):
            self._start("ingester", number)
        return self

    def _start(self, role: str, number: int) -> None:
        command = [sys.executable, str(SCRIPT), role, str(number), json.dumps(self._setup)]
        environment = {**os.environ, "BENCH_RESULT": str(self._result)}
        self._processes[f"{role}-{number}"] = subprocess.Popen(command, env=environment)

    def __exit__(self, *exception: object) -> None:
        for process in self._processes.values():
            process.kill()
            process.wait()
        stop_sources(self._sources)
        self._folder.cleanup()

    def run(
        self, events: int, batch: int = 1, frame_bytes: int | None = None, rate: float = 0.0
    ) -> tuple[float, dict[str, Any]]:
        """As ``BenchPipeline.run``; there is nothing to arm, and ``batch`` is that of the whole pipeline."""
        self._result.unlink(missing_ok=True)
        begin = time.perf_counter()
        send_series(self._sources, events, frame_bytes or 2048, rate)
        while not self._result.exists():
            if time.perf_counter() - begin > PATIENCE:
                raise TimeoutError(f"the run did not end within {PATIENCE:g} s")
            time.sleep(0.002)
        return time.perf_counter() - begin, {"reduced": self.found()["results"]}

    def found(self) -> dict[str, Any]:
        """What the reducer wrote down at the end of the last run."""
        found: dict[str, Any] = json.loads(self._result.read_text())
        return found

    @property
    def pids(self) -> dict[str, int]:
        """All processes, the detectors too."""
        return {name: process.pid for name, process in (self._processes | self._sources).items()}
