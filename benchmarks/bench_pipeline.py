"""A pipeline of real processes with real detectors' streams, for benchmarks: start, arm, run, measure."""

from __future__ import annotations

import json
import sys
import tempfile
import time
import urllib.request
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import msgspec
from sources import cpu_seconds, memory_mb, send_series, start_sources, stop_sources, twin_of

from beamloom.pipeline_file import read_pipeline
from beamloom.placement import LocalPlacement
from beamloom.placement.children import ProcessSpec
from beamloom.placement.layout import Layout, layout_of
from beamloom.placement.processes import RestartPolicy

HERE = Path(__file__).resolve().parent
PATIENCE = 600.0
"""Seconds that a run may take."""
UNGUARDED = "import os, sys; del os.pidfd_open; from beamloom.cli import main; sys.exit(main())"
"""A worker where the system has no way to watch a process has no guard."""


class BenchPipeline:
    """Streams of 2 kB frames, two workers, a trivial analysis, unless told otherwise (``module`` or ``module:Worker``)."""

    name = "beamloom"

    def __init__(
        self,
        streams: int,
        workers: int = 2,
        frame_bytes: int = 2048,
        ingesters: int = 1,
        analysis: str = "trivial_analysis",
        *,
        device: Mapping[str, Any] | None = None,
        sharing: int = 0,
        without: Collection[str] = (),
        policy: RestartPolicy | None = None,
        **settings: Any,
    ) -> None:
        """``settings`` as in a pipeline file; ``without``: guard, journal or store; ``policy``: when who died is started again.

        ``device``: keys of a stream whose device needs no process of its own, in place of detectors that send.
        ``sharing``: over so many ingesters the streams are dealt out; 0: each has one, or is split over ``ingesters``.
        """
        self.streams = [f"detector{number}" for number in range(streams)]
        self._frame_bytes = frame_bytes
        self._without = frozenset(without)
        self._folder = tempfile.TemporaryDirectory(prefix="beamloom-bench-")
        self._result = Path(self._folder.name) / "result.json"
        self._guards: dict[str, int | None] = {}
        self._writes_result = analysis.startswith("comparison_analysis")
        own = [] if device else self.streams
        self._sources, urls = start_sources(own, Path(self._folder.name))
        shared = {
            stream: {"ingester": f"field{number % sharing}"} if sharing else {"ingesters": ingesters}
            for number, stream in enumerate(self.streams)
        }
        module, _, name = analysis.partition(":")
        worker = f"{module}:{name or 'Worker'}"
        pipeline = {
            "name": "benchmark",
            "streams": {
                stream: dict(device or {"device": "stins", "url": urls[stream], **shared[stream]})
                for stream in self.streams
            },
            "workers": {"class": worker, "count": workers},
            "reducer": {"class": f"{module}:Reducer", "http": "127.0.0.1:0"},
            "controller": {"http": "127.0.0.1:0"},
            "analysis": str(HERE),
            "settings": {**({"journal": False} if "journal" in self._without else {}), **settings},
        }
        path = Path(self._folder.name) / "pipeline.yaml"
        path.write_text(json.dumps(pipeline))
        self.placement = LocalPlacement(
            self._arranged(layout_of(read_pipeline(path))), quiet=True, policy=policy
        )

    def _arranged(self, layout: Layout) -> Layout:
        """The processes of the pipeline, without what is left out, and with a place for what the reducer finds."""
        return msgspec.structs.replace(layout, processes=tuple(map(self._arrange, layout.processes)))

    def _arrange(self, spec: ProcessSpec) -> ProcessSpec:
        if spec.name == "reducer":
            state = str(Path(self._folder.name) / "state")
            environment = {**spec.env, "BENCH_RESULT": str(self._result), "BEAMLOOM_STATE_DIR": state}
            return msgspec.structs.replace(spec, env=environment)
        if spec.name.startswith("worker") and "guard" in self._without:
            command = spec.argv.index("worker")
            argv = (sys.executable, "-P", "-c", UNGUARDED, *spec.argv[command:])
            return msgspec.structs.replace(spec, argv=argv)
        if spec.name == "controller" and "store" in self._without:
            return msgspec.structs.replace(spec, argv=(*spec.argv, "--state-dir="))
        return spec

    def __enter__(self) -> BenchPipeline:
        self.placement.start()
        self.placement.wait_ready(60)
        return self

    def __exit__(self, *exception: Any) -> None:
        self.placement.stop()
        stop_sources(self._sources)
        self._folder.cleanup()

    def get(self, path: str) -> Any:
        """A JSON answer of the controller."""
        with urllib.request.urlopen(f"{self.placement.controller_url}/api/v1/{path}") as answer:
            return json.load(answer)

    def post(self, path: str, body: Any = None) -> Any:
        """The same for a POST."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
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

    def disarm(self) -> None:
        """Stop the run that was armed."""
        self.post("stop")

    def run(
        self, events: int, batch: int = 1, frame_bytes: int | None = None, rate: float = 0.0
    ) -> tuple[float, dict[str, Any]]:
        """Arm, send, wait for the end; returns the seconds from the first packet sent to the last event settled, and the progress.

        ``rate``: frames per second of each stream; without, as fast as they are read.
        """
        self._result.unlink(missing_ok=True)
        begin = time.perf_counter()
        self.arm(events, batch)
        if self._sources:
            begin = time.perf_counter()
        self.send(events, frame_bytes, rate)
        return self.wait(begin)

    def send(self, events: int, frame_bytes: int | None = None, rate: float = 0.0) -> None:
        """Have the detectors send."""
        send_series(self._sources, events, frame_bytes or self._frame_bytes, rate)

    def wait(self, begin: float) -> tuple[float, dict[str, Any]]:
        """Wait for the end of the run; returns the seconds since ``begin``, and the progress."""
        while True:
            progress: dict[str, Any] = self.get("progress")
            if progress["phase"] in ("complete", "finished"):
                seconds = time.perf_counter() - begin
                self._check_alive()
                if self._writes_result:
                    # What is written only later must not be taken for the next run's.
                    self.found()
                return seconds, progress
            waited = time.perf_counter() - begin
            if waited > PATIENCE:
                raise TimeoutError(f"the run did not end within {PATIENCE:g} s: {progress}")
            # Each look costs the machine more than a millisecond: there are few of them before the end is near.
            settled = progress["completed_events"] or 1
            left = waited * max((progress["total_events"] or settled) - settled, 0) / settled
            time.sleep(min(max(min(left, waited) / 4, 0.01), 0.5))

    def _check_alive(self) -> None:
        """Raises RuntimeError when a process has died: what was measured then is not what a pipeline does."""
        for status in self.placement.status():
            if status.restarts:
                said = "; ".join(self.placement.output(status.name)[-6:])
                raise RuntimeError(f"{status.name} has died while it was measured: {status.message}; {said}")

    def set_parameter(self, name: str, value: int) -> None:
        """Set a parameter of the analysis."""
        self.post(f"parameter/{name}", str(value).encode())

    def found(self) -> dict[str, Any]:
        """What the reducer wrote down at the end of the last run."""
        return read_result(self._result)

    @property
    def pids(self) -> dict[str, int]:
        """All processes, the detectors and the workers' guards too."""
        services = {status.name: status.pid for status in self.placement.status() if status.pid is not None}
        for worker in [name for name in services if name.startswith("worker")]:
            if worker not in self._guards:
                self._guards[worker] = twin_of(services[worker])
            if (guard := self._guards[worker]) is not None:
                services[f"{worker}-guard"] = guard
        return services | {stream: source.pid for stream, source in self._sources.items()}

    def cpu_seconds(self, name: str) -> float:
        """Processor time that one process has used so far."""
        return cpu_seconds(self.pids[name])

    def memory_mb(self, name: str) -> float:
        """Resident memory of one process, in MB."""
        return memory_mb(self.pids[name])


def read_result(path: Path) -> dict[str, Any]:
    """What a reducer of ``comparison_analysis.py`` wrote, as soon as it has."""
    deadline = time.monotonic() + 10
    while not path.exists():
        if time.monotonic() > deadline:
            raise TimeoutError("the reducer's finish has not written what it found within 10 s")
        time.sleep(0.005)
    found: dict[str, Any] = json.loads(path.read_text())
    return found
