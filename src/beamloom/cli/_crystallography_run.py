"""From a monitor.yaml and a source of frames to a pipeline that runs: the classes, their parameters, and what is said at the end."""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from beamloom.apps.crystallography.analysis.parameters import of_reducer
from beamloom.apps.crystallography.monitor import Monitor
from beamloom.cli._frame_source import SIMULATION, FrameSource
from beamloom.cli._until_over import run_to_its_end
from beamloom.client import Pipeline as Running
from beamloom.errors import NotPublished, PipelineError, UsageError, did_you_mean
from beamloom.parameters import Parameter, ParameterError, ParameterSet
from beamloom.pipeline_file import Controller, Pipeline, Recording, Reducer, WorkerGroup
from beamloom.placement import LocalPlacement, screen_on
from beamloom.settings import StreamSettings

if TYPE_CHECKING:
    from beamloom.apps.crystallography import Simulation
    from beamloom.devices.player import ZmqPlayer

APP = "beamloom.apps.crystallography"
OM = "beamloom.apps.om"
OF_SIMULATION: Mapping[str, Any] = {
    "adc_threshold": 8,
    "minimum_snr": 6,
    "min_num_peaks_for_hit": 9,
    "peakogram_intensity_bin_size": 10,
    "peakogram_radius_bin_size": 2,
}
"""Parameters that suit simulated frames, where no monitor.yaml says others."""
CLIENT_SECONDS = 60.0


@dataclasses.dataclass(frozen=True)
class Plan:
    """What is to be run."""

    STREAM: ClassVar[str] = "detector"

    worker_class: str
    reducer_class: str
    parameters: dict[str, Any]
    workers: int
    frames: int
    """Of a simulation."""
    folder: str = "."
    """Where classes are imported from."""


def plan_of(
    monitor: Monitor | None,
    source: FrameSource,
    more: Mapping[str, Any],
    *,
    workers: int,
    frames: int,
    folder: Path,
) -> Plan:
    """The classes and their parameters; ``more`` goes before the monitor.yaml. ``folder``: for files that are made. Raises UsageError."""
    if monitor is not None and monitor.is_own_class:
        return _of_own_class(monitor, source, more, workers=workers, frames=frames)
    values: dict[str, Any] = {} if monitor is None else dict(monitor.values)
    if source.kind == SIMULATION:
        from beamloom.apps.crystallography import Simulation

        geometry = folder / "simulated.geom"
        geometry.write_text(Simulation().geometry_text())
        values = {**(OF_SIMULATION if monitor is None else values), "geometry_file": str(geometry)}
    _check(more, of_reducer())
    values = {**values, **more}
    if not values.get("geometry_file"):
        raise UsageError(
            "there is no geometry; give a monitor.yaml with -c, or -p geometry_file=detector.geom"
        )
    values["geometry_file"] = str(Path(str(values["geometry_file"])).expanduser().absolute())
    values.setdefault("detector_stream", Plan.STREAM if source.kind != "recording" else "")
    return Plan(f"{APP}:Worker", f"{APP}:Reducer", values, workers=workers, frames=frames)


def _of_own_class(
    monitor: Monitor, source: FrameSource, more: Mapping[str, Any], *, workers: int, frames: int
) -> Plan:
    """A processing class of the user's, with its own monitor.yaml."""
    from beamloom.apps.om.parameters import describe

    _check(more, describe())
    described = {one.name for one in describe()}
    if strangers := [name for name in monitor.values if name not in described]:
        raise UsageError(
            f"{monitor.file}: a class of one's own has no parameter {strangers[0]!r}{did_you_mean(strangers[0], described)}; "
            "its settings are in groups of its own"
        )
    module = monitor.processing_layer.partition(":")[0].partition(".")[0]
    beside = Path(monitor.file).resolve().parent
    here = any((Path.cwd() / name).exists() for name in (f"{module}.py", module))
    values = {
        **monitor.values,
        "processing_class": monitor.processing_layer,
        "monitor_file": str(Path(monitor.file).resolve()),
        "node_pool_size": workers + 1,
        "detector_stream": Plan.STREAM if source.kind != "recording" else "",
        **more,
    }
    folder = str(Path.cwd() if here else beside)
    return Plan(f"{OM}:Worker", f"{OM}:Reducer", values, workers=workers, frames=frames, folder=folder)


def _check(values: Mapping[str, Any], descriptions: Sequence[Parameter]) -> None:
    described = {one.name: one for one in descriptions}
    for name, value in values.items():
        if name not in described:
            raise UsageError(f"-p {name}: there is no such parameter{did_you_mean(name, described)}")
        try:
            ParameterSet.from_values({name: value}, [described[name]])
        except ParameterError as error:
            raise UsageError(f"-p {name}: {error}") from None


