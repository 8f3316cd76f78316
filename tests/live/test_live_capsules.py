"""From a real pipeline whose user code fails to the call that is made again, in the debugger's place and as a test."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests

from beamloom import connect
from beamloom.capsules import read_capsule
from live.pipelines import ANALYSES, TIMEOUT, Bench, Live, of_camera, running, wait_until
from live.series import pictures, uniform_map
from support.ports import quiet_address

pytestmark = [pytest.mark.processes, pytest.mark.timeout(240)]

EVENTS = 40
BAD = 17


@contextmanager
def harmed(camera: Bench, folder: Path, reducer: str = "harmful:Reducer", **more: Any) -> Iterator[Live]:
    settings = {"capsule_dir": str(folder), "heartbeat_timeout": 2.0, **more.pop("settings", {})}
    with running(
        of_camera(camera), worker="harmful:Worker", reducer=reducer, settings=settings, **more
    ) as live:
        yield live


def run(live: Live, camera: Bench, **parameters: Any) -> dict[str, Any]:
    live.set(**parameters)
    live.arm(uniform_map(["camera"], EVENTS))
    camera.play("camera", pictures(EVENTS))
    return live.finished(60.0)


def command(*words: str | Path) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, "-m", *map(str, words)]
    return subprocess.run(
        argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=150
    )


def fetched(live: Live, error: dict[str, Any], folder: Path) -> Path:
    """The first capsule of a kind of failure, as it comes over HTTP."""
    href = error["capsules"][0]["href"]
    answer = requests.get(f"{live.placement.controller_url}{href}", timeout=TIMEOUT)
    assert answer.status_code == 200, answer.text
    path = folder / Path(href).name
    path.write_bytes(answer.content)
    return path


def test_the_call_that_raised_in_a_worker_is_made_again_and_becomes_a_test(
    camera: Bench, tmp_path: Path
) -> None:
    with harmed(camera, tmp_path / "capsules") as live:
        end = run(live, camera, harm_at=BAD, harm="nonsense")
        assert (end["failed"], end["lost"]) == (1, 0), live.state()
        (error,) = live.get("errors")
        assert (error["first_event"], error["last_event"], error["error"]) == (BAD, BAD, "ValueError")
        assert "beamloom debug event-17-worker-" in error["what_to_do"]
        with connect(live.placement.controller_url) as pipeline:
            (failure,) = pipeline.errors()
            assert failure.what_to_do == error["what_to_do"]
            assert "beamloom debug" in str(failure)
        path = fetched(live, error, tmp_path)
        said = [line for name in ("worker-1", "worker-2") for line in live.placement.output(name)]
        assert any(f"beamloom debug {tmp_path}/capsules/" in line for line in said), said
        missing = f"{live.placement.controller_url}/api/v1/capsules/x/y.capsule"
        assert requests.get(missing, timeout=TIMEOUT).status_code == 404
        elsewhere = requests.get(missing.replace("y.capsule", "event-1-worker-2-ab.capsule"), timeout=TIMEOUT)
        assert f"capsule_dir of worker-2 on the host {socket.gethostname()}" in elsewhere.json()["detail"]
    again = command("beamloom", "debug", path)
    assert again.returncode == 1
    assert "in do_harm" in again.stderr
    assert "ValueError: nonsense" in again.stderr

    mended = tmp_path / "mended"
    mended.mkdir()
    source = (ANALYSES / "harmful.py").read_text()
    (mended / "harmful.py").write_text(source)
    written = command("beamloom", "debug", path, "--analysis", mended, "--test", mended)
    assert written.returncode == 0, written.stderr
    test = mended / "test_event_17_{}.py".format(path.stem.partition("event-17-")[2].replace("-", "_"))
    assert test.exists(), written.stdout
    failing = command("pytest", "-p", "no:cacheprovider", "-q", test)
    assert failing.returncode == 1, failing.stdout
    assert "ValueError: nonsense" in failing.stdout
    (mended / "harmful.py").write_text(source.replace("raise ValueError(harm)", "return None"))
    assert command("pytest", "-p", "no:cacheprovider", "-q", test).returncode == 0


@pytest.mark.long
def test_the_event_that_crashes_its_worker_leaves_a_capsule_that_crashes_again(
    camera: Bench, tmp_path: Path
) -> None:
    with harmed(camera, tmp_path / "capsules") as live:
        end = run(live, camera, harm_at=BAD, harm="segfault")
        assert (end["failed"], end["lost"]) == (1, 0), live.state()
        (error,) = live.get("errors")
        path = fetched(live, error, tmp_path)
        assert len(list((tmp_path / "capsules").rglob("*.capsule"))) == 1
    assert read_capsule(path).died
    again = command("beamloom", "debug", path)
    assert again.returncode not in (0, 1, 2)
    assert "Segmentation fault" in again.stderr
    assert "in do_harm" in again.stderr
    written = command("beamloom", "debug", path, "--test", tmp_path / "test_crash.py")
    assert written.returncode == 0, written.stderr
    failing = command("pytest", "-p", "no:cacheprovider", "-q", tmp_path / "test_crash.py")
    assert failing.returncode == 1
    assert "Segmentation fault" in failing.stdout


def test_the_call_that_raised_in_the_reducer_is_made_again(camera: Bench, tmp_path: Path) -> None:
    with harmed(camera, tmp_path / "capsules", "harmful:HarmedReducer") as live:
        end = run(live, camera, result_harm_at=BAD, result_harm="raise")
        assert (end["failed"], end["lost"]) == (1, 0), live.state()
        path = fetched(live, live.get("errors")[0], tmp_path)
    again = command("beamloom", "debug", path)
    assert again.returncode == 1
    assert f"ValueError: no room for {BAD}" in again.stderr


@pytest.mark.parametrize("harm", ["segfault", pytest.param("exit at once", marks=pytest.mark.long)])
def test_a_result_that_ends_each_reducer_is_set_aside_and_the_run_goes_on(
    camera: Bench, tmp_path: Path, harm: str
) -> None:
    with harmed(camera, tmp_path / "capsules", "harmful:HarmedReducer") as live:
        end = run(live, camera, result_harm_at=BAD, result_harm=harm)
        assert (end["reduced"], end["failed"], end["lost"]) == (EVENTS + 1, 1, 0), live.state()
        (error,) = live.get("errors")
        assert (error["error"], error["events"]) == ("ReducerDied", [BAD])
        assert ("in process_result" in error["traceback"]) == (harm == "segfault")
        deaths = 2 if harm == "segfault" else 3
        assert f"the reducer died {deaths} times with the result of event {BAD}" in error["message"]
        assert [one.restarts for one in live.placement.status() if one.name == "reducer"] == [deaths]
        times = live.published()["times"]
        # Both workers see the start and the end.
        assert times == {event: 1 + (event in (0, EVENTS + 1)) for event in range(EVENTS + 2) if event != BAD}
        assert read_capsule(fetched(live, error, tmp_path)).died


@pytest.mark.long
def test_errors_and_their_capsules_are_those_of_the_run_also_for_the_next_controller(
    camera: Bench, tmp_path: Path
) -> None:
    with harmed(camera, tmp_path / "capsules", settings={"max_failed": 0}) as live:
        live.set(harm_at=BAD, harm="nonsense", takes=0.02)
        live.arm(uniform_map(["camera"], EVENTS))
        camera.play("camera", pictures(EVENTS))
        wait_until(lambda: live.progress()["degraded"], "the failure", live.state)
        before, degraded = live.get("errors"), live.progress()["degraded"]
        live.placement.kill("controller")
        wait_until(lambda: answers(live), "the next controller")
        assert live.get("errors") == before
        assert live.finished(60.0)["degraded"] == degraded
        assert live.get("errors") == before


def answers(live: Live) -> bool:
    try:
        return bool(live.progress()["run"])
    except requests.RequestException:
        return False


def test_up_says_at_its_end_what_failed_and_its_status_is_that_of_replay(
    camera: Bench, tmp_path: Path
) -> None:
    pipeline = tmp_path / "pipeline.yaml"
    http = quiet_address()
    pipeline.write_text(
        f"""
