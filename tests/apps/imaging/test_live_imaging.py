"""Real processes: what is published live is what a replay of the recorded run publishes, and what one process does."""

from __future__ import annotations

from pathlib import Path

import pytest

from apps.runs import analysed, assert_same, camera_events, camera_messages, parameters_of, plain
from beamloom.apps.imaging import PhotonSimulation, Reducer, Worker
from beamloom.replay import replay
from live.pipelines import Bench, of_camera, running, wait_until
from live.series import uniform_map

pytestmark = pytest.mark.processes
PHOTONS = PhotonSimulation(seed=9)
GIVEN = {"photon_threshold": 20, "photon_offset": 100, "regions": [[0, 0, 20, 20]]}
FRAMES = 60


def test_live_replay_and_one_process_agree_to_the_bit_though_a_worker_dies(tmp_path: Path) -> None:
    images = [PHOTONS.frame(index) for index in range(FRAMES)]
    with Bench({"camera": ("stins", "tcp://127.0.0.1:*")}) as camera:
        with running(
            of_camera(camera),
            worker="beamloom.apps.imaging:Worker",
            reducer="beamloom.apps.imaging:Reducer",
            parameters=GIVEN,
            analysis=tmp_path,
            recording={"prefix": f"{tmp_path}/"},
        ) as live:
            live.arm(uniform_map(["camera"], FRAMES))
            camera.play("camera", camera_messages(images), rate=200)
            wait_until(lambda: live.completed(FRAMES // 2), "half of the events", live.state)
            live.placement.kill("worker-1")
            end = live.finished()
            assert (end["reduced"], end["failed"], end["lost"]) == (FRAMES + 2, 0, 0), live.state()
            published = plain(live.published())
    report = replay(Worker, Reducer, sorted(tmp_path.glob("*.cbors")))
    assert not report.failures
    assert_same(plain(report.publish), published)
    assert_same(analysed(Worker, Reducer, camera_events(images), parameters_of(Worker, **GIVEN)), published)
