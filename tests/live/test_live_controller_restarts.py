"""The controller is killed at random moments of a run of real processes; its successor goes on, and nobody can tell from the result.

``BEAMLOOM_DEEP=1`` kills twenty controllers in a run of 50,000 events.
"""

from __future__ import annotations

import os
import random
import threading
from pathlib import Path
from typing import Any

import pytest
import requests

from beamloom.placement.processes import RestartPolicy
from live.pipelines import Bench, Live, check_each_once, of_camera, running, wait_until
from live.series import open_map, pictures, pictures_until, uniform_map
from support.patience import PATIENCE

pytestmark = pytest.mark.processes

DEEP = bool(os.environ.get("BEAMLOOM_DEEP"))
OFTEN = RestartPolicy(first_delay=0.01, longest_delay=0.01, deaths=1000)


def ask(live: Live, path: str) -> Any:
    """The answer of the controller; None while there is none."""
    try:
        return live.get(path)
    except requests.RequestException:
        return None


def progress(live: Live) -> dict[str, Any]:
    """How far the run is, as the next controller that answers says."""
    found: dict[str, Any] = wait_until(lambda: ask(live, "progress"), "a controller")
    return found


def kill(live: Live) -> None:
    """Kill the controller and wait for its successor to have taken over."""
    live.placement.kill("controller")
    wait_until(lambda: ask(live, "status") is None, "its death")
    wait_until(lambda: ask(live, "status"), "its successor")


def reached(live: Live, goal: float) -> dict[str, Any]:
    """Wait until more than ``goal`` events are settled, or the run is over."""

    def there() -> dict[str, Any] | None:
        now = progress(live)
        return now if now["finished"] or now["completed_events"] > goal else None

    found: dict[str, Any] = wait_until(there, "events", live.state, 60)
    return found


def finished(live: Live, timeout: float) -> dict[str, Any]:
    wait_until(lambda: progress(live)["finished"], "the end of the run", live.state, timeout)
    return progress(live)


@pytest.mark.timeout(180 if DEEP else 60)
def test_a_run_of_three_streams_survives_many_controllers(tmp_path: Path) -> None:
    events, kills, streams = *((50_000, 20) if DEEP else (10_000, 4)), ["camera", "left", "right"]
    chance = random.Random(5)
    devices = {stream: ("stins", f"ipc://{tmp_path / stream}") for stream in streams}
    addresses = {stream: {"device": "stins", "url": url} for stream, (_, url) in devices.items()}
    with Bench(devices) as bench, running(addresses, count=2, policy=OFTEN) as live:
        live.arm(uniform_map(streams, events))
        for stream in streams:
            bench.play(stream, pictures(events))
        killed = 0
        for number in range(kills):
            goal = events * (number + chance.random()) / (kills + 1)
            if reached(live, goal)["finished"]:
                break
            kill(live)
            killed += 1
        end = finished(live, 100)
        assert killed >= kills // 2, "the run was over too soon to say anything"
        assert (end["reduced"], end["failed"], end["lost"]) == (events + 2, 0, 0), live.state()
        check_each_once(live, events)
        assert live.published()["finished"], live.state()


def test_parameters_and_the_history_of_runs_are_there_again(camera: Bench) -> None:
    with running(of_camera(camera), policy=OFTEN) as live:
        live.set(gain=3)
        first = live.arm(uniform_map(["camera"], 20))
        camera.play("camera", pictures(20))
        assert live.finished()["reduced"] == 22
        kill(live)
        assert progress(live)["finished"]
        assert live.get("parameter/gain") == 3
        assert [one["run"] for one in live.get("runs")] == [first]
        wait_until(live.is_ready, "everyone", live.state)
        live.set(gain=4)
        second = live.arm(uniform_map(["camera"], 20))
        kill(live)
        camera.play("camera", pictures(20))
        end = finished(live, PATIENCE)
        assert (end["reduced"], end["lost"]) == (22, 0), live.state()
        assert set(live.published()["gain"].values()) == {4}
        assert [one["run"] for one in live.get("runs")] == [second, first]


@pytest.mark.long
def test_an_open_ended_run_goes_on_and_ends(camera: Bench) -> None:
    enough = threading.Event()
    with running(of_camera(camera), policy=OFTEN) as live:
        live.arm(open_map(["camera"]))
        camera.play("camera", pictures_until(enough), rate=500)
        for goal in (100, 400):
            reached(live, goal)
            kill(live)
        enough.set()
        end = finished(live, PATIENCE)
        assert end["lost"] == end["failed"] == 0
        assert end["reduced"] == end["total_events"] > 400


def test_a_controller_that_is_killed_while_it_arms_leaves_a_pipeline_that_can_be_armed(camera: Bench) -> None:
    with running(of_camera(camera), policy=OFTEN) as live:
        for _ in range(3):
            thread = threading.Thread(target=_try_to_arm, args=(live,))
            thread.start()
            live.placement.kill("controller")
            thread.join()
            wait_until(lambda: ask(live, "health") and live.is_ready(), "a controller that knows all")
        live.arm(uniform_map(["camera"], 20))
        camera.play("camera", pictures(20))
        end = finished(live, PATIENCE)
        assert (end["reduced"], end["lost"]) == (22, 0), live.state()


def _try_to_arm(live: Live) -> None:
    url = f"{live.placement.controller_url}/api/v1/sequence"
    try:
        requests.post(url, json=uniform_map(["camera"], 20), timeout=PATIENCE)
    except requests.RequestException:
        return
