"""Whatever process dies in the middle of a run: the run ends, and the account says what became of every event."""

from __future__ import annotations

from pathlib import Path

import pytest

from live.pipelines import Bench, check_each_once, of_camera, running, wait_until
from live.series import pictures, uniform_map

pytestmark = pytest.mark.processes

QUICK = {"heartbeat_interval": 0.1, "heartbeat_timeout": 0.6}


def test_a_run_survives_the_death_of_one_of_two_workers(camera: Bench) -> None:
    events = 3000
    with running(of_camera(camera), parameters={"takes": 0.0005}) as live:
        live.arm(uniform_map(["camera"], events))
        camera.play("camera", pictures(events), rate=1500)
        wait_until(lambda: live.completed(500), "the first events", live.state)
        live.placement.kill("worker-1")
        end = live.finished()
        assert (end["reduced"], end["failed"], end["lost"]) == (events + 2, 0, 0), live.state()
        assert end["redelivered"] > 0
        check_each_once(live, events)


def test_a_run_ends_when_an_ingester_dies_and_the_next_one_works(tmp_path: Path) -> None:
    events = 1000
    camera = {"camera": ("stins", f"ipc://{tmp_path / 'camera'}")}
    with running({"camera": {"device": "stins", "url": camera["camera"][1]}}, settings=QUICK) as live:
        with Bench(camera) as bench:
            live.arm(uniform_map(camera, events))
            bench.play("camera", pictures(events), rate=1000)
            wait_until(lambda: live.completed(200), "the first events", live.state)
            live.placement.kill("camera-ingester")
            end = live.finished()
        assert end["failed"] == 0
        assert end["reduced"] + end["lost"] == end["total_events"] == events + 2
        assert all(
            loss["cause"].startswith("the ingester of stream 'camera' is gone") for loss in end["losses"]
        )

        wait_until(live.is_ready, "its next life", live.state)
        with Bench(camera) as bench:
            live.arm(uniform_map(camera, 50))
            bench.play("camera", pictures(50))
            end = live.finished()
        assert (end["reduced"], end["failed"], end["lost"]) == (52, 0, 0)
        check_each_once(live, 50)
