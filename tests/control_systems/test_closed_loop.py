"""The loop is closed, without hardware: a scan goes on, the pipeline finds the peak, the scan ends early and goes there.

Motor and camera are those of the example, the camera's pictures and the rows of the scan come through real sockets, and all processes of
the pipeline are real. Nothing is said of time: what counts is where the motor is, and that fewer points were taken.
"""

from __future__ import annotations

import importlib.util
import json
import queue
from collections.abc import Callable, Generator, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

pytest.importorskip("bluesky", reason="needs Bluesky: pip install 'beamloom[bluesky]'")
pytest.importorskip("ophyd_async", reason="needs ophyd-async")

import bluesky.plan_stubs as bps
import bluesky.preprocessors as bpp
from bluesky.utils import Msg

from beamloom.control.bluesky import LiveAnalysis, Steered, steered_scan
from beamloom.devices import stins
from beamloom.devices.bluesky import DocumentPublisher
from devices.bluesky_engine import Hutch
from live.pipelines import Bench, Live, running, wait_until
from support.patience import PATIENCE
from support.ports import quiet_port

pytestmark = pytest.mark.processes
POINTS = np.linspace(-4, 4, 41)
CLOSE_ENOUGH = 0.01
"""A twentieth of the distance of two points."""


@pytest.fixture(scope="module")
def example(repository: Path) -> Path:
    return repository / "examples/adaptive_scan"


