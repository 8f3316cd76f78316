"""A pipeline of real processes on this machine that is fed from memory, and what a run of it costs."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from beamloom.benching.costs import LiveRun, process_cost
from beamloom.benching.ingester_process import Plan, Played
from beamloom.benching.material import Material
from beamloom.benching.running import Load, settled
from beamloom.client._http import Service
from beamloom.errors import UserError
from beamloom.pipeline_file import Pipeline
from beamloom.placement import LocalPlacement
from beamloom.placement.children import ProcessSpec
from beamloom.placement.layout import Layout, layout_of
from beamloom.settings import IngesterSettings, StreamSettings, resolve, settings_of

PATIENCE = 600.0
"""Seconds that one run may take."""
POLL = 0.05
READY = 60.0


class LivePipeline:
    """Controller, ingesters, workers and reducer; a context manager."""

    def __init__(
        self, pipeline: Pipeline, material: Material, parameters: Mapping[str, bytes], folder: Path
    ) -> None:
        """``folder`` is for what the processes read and keep."""
        self._material = material
        self._parameters = parameters
        self._files = material.write(folder)
        self.workers = sum(group.count for group in pipeline.worker_groups)
        streams = {stream: _played_as(pipeline.streams.get(stream)) for stream in self._files}
        here = msgspec.structs.replace(
            pipeline,
            streams=streams,
            controller=msgspec.structs.replace(
                pipeline.controller, http="127.0.0.1:0", mailbox="127.0.0.1:0"
            ),
            reducer=msgspec.structs.replace(pipeline.reducer, http="127.0.0.1:0"),
            recording=None,
            debugworker=None,
            settings={**pipeline.settings, "state_dir": str(folder / "state")},
        )
        layout = layout_of(here)
        processes = tuple(
            self._fed(spec) if spec.name in layout.ingesters else spec for spec in layout.processes
        )
        self._layout: Layout = msgspec.structs.replace(layout, processes=processes)
        self._placement = LocalPlacement(self._layout, quiet=True)
        self._service: Service | None = None

    def _fed(self, spec: ProcessSpec) -> ProcessSpec:
        """The same ingester, which gets its packets from memory."""
        settings = _settings_of(spec)
        streams = {stream: self._played(stream) for stream in settings.streams}
        plan = msgspec.json.encode(Plan(settings, streams, os.getpid())).decode()
        return msgspec.structs.replace(
            spec, argv=(sys.executable, "-P", "-m", "beamloom.benching.ingester_process", plan)
        )

    def _played(self, stream: str) -> Played:
        wrapped = self._material.trigger_map.wrapped
        return Played(str(self._files[stream]), self._material.items_of(stream), wrapped)

    def __enter__(self) -> LivePipeline:
        self._placement.start()
        try:
            self._placement.wait_ready(READY)
            self._service = Service(
                self._placement.controller_url, "controller", 30.0, self._layout.credentials
            )
            for name, value in self._parameters.items():
                self._service.post(f"/api/v1/parameter/{name}", value, str)
        except BaseException:
            self._placement.stop()
            raise
        return self

    def __exit__(self, *exception: Any) -> None:
        if self._service is not None:
            self._service.close()
        self._placement.stop()

    @property
    def url(self) -> str:
        """Where the controller serves HTTP."""
        return self._placement.controller_url

    @property
    def reducer_url(self) -> str:
        """Where the reducer serves HTTP."""
        return self._placement.reducer_url

    @property
    def pids(self) -> dict[str, int]:
        """The processes that run now, by name."""
        return {one.name: one.pid for one in self._placement.status() if one.pid is not None}

    def _get(self, path: str) -> Any:
        if self._service is None:
            raise RuntimeError("the pipeline is not started; enter it with 'with'")
        return self._service.get(path, dict[str, Any] if "load" in path or "progress" in path else list[Any])

    def run(self, passes: int, tell: Callable[[int, int], None] = lambda done, total: None) -> LiveRun:
        """Have the recording pass so often, as fast as it is taken; ``tell`` hears how far it is.

        Raises UserError where it does not end, or a process dies.
        """
        if self._service is None:
            raise RuntimeError("the pipeline is not started; enter it with 'with'")
        trigger_map = self._material.map_of(passes)
        self._service.post("/api/v1/sequence?all_wrap=false", trigger_map.encode(), str)
        total = trigger_map.total_events or 0
        deadline = time.monotonic() + PATIENCE
        while (progress := self._get("/api/v1/progress"))["phase"] not in ("complete", "finished"):
            tell(progress["reduced"] + progress["failed"] + progress["lost"], total)
            if time.monotonic() > deadline:
                raise UserError(
                    f"the run did not end within {PATIENCE:g} s; look whether 'beamloom replay' does, and give --seconds less"
                )
            self._look_alive()
            time.sleep(POLL)
        summary = self._get("/api/v1/runs")[0]
        return LiveRun(
            total,
            summary["seconds"],
            self.workers,
            os.cpu_count() or 1,
            summary["failed"],
            summary["lost"],
            [process_cost(name, told) for name, told in settled(self._load).items()],
        )

    def _load(self) -> Load:
        found: Load = self._get("/api/v1/load?stages=true&scan=false")
        return found

    def _look_alive(self) -> None:
        for status in self._placement.status():
            if status.restarts:
                said = "\n".join(f"    {line}" for line in self._placement.output(status.name)[-6:])
                raise UserError(f"{status.name} has died while it was measured: {status.message}\n{said}")


def _played_as(stream: StreamSettings | None) -> StreamSettings:
    """A stream out of memory, which shares an ingester with others where it does so in the pipeline."""
    return StreamSettings(device="played", ingester="" if stream is None else stream.ingester)


def _settings_of(spec: ProcessSpec) -> IngesterSettings:
    """The settings that the command line of an ingester gives it."""
    by_flag = {setting.flag: name for name, setting in settings_of(IngesterSettings).items()}
    given = {}
    for word in spec.argv:
        flag, equals, text = word.partition("=")
        if equals and flag in by_flag:
            given[by_flag[flag]] = text
        elif word in by_flag:
            given[by_flag[word]] = "true"
        elif (plain := f"--{word.removeprefix('--no-')}") in by_flag and word.startswith("--no-"):
            given[by_flag[plain]] = "false"
    return resolve(IngesterSettings, given, {**os.environ, **spec.env})
