"""``beamloom reprocess``: the recording of a run of a real pipeline is reduced again, and its result stands beside the live one."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from beamloom.cli import main
from live.pipelines import ANALYSES, TIMEOUT, Bench, Live, of_camera, running, wait_until
from live.series import pictures, uniform_map

pytestmark = [pytest.mark.processes, pytest.mark.timeout(240)]

PICTURES = 40
LISTENING = """
import signal, sys
from beamloom.cli import main
signal.signal(signal.SIGINT, signal.default_int_handler)
sys.exit(main())
"""
"""The command where Ctrl-C is heard: whoever runs the tests in the background of a shell has it ignored."""


@pytest.fixture
def live(camera: Bench, tmp_path: Path) -> Iterator[Live]:
    """A pipeline that has recorded one run."""
    with running(of_camera(camera), recording={"prefix": f"{tmp_path}/"}) as live:
        live.set(gain=3)
        live.arm(uniform_map(["camera"], PICTURES))
        camera.play("camera", pictures(PICTURES))
        live.finished()
        yield live


def result(live: Live, run: str, path: str) -> Any:
    """What the reducer shows of a run that is over."""
    url = f"{live.placement.reducer_url}/api/v1/runs/{run}/result/{path}"
    answer = requests.get(url, headers={"Accept": "application/json"}, timeout=TIMEOUT)
    assert answer.status_code == 200, answer.text
    return answer.json()[0]


def by_event(columns: dict[str, list[Any]], name: str) -> dict[int, Any]:
    """A dictionary keyed by events, as JSON has it."""
    return dict(zip(columns["key_0"], columns[name], strict=True))


def test_a_run_is_reduced_again_beside_the_live_result(
    live: Live, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    saved = tmp_path / "again.h5"
    url = live.placement.controller_url
    assert main(["reprocess", "last", "--set", "gain=5", "-o", str(saved), "--url", url]) == 0
    said = capsys.readouterr().out
    measured, again = live.get("runs")
    assert again["again_of"] == measured["run"]
    assert again["changed"] == {"gain": 5}
    assert again["outcome"] == "complete"
    assert f"#runs?compare={measured['run']},{again['run']}" in said
    assert saved.exists()
    before, after = (result(live, one["run"], "$") for one in (measured, again))
    assert set(before["gain"]["value"]) == {3}
    assert set(after["gain"]["value"]) == {5}
    assert by_event(before["pictures"], "camera") == by_event(after["pictures"], "camera")
    assert by_event(before["times"], "value") == by_event(after["times"], "value")
    told = live.get(f"runs/{again['run']}")
    assert told["epochs"][0]["values"]["gain"] == 5
    assert told["coverage"].startswith("Complete")
    assert set(live.published()["gain"].values()) == {3}
    wait_until(lambda: live.get("reprocessing") == [], "it to be over", live.state)


@pytest.mark.long
def test_ctrl_c_says_how_far_it_was_and_leaves_no_trace(live: Live) -> None:
    command = [sys.executable, "-c", LISTENING, "reprocess", "last", "--set", "takes=1"]
    with subprocess.Popen(
        [*command, "--url", live.placement.controller_url],
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join([str(ANALYSES), *sys.path])},
    ) as making:
        wait_until(lambda: [one for one in live.get("reprocessing") if one["done"]], "an event", live.state)
        making.send_signal(signal.SIGINT)
        _, said = making.communicate(timeout=TIMEOUT)
    assert making.returncode == 130
    assert "nothing of it is shown" in said
    wait_until(lambda: live.get("reprocessing") == [], "it to be over", live.state)
    assert len(live.get("runs")) == 1


@pytest.mark.long
def test_a_run_without_a_recording_is_refused_with_what_to_do(
    camera: Bench, capsys: pytest.CaptureFixture[str]
) -> None:
    with running(of_camera(camera)) as live:
        url = live.placement.controller_url
        assert main(["reprocess", "last", "--url", url]) == 2
        assert "no run has been armed yet" in capsys.readouterr().err
        live.arm(uniform_map(["camera"], 1))
        assert main(["reprocess", "last", "--url", url]) == 2
        assert "params set NAME=VALUE --again" in capsys.readouterr().err
        camera.play("camera", pictures(1))
        live.finished()
        assert main(["reprocess", "last", "--url", url]) == 2
        assert "record_prefix" in capsys.readouterr().err
        assert main(["reprocess", "nobody", "--url", url]) == 2
        assert "no run whose id begins with 'nobody'" in capsys.readouterr().err
