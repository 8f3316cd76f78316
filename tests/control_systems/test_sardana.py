"""Sardana and a pipeline: a real Pool and MacroServer, a real pipeline, a camera that is simulated."""

from __future__ import annotations

import math
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from beamloom.devices import stins
from live.pipelines import Bench, Live, running, wait_until
from support.ports import quiet_port

pytest.importorskip("tango", reason="needs PyTango: pip install 'beamloom[tango]'")

from control_systems.sardana_servers import (
    MACROSERVER,
    Sardana,
    macroserver,
    pool,
    sardana_python,
)

pytestmark = [pytest.mark.processes, pytest.mark.installs, pytest.mark.timeout(240)]
ANALYSES = Path(__file__).parent / "analyses"


class Beamline:
    """A pipeline with a camera and the record of the scans, and a Sardana that has been told of it."""

    def __init__(self, live: Live, camera: Bench, sardana: Sardana) -> None:
        self.live = live
        self.camera = camera
        self.sardana = sardana

    def scan(self, *words: str, frames: int, peak: float = 0.0) -> str:
        """Type a scan; when its run is armed the camera sends a series whose brightest frame is ``peak``. Returns its run."""
        run = self.begin(*words)
        self.expose(frames, peak)
        assert self.sardana.ended() == "finish", self.sardana.said()
        return run

    def begin(self, *words: str) -> str:
        """Type a scan; returns the run that it has armed."""
        before = self.live.progress()["run"]
        self.sardana.begin(*words)
        wait_until(lambda: self.live.progress()["run"] != before, "a run", self.sardana.said)
        return str(self.live.progress()["run"])

    def expose(self, frames: int, peak: float) -> None:
        """Have the camera send a series."""
        brightness = (round(1000 * math.exp(-((frame - peak) ** 2) / 50)) for frame in range(frames))
        images = (np.array([[one]], np.uint32) for one in brightness)
        self.camera.play("camera", stins.generate(images=images))

    def all_reduced(self, events: int) -> bool:
        """Whether the run is over, and so many events, start and end among them, are all there were and are reduced."""
        progress = self.live.finished()
        return (progress["reduced"], progress["total_events"]) == (events, events)


@pytest.fixture(scope="module")
def python(repository: Path) -> Path:
    return sardana_python(repository)


@pytest.fixture(scope="module")
def sardana(python: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sardana]:
    folder = tmp_path_factory.mktemp("sardana")
    with pool(python, quiet_port(), folder) as host:
        assert "start it again, and type in spock" in told(host)
        assert "had them already" in told(host)
        with macroserver(python, host) as made:
            made.define()
            yield made


def told(host: str, *words: str) -> str:
    """What ``beamloom sardana`` prints."""
    command = [sys.executable, "-m", "beamloom", "sardana", MACROSERVER, *words]
    environment = os.environ | {"TANGO_HOST": host}
    return subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout


@contextmanager
def beamline_at(sardana: Sardana, folder: Path) -> Iterator[Beamline]:
    """A pipeline of which Sardana is told, by what the command prints."""
    addresses = {"camera": ("stins", f"ipc://{folder / 'camera'}")}
    recorder = f"http://127.0.0.1:{quiet_port()}"
    streams = {
        "camera": {"device": "stins", "url": addresses["camera"][1]},
        "sardana": {"device": "sardana", "url": recorder},
    }
    with (
        Bench(addresses) as camera,
        running(streams, worker="seeking:Worker", reducer="seeking:Reducer", analysis=ANALYSES) as live,
    ):
        lines = told(
            sardana.host, "--url", live.placement.controller_url, "--recorder", recorder
        ).splitlines()
        for line in lines[2:]:
            if not (line.split()[0] == "defgh" and sardana.hooked):
                assert sardana.type(*line.split()) == "finish", sardana.said()
        sardana.hooked = True
        yield Beamline(live, camera, sardana)


@pytest.fixture(scope="module")
def beamline(sardana: Sardana, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Beamline]:
    with beamline_at(sardana, tmp_path_factory.mktemp("beamline")) as made:
        yield made


@pytest.fixture
def own_beamline(sardana: Sardana, tmp_path: Path) -> Iterator[Beamline]:
    """For a test that kills its processes."""
    with beamline_at(sardana, tmp_path) as made:
        yield made


def test_a_step_scan_arms_its_run_and_its_points_are_events(beamline: Beamline) -> None:
    beamline.scan("ascan", "mot", "0", "10", "10", "0.01", frames=11)
    assert beamline.all_reduced(13)
    assert beamline.live.published()["positions"] == list(range(11))


def test_a_continuous_scan_has_an_event_for_each_of_its_points(beamline: Beamline) -> None:
    beamline.scan("ascanct", "mot", "0", "10", "10", "0.05", frames=11)
    assert beamline.all_reduced(13)
    assert beamline.live.published()["positions"] == list(range(11))
    # Two lines of five points.
    beamline.scan("meshct", "mot", "0", "1", "4", "mot2", "0", "1", "1", "0.05", frames=10)
    assert beamline.all_reduced(12)
    assert beamline.live.published()["positions"] == [0, 0.25, 0.5, 0.75, 1] * 2


