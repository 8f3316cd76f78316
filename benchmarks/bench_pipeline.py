"""A pipeline of real processes with real detectors' streams, for benchmarks: start, arm, run, measure."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path
from typing import Any

from beamloom.pipeline_file import read_pipeline
from beamloom.placement import LocalPlacement

HERE = Path(__file__).resolve().parent


class BenchPipeline:
    """Streams of 2 kB frames, two workers, a trivial analysis, unless told otherwise (``module`` or ``module:Worker``)."""

    def __init__(
        self,
        streams: int,
        workers: int = 2,
        frame_bytes: int = 2048,
        ingesters: int = 1,
        analysis: str = "trivial_analysis",
        **settings: Any,
    ) -> None:
        self.streams = [f"detector{number}" for number in range(streams)]
        self._frame_bytes = frame_bytes
        self._folder = tempfile.TemporaryDirectory(prefix="beamloom-bench-")
        self._sources = {stream: self._source(stream) for stream in self.streams}
        urls = {stream: f"tcp://127.0.0.1:{self._port(stream)}" for stream in self.streams}
        module, _, name = analysis.partition(":")
        worker = f"{module}:{name or 'Worker'}"
        pipeline = {
            "name": "benchmark",
            "streams": {
                stream: {"device": "stins", "url": url, "ingesters": ingesters}
                for stream, url in urls.items()
            },
            "workers": {"class": worker, "count": workers},
            "reducer": {"class": f"{module}:Reducer", "http": "127.0.0.1:0"},
            "controller": {"http": "127.0.0.1:0"},
            "analysis": str(HERE),
            "settings": settings,
        }
        path = Path(self._folder.name) / "pipeline.yaml"
        path.write_text(json.dumps(pipeline))
        self.placement = LocalPlacement(read_pipeline(path), quiet=True)

    def _source(self, stream: str) -> subprocess.Popen[str]:
        command = [sys.executable, str(HERE / "stins_source.py"), str(self._port_file(stream))]
        return subprocess.Popen(command, stdin=subprocess.PIPE, text=True)

    def _port_file(self, stream: str) -> Path:
        return Path(self._folder.name) / f"{stream}.port"

    def _port(self, stream: str) -> int:
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            if self._port_file(stream).exists() and (text := self._port_file(stream).read_text()):
                return int(text)
            time.sleep(0.01)
        raise TimeoutError(f"the source of {stream} did not start")

    def __enter__(self) -> BenchPipeline:
        self.placement.start()
        self.placement.wait_ready(60)
        return self

    def __exit__(self, *exception: Any) -> None:
        self.placement.stop()
        for source in self._sources.values():
            source.kill()
            source.wait()
            if source.stdin is not None:
                source.stdin.close()
        self._folder.cleanup()

    def get(self, path: str) -> Any:
        """A JSON answer of the controller."""
        with urllib.request.urlopen(f"{self.placement.controller_url}/api/v1/{path}") as answer:
            return json.load(answer)

    def post(self, path: str, body: Any = None) -> Any:
        """The same for a POST."""
        data = json.dumps(body).encode()
        request = urllib.request.Request(
            f"{self.placement.controller_url}/api/v1/{path}", data, method="POST"
        )
        with urllib.request.urlopen(request) as answer:
            return json.load(answer)

    def arm(self, events: int, batch: int = 1) -> float:
        """Arm a run of ``events`` events of all streams, ``batch`` consecutive ones to the same worker; returns the seconds it took."""
        part = min(events, 1000 * batch)
        cells = [[{"constraint": event // batch}] for event in range(part)]
        rest = events % part
        parts = {"main": dict.fromkeys(self.streams, cells)}
        sequence: list[Any] = [{"part": "main", "repeat": events // part}]
        if rest:
            parts["rest"] = dict.fromkeys(self.streams, cells[:rest])
            sequence.append("rest")
        begin = time.perf_counter()
        self.post("sequence", {"parts": parts, "sequence": sequence})
        return time.perf_counter() - begin

    def run(self, events: int, batch: int = 1) -> tuple[float, dict[str, Any]]:
        """Arm, send, wait for the end; returns the seconds from the first packet sent to the last event settled, and the progress."""
        self.arm(events, batch)
        begin = time.perf_counter()
        for source in self._sources.values():
            if source.stdin is not None:
                source.stdin.write(f"{events} {self._frame_bytes}\n")
                source.stdin.flush()
        while True:
            progress: dict[str, Any] = self.get("progress")
            if progress["phase"] in ("complete", "finished"):
                return time.perf_counter() - begin, progress
            time.sleep(0.01)

    def _pid(self, name: str) -> int | None:
        return next(status.pid for status in self.placement.status() if status.name == name)

    def cpu_seconds(self, name: str) -> float:
        """Processor time that one process has used so far."""
        fields = Path(f"/proc/{self._pid(name)}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def memory_mb(self, name: str) -> float:
        """Resident memory of one process, in MB."""
        pid = self._pid(name)
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) / 1024
        raise LookupError(f"no memory figure of {name}")
