"""Scans of contrast begin runs of a real pipeline: with the scan that was captured, and with the contrast of the package index."""

from __future__ import annotations

import math
import os
import subprocess
import tomllib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import beamloom
from beamloom.control.contrast import ScanArmer, frames_of_flyscan
from beamloom.control.scanning import arming
from beamloom.devices import stins
from beamloom.devices.captures import read_capture
from beamloom.devices.contrast import generate
from beamloom.errors import MapRefused, NotReachable
from live.pipelines import Bench, Live, running, wait_until
from support.environments import python_with
from support.patience import PATIENCE
from support.ports import quiet_address

pytestmark = pytest.mark.processes
HERE = Path(__file__).parent


class Scan:
    """A scan as contrast has it: it generates positions, and tells its recorders of each point."""

    def __init__(self, positions: int, bench: Bench, messages: list[list[bytes]]) -> None:
        self.motors = [SimpleNamespace(name="sy")]
        self._count = positions
        self._bench = bench
        self._messages = messages

    def _generate_positions(self) -> Iterator[dict[str, float]]:
        for number in range(self._count):
            yield {"sy": float(number)}

    def run(self) -> int:
        before, *points, after = self._messages
        taken = [points[number] for number, _ in enumerate(self._generate_positions())]
        self._bench.play("contrast", [before, *taken, after])
        return len(taken)


def brightness_around(peak: float, frames: int) -> list[list[bytes]]:
    values = (round(1000 * math.exp(-((frame - peak) ** 2) / 50)) for frame in range(frames))
    return list(stins.generate(images=(np.array([[one]], np.uint32) for one in values)))


def addresses_in(folder: Path) -> dict[str, tuple[str, str]]:
    return {
        "camera": ("stins", f"ipc://{folder / 'camera'}"),
        "contrast": ("contrast", f"ipc://{folder / 'contrast'}"),
    }


def streams_of(addresses: dict[str, tuple[str, str]]) -> dict[str, Any]:
    return {name: {"device": device, "url": url} for name, (device, url) in addresses.items()}


@pytest.fixture(scope="module")
def addresses(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[str, str]]:
    return addresses_in(tmp_path_factory.mktemp("beamline"))


@pytest.fixture(scope="module")
def live(addresses: dict[str, tuple[str, str]]) -> Iterator[Live]:
    streams = streams_of(addresses)
    with running(
        streams, worker="seeking:Worker", reducer="seeking:Reducer", analysis=HERE / "analyses"
    ) as pipeline:
        yield pipeline


@pytest.fixture
def bench(addresses: dict[str, tuple[str, str]]) -> Iterator[Bench]:
    with Bench(addresses) as devices:
        yield devices


def armer(live: Live, said: list[str], **more: Any) -> ScanArmer:
    return ScanArmer(live.placement.controller_url, lambda: ["camera", "diode"], say=said.append, **more)


def test_the_captured_scan_has_a_run_of_its_positions(live: Live, bench: Bench, shared_data: Path) -> None:
    messages = list(read_capture(shared_data / "captures" / "contrast-dump.cbors"))
    scan_of_it = [message for message in messages if b"heartbeat" not in message[0]]
    assert len(scan_of_it) == 22
    said: list[str] = []

    class Mesh(Scan):
        pass

    armer(live, said).install(Scan)
    try:
        bench.play("camera", brightness_around(0, 20))
        assert Mesh(20, bench, scan_of_it).run() == 20
    finally:
        Scan.run = Scan.run.__wrapped__  # type: ignore[method-assign,attr-defined]
    progress = live.finished()
    assert (progress["reduced"], progress["total_events"]) == (22, 22)
    assert said == [f"run {progress['run']} is armed"]
    positions = live.published()["positions"]
    assert (positions[0], positions[-1]) == pytest.approx((-2, 2), abs=0.01)


def test_a_scan_ends_when_the_analysis_has_decided(live: Live, bench: Bench) -> None:
    """What is decided before a position is given is heard before it: this scan waits for its points to be reduced."""
    said: list[str] = []
    messages = list(generate(positions=[(float(n),) for n in range(2000)], motors=["y"]))
    events: list[int] = []

    class Slow(Scan):
        def run(self) -> int:
            before, *points, after = self._messages
            bench.play("camera", brightness_around(12, 2000))
            bench.play("contrast", [before])
            live_until(live, 1)
            for number, _ in enumerate(self._generate_positions()):
                events.append(number)
                bench.play("contrast", [points[number]])
                # A point is long over when the next one begins.
                live_until(live, number + 2)
            bench.play("contrast", [after])
            return len(events)

    armer(live, said, found="peak").install(Slow)
    taken = Slow(2000, bench, messages).run()
    progress = live.finished()
    assert taken < 2000
    assert said[-1] == f"the analysis has decided after {taken} positions: sy at 12"
    assert progress["reduced"] < 2002


def live_until(live: Live, events: int) -> None:
    """Wait until so many events are settled, or the run is over."""
    wait_until(lambda: live.completed(events) or live.progress()["finished"], f"{events} events", live.state)