streams: {{camera: {{device: stins, url: "{camera.url("camera")}"}}}}
workers: {{class: "harmful:Worker", count: 1}}
reducer: {{class: "harmful:Reducer", http: "{quiet_address()}"}}
controller: {{http: "{http}", mailbox: "{quiet_address()}"}}
analysis: {ANALYSES}
settings: {{capsule_dir: {tmp_path / "capsules"}}}
parameters: {{harm_at: {BAD}, harm: nonsense}}
"""
    )
    argv = [sys.executable, "-m", "beamloom", "up", str(pipeline), "--plain"]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as up:
        try:
            wait_until(lambda: _ready(http), "the pipeline")
            with connect(http) as controller:
                controller.arm(["camera"], EVENTS)
                camera.play("camera", pictures(EVENTS))
                controller.wait(timeout=60)
            up.terminate()
            said, _ = up.communicate(timeout=60)
        finally:
            up.kill()
    assert up.returncode == 1, said
    assert f"{EVENTS + 2} events: {EVENTS + 1} reduced, 1 failed, 0 lost" in said
    assert f"failed at event {BAD}: ValueError: nonsense" in said
    assert "beamloom debug" in said


def _ready(http: str) -> bool:
    try:
        return requests.get(f"http://{http}/api/v1/health", timeout=TIMEOUT).status_code == 200
    except requests.RequestException:
        return False


def test_capsules_are_their_owners_alone(camera: Bench, tmp_path: Path) -> None:
    with harmed(camera, tmp_path / "capsules") as live:
        run(live, camera, harm_at=BAD, harm="nonsense")
    (folder,) = (tmp_path / "capsules").iterdir()
    assert os.stat(folder).st_mode & 0o077 == 0