@pytest.fixture(scope="module")
def simulated(example: Path) -> ModuleType:
    """The module with motor and camera."""
    spec = importlib.util.spec_from_file_location("devices_of_the_adaptive_scan", example / "devices.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@contextmanager
def pipeline_of(example: Path, scan: str, camera: str) -> Iterator[Live]:
    streams = {"scan": {"device": "bluesky", "url": scan}, "camera": {"device": "stins", "url": camera}}
    with running(streams, worker="peak:Worker", reducer="peak:Reducer", analysis=example) as live:
        yield live


def scan_past_the_peak(
    made: Hutch,
    example: Path,
    simulated: ModuleType,
    act: Callable[[Live, int], None] = lambda live, point: None,
) -> None:
    """Scan until the analysis says that it is enough; ``act`` is called when a point was taken."""
    went: list[Steered] = []
    motor, camera = simulated.motor_and_camera("tcp://127.0.0.1:0")
    with (
        LiveAnalysis(publish="tcp://127.0.0.1:0") as live,
        pipeline_of(example, live.publish, camera.url) as pipeline,
    ):
        live.url = pipeline.placement.controller_url
        points = 0

        def look_at(msg: Msg) -> tuple[Any, Any]:
            nonlocal points
            if msg.command == "save":
                points += 1
                act(pipeline, points)
            return None, None

        def plan() -> Generator[Msg, Any, Any]:
            scan = steered_scan(
                [camera],
                motor,
                POINTS,
                live=live,
                ready_within=PATIENCE,
                time_limit=PATIENCE,
                when_late="fail",
            )
            went.append((yield from bpp.plan_mutator(scan, look_at)))  # type: ignore[no-untyped-call]
            went.append((yield from bps.rd(motor)))

        made.engine(plan())
        assert live.wait(PATIENCE), pipeline.state()
        peak = pipeline.published()["peak"]
        progress = pipeline.progress()
    camera.close()
    (steered, position) = went
    assert abs(peak - simulated.CENTRE) < CLOSE_ENOUGH
    assert position == pytest.approx(peak)
    assert len(POINTS[simulated.CENTRE > POINTS]) < steered.points < len(POINTS)
    assert [(one.kind, one.number) for one in steered.heard] == [("stop", 1)]
    assert steered.late == 0
    assert progress["finished"]
    assert f"the peak is at {peak:.3f}" in progress["stopped"]


def test_bluesky_scans_until_the_peak_is_found_and_goes_there(
    made: Hutch, example: Path, simulated: ModuleType
) -> None:
    scan_past_the_peak(made, example, simulated)


@pytest.mark.long
@pytest.mark.timeout(150)
def test_the_loop_ends_right_when_the_controller_is_killed_in_its_middle(
    made: Hutch, example: Path, simulated: ModuleType
) -> None:
    def kill_at_a_third(pipeline: Live, point: int) -> None:
        if point == len(POINTS) // 3:
            pipeline.kill("controller")

    scan_past_the_peak(made, example, simulated, kill_at_a_third)


# ---- the same through Tango -----------------------------------------------------------------------------------------------


@pytest.mark.long
@pytest.mark.timeout(150)
def test_a_loop_over_tango_devices_ends_at_the_peak(example: Path, simulated: ModuleType) -> None:
    tango = pytest.importorskip("tango", reason="needs PyTango: pip install 'beamloom[tango]'")
    from control_systems.tango_servers import DEVICE, answering, process

    ports = quiet_port(), quiet_port()
    with (
        closing(DocumentPublisher("tcp://127.0.0.1:0")) as publisher,
        Bench({"camera": ("stins", "tcp://127.0.0.1:*")}) as bench,
        pipeline_of(example, publisher.url, bench.url("camera")) as live,
        process(str(Path(__file__).parent / "tango_motor.py"), str(ports[0])),
        process(
            "-m",
            "beamloom",
            "tango",
            "test",
            "--nodb",
            str(ports[1]),
            "--device",
            DEVICE,
            "--url",
            live.placement.controller_url,
        ),
    ):
        motor = answering(f"tango://127.0.0.1:{ports[0]}/test/motor/1#dbase=no")
        pipeline = answering(f"tango://127.0.0.1:{ports[1]}/{DEVICE}#dbase=no")
        for device in (motor, pipeline):
            device.set_timeout_millis(int(1000 * PATIENCE))
        wait_until(lambda: pipeline.state().name == "STANDBY", "the pipeline", pipeline.status)
        said: queue.Queue[Any] = queue.Queue()
        heard = pipeline.subscribe_event("feedback", tango.EventType.CHANGE_EVENT, said.put)
        run = pipeline.Live(["scan", "camera"])
        publisher.wait_for_client(PATIENCE)
        taken, told = _loop(motor, pipeline, bench, publisher, said, simulated)
        pipeline.unsubscribe_event(heard)
        motor.position = told["payload"]["position"]
        wait_until(lambda: pipeline.state().name == "CLOSE", "the end of the run", pipeline.status)
        peak = live.published()["peak"]
        assert (told["run"], told["kind"]) == (run, "stop")
    assert abs(peak - simulated.CENTRE) < CLOSE_ENOUGH
    assert told["payload"]["position"] == pytest.approx(peak)
    assert len(POINTS[POINTS < simulated.CENTRE]) < taken < len(POINTS)


def _loop(
    motor: Any,
    pipeline: Any,
    bench: Bench,
    publish: DocumentPublisher,
    said: queue.Queue[Any],
    simulated: ModuleType,
) -> tuple[int, Any]:
    """A scan by a script that knows Tango; returns how many points it took, and what it was told."""
    pictures: queue.Queue[Any] = queue.Queue()
    bench.play("camera", stins.generate(images=simulated.until_none(pictures)))
    publish("start", {"uid": "scan", "time": 0.0})
    key = {"source": motor.name(), "dtype": "number", "shape": []}
    publish("descriptor", {"uid": "d", "run_start": "scan", "name": "primary", "data_keys": {"motor": key}})
    told = None
    for number, point in enumerate(POINTS, 1):
        motor.position = point
        row = {"data": {"motor": motor.position}, "timestamps": {"motor": 0.0}}
        publish("event", {"uid": str(number), "descriptor": "d", "seq_num": number, "time": 0.0, **row})
        pictures.put(simulated.picture_at(motor.position))

        def decided(number: int = number) -> bool:
            nonlocal told
            while told is None and not said.empty():
                event = said.get()
                assert not event.err, event.errors
                told = json.loads(event.attr_value.value) if event.attr_value.value else None
            return told is not None or pipeline.completedEvents > number

        wait_until(decided, f"what the analysis has to say to point {number}", pipeline.status)
        if told is not None:
            break
    pictures.put(None)
    return number, told