def test_lines_of_a_fly_scan_have_several_frames() -> None:
    assert frames_of_flyscan(SimpleNamespace(fastmotorintervals=9)) == 10
    assert frames_of_flyscan(SimpleNamespace()) == 1


def test_what_cannot_be_armed_is_said(live: Live, bench: Bench) -> None:
    messages = list(generate(positions=[(0.0,)], motors=["y"]))

    class Refused(Scan):
        pass

    armer(live, [], streams=["eiger"]).install(Refused)
    with pytest.raises(MapRefused, match="'eiger' is named as a stream of the scan, and is no stream"):
        Refused(1, bench, messages).run()
    said: list[str] = []
    nowhere = f"http://{quiet_address()}"
    ScanArmer(nowhere, list, say=said.append).install(Refused)
    with pytest.raises(NotReachable, match="no pipeline answers at"):
        Refused(1, bench, messages).run()
    # Installed once more it replaces what was there.
    ScanArmer(nowhere, list, say=said.append, optional=True).install(Refused)
    assert Refused(1, bench, messages).run() == 1
    assert len(said) == 1
    assert said[0].startswith(f"this scan is not analysed: no pipeline answers at {nowhere}")


def test_a_run_that_somebody_has_armed_is_not_ended_in_the_place_of_that_of_a_scan(
    live: Live, bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(arming, "LAST_SECONDS", 10 * PATIENCE)
    url = live.placement.controller_url
    with (
        beamloom.connect(url) as scanning,
        beamloom.connect(url) as somebody,
        ThreadPoolExecutor(1) as thread,
    ):
        run = scanning.arm(["camera"])
        ending = thread.submit(arming.end_run, scanning, run, 100, through=False)
        other = somebody.arm(["camera"])
        assert not ending.result(PATIENCE)
        progress = somebody.progress()
        assert (progress.run, progress.finished) == (other, False)
        somebody.stop()
    assert live.finished()["run"] == other


@pytest.mark.long
@pytest.mark.timeout(120)
def test_either_side_may_be_killed_in_a_scan_and_come_back(tmp_path: Path) -> None:
    addresses = addresses_in(tmp_path)
    with (
        running(
            streams_of(addresses),
            worker="seeking:Worker",
            reducer="seeking:Reducer",
            analysis=HERE / "analyses",
        ) as live,
        Bench(addresses) as bench,
    ):
        before, *points, after = generate(positions=[(float(n),) for n in range(12)], motors=["y"])

        class Interfered(Scan):
            def run(self) -> int:
                bench.play("camera", brightness_around(0, 12))
                bench.play("contrast", [before])
                live_until(live, 1)
                for number, _ in enumerate(self._generate_positions()):
                    if number == 4:
                        kill_and_await(live, "controller")
                    bench.play("contrast", [points[number]])
                    live_until(live, number + 2)
                bench.play("contrast", [after])
                return 12

        armer(live, []).install(Interfered)
        # A contrast that was killed has left its run behind.
        with beamloom.connect(live.placement.controller_url) as pipeline:
            left = pipeline.arm(["camera", "contrast"], 100)
        assert Interfered(12, bench, []).run() == 12
        progress = live.finished()
        assert progress["run"] != left
        assert (progress["reduced"], progress["total_events"]) == (14, 14), live.state()


def kill_and_await(live: Live, name: str) -> None:
    """Kill a process, and wait for the next one."""
    pid = live.kill(name)

    def is_back() -> bool:
        return live.pid(name) not in (None, pid) and live.answers() and live.is_ready()

    wait_until(is_back, f"the next {name}")


@pytest.mark.installs
@pytest.mark.timeout(240)
def test_a_mesh_of_contrast_itself_is_analysed_and_ended(
    live: Live, addresses: dict[str, tuple[str, str]], repository: Path
) -> None:
    project = tomllib.loads((repository / "pyproject.toml").read_text())["project"]
    python = python_with(
        repository,
        "contrast",
        "0.0.1",
        ["--constraint", str(repository / "constraints.txt"), "ipython", "h5py", *project["dependencies"]],
    )
    camera = {"camera": addresses["camera"]}
    for intervals, found, peak in ((9, "nothing", 0), (99, "peak", 12)):
        words = [live.placement.controller_url, addresses["contrast"][1], str(intervals), found]
        environment = os.environ | {
            "PYTHONPATH": str(Path(beamloom.__file__).parent.parent),
            "PYTHONUNBUFFERED": "1",
        }
        with (
            Bench(camera) as bench,
            subprocess.Popen(
                [str(python), str(HERE / "contrast_beamline.py"), *words],
                env=environment,
                stdout=subprocess.PIPE,
                text=True,
            ) as beamline,
        ):
            assert beamline.stdout is not None
            lines = []
            for line in beamline.stdout:
                lines.append(line)
                if line.startswith("run "):
                    bench.play("camera", brightness_around(peak, 2 * (intervals + 1)))
            assert beamline.wait(PATIENCE) == 0, "".join(lines)
        progress = live.finished()
        assert f"run {progress['run']} is armed\n" in lines
        if found == "nothing":
            assert progress["reduced"] == progress["total_events"] == 22, live.state()
        else:
            assert any("the analysis has decided after" in line for line in lines), "".join(lines)
            assert progress["reduced"] < 202
