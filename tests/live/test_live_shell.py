"""A pipeline steered from a shell: ``beamloom arm``, ``stop``, ``status``, ``params``."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from beamloom.cli import main
from beamloom.triggermap import burst, uniform
from live.conftest import CAMERAS
from live.pipelines import Bench, Live, wait_until
from live.series import pictures, pictures_until
from support.patience import PATIENCE

pytestmark = pytest.mark.processes


class Shell:
    """Commands that are given to one pipeline, in this process."""

    def __init__(self, live: Live, capsys: pytest.CaptureFixture[str]) -> None:
        self.url = live.placement.controller_url
        self._capsys = capsys

    def does(self, *words: str, status: int = 0) -> str:
        """What a command prints; where it fails, what it says on the standard error."""
        options = ["--url", self.url] if words[0] == "params" else [self.url]
        assert main([*words, *options]) == status
        said = self._capsys.readouterr()
        return said.err if status == 2 else said.out


@pytest.fixture
def shell(live: Live, capsys: pytest.CaptureFixture[str]) -> Shell:
    return Shell(live, capsys)


def test_a_run_is_armed_waited_for_and_told(live: Live, cameras: Bench) -> None:
    command = [
        sys.executable,
        "-m",
        "beamloom",
        "arm",
        "--events",
        "9",
        "--wait",
        live.placement.controller_url,
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as arming:
        assert arming.stdout is not None
        armed = arming.stdout.readline()
        for camera in CAMERAS:
            cameras.play(camera, pictures(9))
        rest, _ = arming.communicate(timeout=PATIENCE)
    run = live.progress()["run"]
    assert (
        armed
        == f"run {run} is armed: front, side; 11 events, its start and end among them; the devices may send\n"
    )
    assert rest.splitlines() == [
        f"run {run[:8]} finished: 11 of 11 events settled",
        "Complete: all 11 events are in the result.",
    ]
    assert arming.returncode == 0


def test_a_run_of_which_events_fail_is_told_by_the_exit_status(
    live: Live, shell: Shell, cameras: Bench
) -> None:
    shell.does("params", "set", "fails_at=3")
    shell.does("arm", "--events", "9", "--streams", "front")
    cameras.play("front", pictures(9))
    live.finished()
    lines = shell.does("status", status=1).splitlines()
    assert lines[0].endswith("11 of 11 events settled, 1 failed")
    assert lines[2:] == ["streams: front, side", "ready for the next run"]
    told = json.loads(shell.does("status", "--json", status=1))
    assert (told["progress"]["failed"], told["coverage"]["failed"], told["problems"]) == (1, [[3, 3]], [])


def test_a_run_goes_on_until_it_is_stopped(live: Live, shell: Shell, cameras: Bench) -> None:
    shell.does("arm", "--until-stopped", "--streams", "side", "--batch", "4")
    enough = threading.Event()
    cameras.play("side", pictures_until(enough))
    wait_until(lambda: live.completed(20), "twenty events", live.state)
    assert shell.does("stop").endswith("is told to stop\n")
    enough.set()
    end = live.finished()
    assert (end["stopped"], end["total_events"] is None) == ("asked to stop over HTTP", False)
    assert shell.does("stop").startswith("nothing to stop: run ")


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--events", "6"], uniform(["side"], 6)),
        (["--events", "6", "--burst", "3", "--batch", "3"], burst(["side"], 2, 3, [], size=3)),
    ],
)
def test_what_is_armed_is_the_map_of_its_builder(
    live: Live, shell: Shell, cameras: Bench, words: list[str], expected: object
) -> None:
    shell.does("arm", "--streams", "side", *words)
    assert live.get("sequence") == json.loads(expected.encode())  # type: ignore[attr-defined]
    shell.does("stop", "--wait")


def test_parameters_are_listed_read_and_set_together(live: Live, shell: Shell, tmp_path: Path) -> None:
    listed = shell.does("params", "get").splitlines()
    assert [line.split()[0] for line in listed] == sorted(line.split()[0] for line in listed)
    assert shell.does("params", "set", "gain=3", "fails_at=7") == "gain = 3\nfails_at = 7\n"
    assert shell.does("params", "get", "gain", "fails_at") == "3\n7\n"
    assert json.loads(shell.does("params", "get", "gain", "--json")) == {"gain": 3}
    said = shell.does("params", "set", "gain=4", "takes=soon", status=2)
    assert "parameter 'takes'" in said
    assert shell.does("params", "get", "gain") == "3\n"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (
            ["arm", "--events", "10", "--burst", "3"],
            "10 events are no whole number of points with 3 events each",
        ),
        (["arm", "--events", "10", "--overlap", "1", "--batch", "2"], "give --overlap alone"),
        (["arm", "--until-stopped", "--burst", "2"], "need a number of events"),
        (["arm", "--events", "10", "--record", "side"], "give --burst"),
        (["arm", "--events", "10", "--stop-when-failed"], "needs --max-failed"),
        (["arm", "--map", "nowhere.json"], "nowhere.json cannot be read: No such file"),
        (["arm", "--map", "nowhere.json", "--streams", "side"], "give --map alone"),
        (["arm", "--events", "3", "--streams", "fornt"], "stream 'fornt' not available"),
        (["params", "get", "gian"], "there is no parameter 'gian' (did you mean 'gain'?)"),
        (["params", "set", "gain"], "'gain' is not of the form NAME=VALUE"),
        (["params", "set", "gain=@nowhere"], "nowhere cannot be read: No such file"),
    ],
)
def test_what_cannot_be_is_said_in_a_sentence(shell: Shell, words: list[str], said: str) -> None:
    assert said in shell.does(*words, status=2)
