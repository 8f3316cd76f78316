"""Controllers that share a store in Redis: one stands by and takes over in the middle of a run, and nothing is lost.

A server that is away stops no run.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from beamloom import connect
from beamloom.placement.processes import RestartPolicy
from live.pipelines import Bench, check_each_once, of_camera, running, wait_until
from live.series import pictures, pictures_held, uniform_map
from support.ports import quiet_address
from support.redis_server import RedisServer, redis_server

pytestmark = [pytest.mark.processes, pytest.mark.timeout(150)]

EVENTS = 400
HALF = 200
NEVER = RestartPolicy(first_delay=1000.0, longest_delay=1000.0)


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[RedisServer]:
    """A store for every controller that is started."""
    (tmp_path / "redis").mkdir()
    with redis_server(tmp_path / "redis") as one:
        monkeypatch.setenv("BEAMLOOM_STORE", one.url)
        yield one


@contextmanager
def standby(addresses: dict[str, str], log: Path) -> Iterator[None]:
    """Another controller at the same addresses."""
    ports = {name: address.rpartition(":")[2] for name, address in addresses.items()}
    command = [sys.executable, "-m", "beamloom", "controller", "--name", "second"]
    command += ["--port", ports["http"], "--mailbox-port", ports["mailbox"]]
    with (
        log.open("wb") as said,
        subprocess.Popen(command, stdout=said, stderr=said, env=os.environ) as process,
    ):
        try:
            wait_until(lambda: "stands by: the controller 'controller'" in log.read_text(), "it to stand by")
            yield
        finally:
            process.terminate()
            process.wait(30)


def addresses() -> dict[str, str]:
    return {"http": quiet_address(), "mailbox": quiet_address()}


@pytest.mark.parametrize("elsewhere", [pytest.param(False, marks=pytest.mark.long), True])
def test_who_stands_by_goes_on_with_the_run_of_a_controller_that_was_killed(
    server: RedisServer, camera: Bench, tmp_path: Path, *, elsewhere: bool
) -> None:
    log = tmp_path / "second.log"
    here = addresses()
    there = addresses() if elsewhere else here
    with running(of_camera(camera), policy=NEVER, controller=here) as live, standby(there, log):
        live.set(takes=0.001)
        run = live.arm(uniform_map(["camera"], EVENTS))
        taken_over = threading.Event()
        camera.play("camera", pictures_held(EVENTS, {HALF: taken_over}))
        wait_until(lambda: live.completed(HALF // 2), "half of the events", live.state)
        live.placement.kill("controller")
        wait_until(lambda: f"run {run} is gone on with" in log.read_text(), "the other controller")
        taken_over.set()
        wait_until(lambda: "HTTP API at" in log.read_text(), "its HTTP API", log.read_text)
        with connect(there["http"]) as pipeline:
            end = pipeline.wait(timeout=60)
            assert (end.run, end.reduced, end.failed, end.lost) == (run, EVENTS + 2, 0, 0), log.read_text()
            assert pipeline.parameters["takes"] == 0.001
            check_each_once(live, EVENTS)
            # Processes that were there before take part in the next run, wherever the controller is.
            pipeline.arm(["camera"], HALF)
            camera.play("camera", pictures(HALF))
            end = pipeline.wait(timeout=60)
            assert (end.reduced, end.failed, end.lost) == (HALF + 2, 0, 0), log.read_text()


@pytest.mark.long
def test_a_server_that_is_away_stops_no_run_and_refuses_the_next_one(
    server: RedisServer, camera: Bench
) -> None:
    with running(of_camera(camera)) as live:
        live.arm(uniform_map(["camera"], EVENTS))
        server.kill()
        camera.play("camera", pictures(EVENTS))
        end = live.finished(60)
        assert (end["reduced"], end["failed"], end["lost"]) == (EVENTS + 2, 0, 0), live.state()
        check_each_once(live, EVENTS)
        wait_until(lambda: not live.is_ready(), "the store's problem to be seen", live.state)
        sentence = live.refusal(uniform_map(["camera"], 1))[1]
        assert "would not survive this process" in sentence
        assert "see whether the server runs and can be reached from here, then arm again" in sentence
        server.start()
        wait_until(live.is_ready, "the store", live.state, 60)
        live.placement.kill("controller")
        wait_until(lambda: live.placement.ask("progress"), "the next controller", str, 60)
        assert live.progress()["reduced"] == EVENTS + 2