def test_a_burst_scan_has_several_frames_at_each_point(beamline: Beamline) -> None:
    beamline.sardana.type("senv", "ascan.BeamloomBurst", "5")
    try:
        beamline.scan("ascan", "mot", "0", "3", "3", "0.01", frames=20)
    finally:
        beamline.sardana.type("usenv", "ascan.BeamloomBurst")
    assert beamline.all_reduced(22)
    published = beamline.live.published()
    assert (published["frames"], published["positions"]) == (20, [0, 1, 2, 3])


def test_a_scan_ends_when_the_analysis_has_found_the_peak_and_the_motor_moves_there(
    beamline: Beamline,
) -> None:
    beamline.scan("beamloom_ascan", "mot", "0", "200", "200", "0.01", "peak", frames=201, peak=12)
    said = beamline.sardana.said()
    assert "mot is found at 12" in said
    assert "the analysis has decided after" in said
    assert beamline.sardana.position() == pytest.approx(12)
    assert beamline.live.finished()["reduced"] < 202
    assert beamline.sardana.type("beamloom_result", "peak") == "finish"
    assert "Output: 12.0" in beamline.sardana.said()
    assert beamline.sardana.type("beamloom_result", "$.nothing") == "exception"
    assert "nothing is selected: $ has no 'nothing'" in beamline.sardana.said()


def test_the_feedback_of_the_analysis_steers_a_scan(beamline: Beamline) -> None:
    beamline.live.set(coarse=True)
    try:
        beamline.scan("beamloom_ascan", "mot", "0", "200", "200", "0.05", frames=201, peak=12)
    finally:
        beamline.live.set(coarse=False)
    # At the first point it asks for one far away, and where that has come it stops and says where to go.
    assert 77.0 in beamline.live.published()["positions"]
    assert "mot is found at 5" in beamline.sardana.said()
    assert beamline.sardana.position() == pytest.approx(5)


def test_the_motor_stays_where_the_analysis_finds_nothing(beamline: Beamline) -> None:
    beamline.scan("beamloom_ascan", "mot", "0", "3", "3", "0.01", "peak", frames=4, peak=20)
    assert "the analysis has said no position; mot stays where it is" in beamline.sardana.said()
    assert beamline.sardana.position() == pytest.approx(3)


def test_a_scan_that_is_stopped_ends_its_run(beamline: Beamline) -> None:
    run = beamline.begin("ascan", "mot", "0", "100", "1000", "0.05")
    beamline.expose(1001, 0)
    wait_until(lambda: beamline.live.completed(4), "some points", beamline.sardana.said)
    beamline.sardana.stop()
    assert beamline.sardana.ended() == "stop"
    progress = beamline.live.finished()
    assert progress["run"] == run
    assert 4 <= progress["reduced"] < 1003


def test_what_cannot_be_armed_is_said_and_the_scan_does_not_begin(beamline: Beamline) -> None:
    sardana = beamline.sardana
    sardana.type("senv", "BeamloomStreams", "['eiger']")
    try:
        assert sardana.type("ascan", "mot", "0", "1", "1", "0.01") == "exception"
        assert (
            "'eiger' is named as a stream of the scan, and is no stream of the pipeline: there are camera, sardana"
            in sardana.said()
        )
        assert "Scan #" not in sardana.said()
        sardana.type("senv", "BeamloomOptional", "True")
        assert sardana.type("ascan", "mot", "0", "1", "1", "0.01") == "finish"
        assert "this scan is not analysed: 'eiger'" in sardana.said()
    finally:
        sardana.type("usenv", "BeamloomStreams")
        sardana.type("usenv", "BeamloomOptional")


def test_the_stream_of_the_record_may_be_killed_in_a_scan(own_beamline: Beamline) -> None:
    _kill_in_a_scan(own_beamline, "sardana-ingester")
    assert "the pipeline does not have all" not in own_beamline.sardana.said()
    assert own_beamline.all_reduced(43), own_beamline.live.state()
    assert own_beamline.live.published()["positions"] == list(range(41))


def test_the_controller_may_be_killed_in_a_scan(own_beamline: Beamline) -> None:
    _kill_in_a_scan(own_beamline, "controller")
    wait_until(own_beamline.live.answers, "the next controller")
    assert own_beamline.all_reduced(43), own_beamline.live.state()


def _kill_in_a_scan(beamline: Beamline, name: str) -> None:
    beamline.begin("ascan", "mot", "0", "40", "40", "0.05")
    beamline.expose(41, 0)
    wait_until(lambda: beamline.live.completed(4), "some points", beamline.sardana.said)
    beamline.live.kill(name)
    assert beamline.sardana.ended() == "finish", beamline.sardana.said()


def test_the_macroserver_may_be_killed_in_a_scan(own_beamline: Beamline, python: Path) -> None:
    """The last test: the MacroServer of the others is gone."""
    before = own_beamline.begin("ascan", "mot", "0", "40", "400", "0.05")
    own_beamline.expose(401, 0)
    wait_until(lambda: own_beamline.live.completed(4), "some points", own_beamline.sardana.said)
    own_beamline.sardana.process.kill()
    own_beamline.sardana.process.wait()
    with macroserver(python, own_beamline.sardana.host) as own_beamline.sardana:
        own_beamline.sardana.wait_for_elements()
        assert own_beamline.begin("ascan", "mot", "0", "4", "4", "0.01") != before
        own_beamline.expose(5, 0)
        assert own_beamline.all_reduced(7), own_beamline.live.state()