def go(plan: Plan, source: FrameSource, arguments: argparse.Namespace) -> int:
    """Run it over processes of this machine; returns the exit status."""
    screen = screen_on(sys.stdout, plain=arguments.plain)
    logs = Path(arguments.logs) if arguments.logs else None
    player = _Player(plan.frames) if source.kind == SIMULATION else None
    try:
        stream = (
            source.stream if player is None else StreamSettings(device="stins", options={"url": player.url})
        )
        if stream is None:
            raise UsageError(f"frames of a {source.kind} do not come over a stream")
        placement = LocalPlacement(_pipeline(plan, stream, arguments), screen=screen, logs=logs)
        arms_itself = source.kind == "device" and not source.endless
        return run_to_its_end(
            placement,
            screen,
            None if arms_itself else [Plan.STREAM],
            summary,
            ready_timeout=arguments.ready_timeout,
            play=player.play if player is not None else lambda: None,
            keep=arguments.keep,
        )
    finally:
        if player is not None:
            player.close()


def _pipeline(plan: Plan, stream: StreamSettings, arguments: argparse.Namespace) -> Pipeline:
    record = arguments.record and f"{Path(arguments.record).absolute()}/"
    try:
        return Pipeline(
            name="crystallography",
            streams={Plan.STREAM: stream},
            workers=WorkerGroup(worker_class=plan.worker_class, count=plan.workers),
            reducer=Reducer(reducer_class=plan.reducer_class, http="127.0.0.1:0"),
            controller=Controller(http=_address(arguments.http)),
            analysis=plan.folder,
            parameters=json.loads(json.dumps(plan.parameters)),
            recording=Recording(prefix=record) if record else None,
        )
    except ValueError as error:
        raise UsageError(str(error)) from error


def _address(text: str) -> str:
    host, colon, port = text.rpartition(":")
    if not colon or not host or not port.isdigit() or int(port) > 65535:
        raise UsageError(f"--http {text} is no address; write it as 127.0.0.1:5000")
    return text


def summary(pipeline: Running, run: str) -> list[str]:
    """What came of a run, as people read it."""
    try:
        result = pipeline.runs[run].result
        found = result["summary"].read() if "summary" in result else None
        files = result["files"].read() if "files" in result else None
        veto = result["veto"].read() if "veto" in result else None
    except NotPublished:
        return [f"run {run[:8]}: its results are held no more"]
    except PipelineError as error:
        return [f"run {run[:8]}: {error}"]
    return _told(f"run {run[:8]}", found, files, veto)


def _told(
    run: str,
    found: Mapping[str, Any] | None,
    files: Mapping[str, Any] | None,
    veto: Mapping[str, Any] | None,
) -> list[str]:
    if found is None:
        return [f"{run} is over"]
    lines = [
        f"{run}: {int(found['frames'])} frames, {int(found['hits'])} hits, hit rate {float(found['hit_rate']):.1f} %"
    ]
    if veto is not None:
        lines.append(f"  veto: {_text(veto.get('problem')) or _recall(veto)}")
    if files is not None and (folder := _text(files.get("folder"))):
        lines.append(f"  files are in {folder}")
    if files is not None and (problem := _text(files.get("problem"))):
        lines.append(f"  files could not be written: {problem}")
    return lines


def _recall(veto: Mapping[str, Any]) -> str:
    recall, low, high = (float(veto[name]) for name in ("recall", "recall_low", "recall_high"))
    return (
        f"{int(veto['vetoed'])} frames were put aside unread; by {int(veto['audited'])} audits "
        f"{recall:.1f} % of the hits are found all the same ({low:.1f} to {high:.1f} %)"
    )


def _text(value: Any) -> str:
    return "" if value is None else str(value.item() if hasattr(value, "item") else value)


def replayed(plan: Plan, files: Sequence[Path]) -> int:
    """Run it over recordings, in this process; returns the exit status."""
    from beamloom.apps.om.parameters import describe
    from beamloom.cli._replay_report import Teller
    from beamloom.replay import Replay

    descriptions = of_reducer() if plan.worker_class.startswith(f"{APP}:") else describe()
    parameters = ParameterSet.from_values(plan.parameters, descriptions).to_wire()
    teller = Teller(None)
    with teller.reading():
        replay = Replay(
            plan.worker_class,
            plan.reducer_class,
            files,
            parameters=parameters,
            workers=plan.workers,
            folder=plan.folder,
        )
    report = replay.run(audience=teller)
    if report.publish.get("summary") is not None:
        found = (report.publish.get(name) for name in ("summary", "files", "veto"))
        print("\n".join(_told("replayed", *found)))
    return 0 if report.clean else 1


class _Player:
    """A simulated camera in a thread of this process."""

    def __init__(self, frames: int) -> None:
        from beamloom.apps.crystallography import Simulation
        from beamloom.devices import stins

        self._simulation: Simulation = Simulation()
        self._frames = frames
        self._player: ZmqPlayer = stins.simulator("tcp://127.0.0.1:*")
        self._thread = threading.Thread(target=self._send, name="simulated-camera")
        self.url = self._player.url

    def play(self) -> None:
        """Begin to send the series; does not wait for it."""
        self._thread.start()

    def close(self) -> None:
        """End it, also in the middle."""
        self._player.close()
        if self._thread.ident is not None:
            self._thread.join()

    def _send(self) -> None:
        from beamloom.devices import stins

        self._player.wait_for_client(CLIENT_SECONDS)
        images: Callable[[int], Any] = self._simulation.frame
        self._player.play(stins.generate(images=map(images, range(self._frames))))
