"""dranspose as its own command line starts it: controller, one ingester a stream, workers, reducer, and Redis on a port of its own.

Its classes are used as they are. The controller is started by uvicorn, because its own command knows only the port 5000.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from bench_pipeline import HERE, read_result
from sources import send_series, start_sources, stop_sources

from beamloom.placement.ports import free_ports
from comparison.others import Others

START_SECONDS: Final = 60.0
PATIENCE: Final = 45.0
POLL: Final = 0.02
STARTS: Final = 4
TRIAL_EVENTS: Final = 10
TRIAL_SECONDS: Final = 8.0


class DransposePipeline:
    """The same as ``BenchPipeline``, by dranspose."""

    name = "dranspose"

    def __init__(self, others: Others, streams: int, analysis: str, workers: int = 2) -> None:
        self.streams = [f"detector{number}" for number in range(streams)]
        self._others = others
        self._workers = workers
        self._analysis = analysis
        self._folder = tempfile.TemporaryDirectory(prefix="dranspose-bench-")
        self._result = Path(self._folder.name) / "result.json"
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._sources, self._urls = start_sources(self.streams, Path(self._folder.name))
        ports = free_ports(["127.0.0.1"] * (4 + streams))
        self._redis, self._http, self._reducer_http, self._reducer, *self._ingester_ports = ports
        self._url = f"http://127.0.0.1:{self._http}/api/v1"

    def __enter__(self) -> DransposePipeline:
        """Start it, again where it does not come to life: a worker that misses an ingester's first sign drops out of the first run."""
        try:
            for left in reversed(range(STARTS)):
                self._start_all()
                try:
                    self.run(TRIAL_EVENTS, patience=TRIAL_SECONDS)
                    break
                except TimeoutError:
                    if not left:
                        raise
                    self._end_all()
        except BaseException:
            self.__exit__()
            raise
        return self

    def _start_all(self) -> None:
        redis = [
            str(self._others.redis),
            "--port",
            str(self._redis),
            "--bind",
            "127.0.0.1",
            "--save",
            "",
            "--appendonly",
            "no",
        ]
        self._start("redis", [*redis, "--dir", self._folder.name], self._others.environment)
        python = str(self._others.python)
        command = [str(self._others.python.with_name("dranspose"))]
        self._start(
            "controller",
            [
                python,
                "-m",
                "uvicorn",
                "dranspose.controller:app",
                "--port",
                str(self._http),
                "--log-level",
                "error",
            ],
        )
        module, _, worker = self._analysis.partition(":")
        reducer_url = {"REDUCER_URL": f"tcp://127.0.0.1:{self._reducer}"}
        reducer = ["reducer", "-p", str(self._reducer_http), "-c", f"{module}:Reducer"]
        self._start("reducer", [*command, *reducer], {**reducer_url, "BENCH_RESULT": str(self._result)})
        for stream, port in zip(self.streams, self._ingester_ports, strict=True):
            ingester = ["ingester", "-c", "ZmqPullSingleIngester", "-u", self._urls[stream], "-n", stream]
            self._start(
                f"{stream}-ingester", [*command, *ingester], {"INGESTER_URL": f"tcp://127.0.0.1:{port}"}
            )
        for number in range(1, self._workers + 1):
            self._start(
                f"worker-{number}", [*command, "worker", "-n", f"worker-{number}", "-c", f"{module}:{worker}"]
            )
        self._wait(self._ready, START_SECONDS, "did not start")

    def _start(self, name: str, command: list[str], more: dict[str, str] | None = None) -> None:
        environment = {
            **os.environ,
            "REDIS_URL": f"redis://127.0.0.1:{self._redis}/0",
            "LOG_LEVEL": "ERROR",
            **(more or {}),
        }
        for variable in ("PYTHONPATH", "VIRTUAL_ENV"):
            environment.pop(variable, None)
        log = Path(self._folder.name) / f"{name}.log"
        with log.open("wb") as file:
            self._processes[name] = subprocess.Popen(
                command, cwd=HERE, env=environment, stdout=file, stderr=file
            )
        if name == "redis":
            self._wait(lambda: b"eady to accept" in log.read_bytes(), START_SECONDS, "has no Redis")

    def __exit__(self, *exception: object) -> None:
        self._end_all()
        stop_sources(self._sources)
        self._folder.cleanup()

    def _end_all(self) -> None:
        for process in reversed(self._processes.values()):
            process.kill()
        for process in self._processes.values():
            process.wait()
        self._processes.clear()

    def _ready(self) -> bool:
        config = self._get("config")
        connected = [len(ingester["connected_workers"]) for ingester in config["ingesters"]]
        return (
            len(config["workers"]) == self._workers
            and connected == [self._workers] * len(self.streams)
            and config["reducer"] is not None
        )

    def _wait(self, true: Callable[[], bool], seconds: float, what: str) -> None:
        deadline = time.monotonic() + seconds
        while True:
            with contextlib.suppress(urllib.error.URLError, ConnectionError):
                if true():
                    return
            for name, process in self._processes.items():
                if process.poll() is not None:
                    raise RuntimeError(f"dranspose {what}: {name} has ended: {self._last_line(name)}")
            if time.monotonic() > deadline:
                raise TimeoutError(f"dranspose {what} within {seconds:g} s")
            time.sleep(POLL)

    def _last_line(self, name: str) -> str:
        lines = (Path(self._folder.name) / f"{name}.log").read_text().splitlines()
        return lines[-1] if lines else "it wrote nothing"

    def _get(self, path: str) -> Any:
        with urllib.request.urlopen(f"{self._url}/{path}", timeout=30) as answer:
            return json.load(answer)

    def _post(self, path: str, body: bytes = b"", kind: str = "application/json") -> None:
        request = urllib.request.Request(f"{self._url}/{path}", body, {"Content-Type": kind}, method="POST")
        urllib.request.urlopen(request, timeout=60).close()

    def arm(self, events: int, batch: int = 1) -> float:
        """As ``BenchPipeline.arm``; dranspose takes maps of distinct events, and repeats of a part by its name."""
        cells = [[{"constraint": event // batch}] for event in range(events)]
        body = json.dumps(
            {"parts": {"main": dict.fromkeys(self.streams, cells)}, "sequence": ["main"]}
        ).encode()
        begin = time.perf_counter()
        self._post("sequence", body)
        return time.perf_counter() - begin

    def disarm(self) -> None:
        """Stop the run that was armed."""
        self._post("stop")

    def run(
        self,
        events: int,
        batch: int = 1,
        frame_bytes: int | None = None,
        rate: float = 0.0,
        patience: float = PATIENCE,
    ) -> tuple[float, dict[str, Any]]:
        """As ``BenchPipeline.run``; raises TimeoutError when the run has not ended after ``patience`` seconds."""
        self._result.unlink(missing_ok=True)
        self.arm(events, batch)
        begin = time.perf_counter()
        self.send(events, frame_bytes, rate)
        return self.wait(begin, patience)

    def send(self, events: int, frame_bytes: int | None = None, rate: float = 0.0) -> None:
        """Have the detectors send."""
        send_series(self._sources, events, frame_bytes or 2048, rate)

    def wait(self, begin: float, patience: float = PATIENCE) -> tuple[float, dict[str, Any]]:
        """Wait for the end of the run; returns the seconds since ``begin``, and the progress."""
        self._wait(lambda: bool(self._get("progress")["finished"]), patience, "did not end the run")
        seconds = time.perf_counter() - begin
        progress = self._get("progress")
        # What is written only later must not be taken for the next run's.
        self.found()
        return seconds, {**progress, "reduced": progress["completed_events"]}

    def set_parameter(self, name: str, value: int) -> None:
        """Set a parameter of the analysis."""
        self._post(f"parameter/{name}", str(value).encode(), "application/x.bytes")

    def found(self) -> dict[str, Any]:
        """What the reducer wrote down at the end of the last run."""
        return read_result(self._result)

    @property
    def pids(self) -> dict[str, int]:
        """All processes, the detectors and Redis too."""
        return {name: process.pid for name, process in (self._processes | self._sources).items()}
