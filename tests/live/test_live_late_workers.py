"""Workers that come late or come back take part, with what held for the events that they get, and nothing is reduced twice."""

from __future__ import annotations

import signal
import threading

import pytest

from beamloom.placement import LocalPlacement, ProcessSpec
from live.pipelines import Bench, Live, check_each_once, of_camera, running, wait_until
from live.series import open_map, pictures, pictures_until, uniform_map
from support.patience import PATIENCE

pytestmark = pytest.mark.processes

QUICK = {"heartbeat_interval": 0.1, "heartbeat_timeout": 0.6}


def late_worker(live: Live) -> ProcessSpec:
    """One more worker, like the first."""
    first = next(spec for spec in live.placement.layout.processes if spec.name == "worker-1")
    argv = tuple("--name=late" if word == "--name=worker-1" else word for word in first.argv)
    return ProcessSpec("late", argv)


@pytest.mark.parametrize("changes", [pytest.param(0, marks=pytest.mark.long), 3])
def test_a_late_worker_gets_the_start_and_takes_part(camera: Bench, changes: int) -> None:
    enough = threading.Event()
    with running(of_camera(camera), count=1) as live:
        live.arm(open_map(["camera"]))
        camera.play("camera", pictures_until(enough), rate=500)
        wait_until(lambda: live.completed(50), "the first events", live.state)
        for gain in range(2, 2 + changes):
            live.set(gain=gain)
        wait_until(lambda: 1 + changes in live.published()["gain"].values(), "the last gain", live.state)
        with LocalPlacement([late_worker(live)], quiet=True):
            wait_until(lambda: live.peer("late"), "the late worker", live.state)
            wait_until(
                lambda: "late" in live.published()["saw_start"], "its first result", live.state, PATIENCE
            )
            known = live.published()["worker"]
            wait_until(
                lambda: "late" in [w for e, w in live.published()["worker"].items() if e not in known],
                "it to take part",
                live.state,
            )
            enough.set()
            end = live.finished()
            assert (end["failed"], end["lost"]) == (0, 0)
            assert live.published()["saw_start"] == {"worker-1": True, "late": True}
            check_each_once(live, end["total_events"] - 2)


def test_the_events_of_a_dead_worker_keep_the_parameters_that_held_for_them(camera: Bench) -> None:
    events = 100
    with running(of_camera(camera), count=1, parameters={"takes": 0.01}) as live:
        live.arm(uniform_map(["camera"], events))
        camera.play("camera", pictures(events))
        wait_until(lambda: live.completed(20), "the first events", live.state)
        live.set(gain=2)
        live.placement.kill("worker-1")
        end = live.finished(timeout=8.0)
        assert (end["failed"], end["lost"]) == (0, 0)
        assert end["redelivered"] > 0
        gains = live.published()["gain"]
        assert [gains[event] for event in sorted(gains)] == sorted(gains.values())
        assert set(gains.values()) == {1, 2}
        check_each_once(live, events)


def test_a_worker_that_stands_still_is_replaced_and_comes_back_without_doubling(camera: Bench) -> None:
    enough = threading.Event()
    with running(of_camera(camera), settings=QUICK) as live:
        live.arm(open_map(["camera"]))
        camera.play("camera", pictures_until(enough), rate=800)
        wait_until(lambda: live.completed(100), "the first events", live.state)
        wait_until(
            lambda: live.published()["times"][0] == 2, "both workers to have seen the start", live.state
        )
        former = live.peer("worker-1")
        live.placement.kill("worker-1", signal.SIGSTOP)
        wait_until(lambda: live.peer("worker-1") is None, "worker-1 to be given up", live.state)
        before = live.progress()["completed_events"]
        wait_until(lambda: live.completed(before + 100), "worker-2 to go on alone", live.state)
        live.placement.kill("worker-1", signal.SIGCONT)
        present = wait_until(lambda: live.peer("worker-1"), "worker-1 to come back", live.state)
        assert present != former
        # Who comes back sees the start again, as everybody who comes late.
        wait_until(lambda: live.published()["times"][0] == 3, "worker-1 to take part again", live.state)
        enough.set()
        end = live.finished()
        assert (end["failed"], end["lost"]) == (0, 0)
        assert end["reduced"] == end["total_events"]
        assert end["redelivered"] > 0
        check_each_once(live, end["total_events"] - 2)
        assert all(status.restarts == 0 for status in live.placement.status())


def test_a_run_is_armed_right_after_the_death_of_one_of_two_workers(camera: Bench) -> None:
    with running(of_camera(camera)) as live:
        live.placement.kill("worker-1")
        live.arm(uniform_map(["camera"], 100))
        camera.play("camera", pictures(100))
        end = live.finished()
        assert (end["reduced"], end["failed"], end["lost"]) == (102, 0, 0)
        check_each_once(live, 100)
