"""``beamloom params set ... --again``: a run that goes on is reduced again from event 0, and swapped in once it has caught up."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests

from beamloom.cli import main
from live.pipelines import ANALYSES, TIMEOUT, Bench, Live, of_camera, running, wait_until
from live.series import open_map, pictures_until

pytestmark = [pytest.mark.processes, pytest.mark.long, pytest.mark.timeout(240)]

LISTENING = """
import signal, sys
from beamloom.cli import main
signal.signal(signal.SIGINT, signal.default_int_handler)
sys.exit(main())
"""
"""The command where Ctrl-C is heard: whoever runs the tests in the background of a shell has it ignored."""


@pytest.fixture
def enough() -> Iterator[threading.Event]:
    """Ends the series of the camera."""
    event = threading.Event()
    try:
        yield event
    finally:
        event.set()


@pytest.fixture
def live(camera: Bench, tmp_path: Path, enough: threading.Event) -> Iterator[Live]:
    """A pipeline in which a run goes on that is recorded."""
    with running(of_camera(camera), recording={"prefix": f"{tmp_path}/"}) as live:
        live.arm(open_map(["camera"]))
        camera.play("camera", pictures_until(enough), rate=50)
        wait_until(lambda: live.completed(20), "some events", live.state)
        yield live
        enough.set()


@contextmanager
def again(live: Live, *words: str) -> Iterator[subprocess.Popen[str]]:
    """The command, in a process of its own."""
    command = [sys.executable, "-c", LISTENING, "params", "set", *words, "--again"]
    with subprocess.Popen(
        [*command, "--url", live.placement.controller_url],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join([str(ANALYSES), *sys.path])},
    ) as making:
        try:
            yield making
        finally:
            making.kill()


def shown(live: Live) -> Any:
    """What the reducer says that it shows in the place of its own result."""
    answer = requests.get(f"{live.placement.reducer_url}/api/v1/status", timeout=TIMEOUT)
    return answer.json().get("shows")


def gains(live: Live) -> set[int]:
    """The values of the parameter that the published result was made with."""
    return set(live.published()["gain"].values())


def test_the_new_result_is_swapped_in_whole_and_holds_every_event(
    live: Live, enough: threading.Event
) -> None:
    with again(live, "gain=5") as making:
        wait_until(lambda: shown(live), "the swap", live.state)
        wait_until(lambda: gains(live) == {5}, "the new result", live.state)
        enough.set()
        said, wrong = making.communicate(timeout=TIMEOUT)
    assert making.returncode == 0, wrong
    assert "caught up" in said
    events = live.finished()["completed_events"]
    tree = live.published()
    assert sorted(tree["gain"]) == list(range(events))
    assert set(tree["gain"].values()) == {5}
    assert {event: tree["pictures"][event]["camera"] for event in range(1, events - 1)} == {
        event: event - 1 for event in range(1, events - 1)
    }
    assert {tree["times"][event] for event in range(1, events - 1)} == {1}
    measured, made = live.get("runs")
    assert made["again_of"] == measured["run"]
    own = f"{live.placement.reducer_url}/api/v1/runs/{measured['run']}/result/$.gain.value"
    answer = requests.get(own, headers={"Accept": "application/json"}, timeout=TIMEOUT)
    assert set(answer.json()[0]) == {1, 5}


def test_who_makes_it_may_be_killed_and_the_live_result_is_shown_again(live: Live) -> None:
    with again(live, "gain=5") as making:
        wait_until(lambda: shown(live), "the swap", live.state)
        making.send_signal(signal.SIGKILL)
        wait_until(lambda: gains(live) == {1, 5}, "the live result", live.state)
    wait_until(lambda: shown(live) is None, "nothing in its place", live.state)
    assert not live.progress()["finished"]


def test_another_change_of_parameters_ends_it_with_a_sentence(live: Live) -> None:
    with again(live, "gain=5") as making:
        wait_until(lambda: live.get("reprocessing"), "the command", live.state)
        live.set(gain=7)
        _, said = making.communicate(timeout=TIMEOUT)
    assert making.returncode != 0
    assert "were changed again" in said
    wait_until(lambda: live.get("reprocessing") == [], "it to be forgotten", live.state)


def test_without_a_recorded_run_that_goes_on_nothing_is_changed(
    camera: Bench, capsys: pytest.CaptureFixture[str]
) -> None:
    with running(of_camera(camera)) as live:
        words = ["params", "set", "gain=5", "--again", "--url", live.placement.controller_url]
        assert main(words) == 2
        assert "no run has been armed" in capsys.readouterr().err
        live.arm(open_map(["camera"]))
        assert main(words) == 2
        assert "was not recorded" in capsys.readouterr().err
        assert live.get("epochs")["values"]["gain"] == 1
        live.post("stop")
        live.finished()
        assert main(words) == 2
        assert "no run goes on" in capsys.readouterr().err
