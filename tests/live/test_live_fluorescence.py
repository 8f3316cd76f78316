"""The first analysis in four ways: written for dranspose and for Beamloom, live and in replay of what the live run recorded."""

from __future__ import annotations

import pickle
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import requests

from beamloom.devices.captures import read_capture
from live.pipelines import Bench, running, wait_until
from live.series import uniform_map
from support.patience import PATIENCE
from support.ports import quiet_address

pytestmark = pytest.mark.processes

POINTS = 20
ROI = [0, 10]
"""Channels in which the captured spectra have counts."""
CAPTURES = {"contrast": "contrast-dump.cbors", "xspress3": "xspress3-dump.cbors"}
ANALYSES = {
    "dranspose": ("worker:FluorescenceWorker", "reducer:FluorescenceReducer"),
    "beamloom": ("beamloom_fluorescence:Worker", "beamloom_fluorescence:Reducer"),
}

Map = dict[tuple[float, float], dict[str, int]]


def live_map(analysis: str, example: Path, captures: Path, recordings: Path) -> Map:
    """The map of a live run over the captures."""
    worker, reducer = ANALYSES[analysis]
    with Bench({stream: (stream, "tcp://127.0.0.1:*") for stream in CAPTURES}) as devices:
        streams = {stream: {"device": stream, "url": devices.url(stream)} for stream in CAPTURES}
        with running(
            streams,
            worker=worker,
            reducer=reducer,
            analysis=example,
            parameters={"roi1": ROI},
            recording={"prefix": f"{recordings}/{analysis}-"},
        ) as live:
            live.arm(uniform_map(CAPTURES, POINTS))
            for stream, file in CAPTURES.items():
                devices.play(stream, read_capture(captures / file))
            end = live.finished()
            assert (end["reduced"], end["failed"], end["lost"]) == (POINTS + 2, 0, 0)
            return read_like_a_notebook(live.placement.reducer_url)


def replayed_map(analysis: str, example: Path, recordings: Path) -> Map:
    """The map of a replay of that run, in a process of its own."""
    worker, reducer = ANALYSES[analysis]
    files = sorted(recordings.glob(f"{analysis}-*.cbors"))
    assert len(files) == 2
    host = quiet_address()
    command = [
        sys.executable,
        "-m",
        "beamloom",
        "replay",
        "-w",
        worker,
        "-r",
        reducer,
        "-f",
        *map(str, files),
    ]
    with subprocess.Popen(
        [*command, f"--port={host.partition(':')[2]}", "--keep-alive"],
        cwd=example,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as replay:
        address = f"http://{host}"
        try:
            wait_until(lambda: replay.poll() is not None or is_finished(address), "the end of the replay")
            return read_like_a_notebook(address)
        finally:
            replay.send_signal(signal.SIGINT)
            try:
                output, _ = replay.communicate(timeout=PATIENCE)
            finally:
                replay.kill()
            assert replay.returncode == 0, output
            assert "Traceback" not in output


def is_finished(address: str) -> bool:
    """Whether the run of a replay is over; it may not serve yet."""
    try:
        return bool(requests.get(f"{address}/api/v1/progress", timeout=PATIENCE).json()["finished"])
    except requests.RequestException:
        return False


def read_like_a_notebook(address: str) -> Map:
    """The whole publish tree by one plain request."""
    content = requests.get(f"{address}/api/v1/result/$", timeout=PATIENCE).content
    tree: dict[str, Any] = pickle.loads(content)[0]
    found: Map = tree["map"]
    return found


@pytest.mark.parametrize("analysis", ANALYSES)
def test_live_and_replayed_give_the_map_of_the_capture(
    analysis: str, repository: Path, shared_data: Path, tmp_path: Path
) -> None:
    example = repository / "examples" / "fluorescence"
    captured = captured_map(shared_data / "captures")
    assert len(captured) == POINTS
    assert live_map(analysis, example, shared_data / "captures", tmp_path) == captured
    assert replayed_map(analysis, example, tmp_path) == captured


def captured_map(captures: Path) -> Map:
    """Positions and counts as they stand in the captures, read without Beamloom's devices."""
    points = [pickle.loads(frames[0]) for frames in read_capture(captures / CAPTURES["contrast"])]
    positions = [
        (point["pseudo"]["x"][0], point["pseudo"]["y"][0]) for point in points if point["status"] == "running"
    ]
    spectra = [
        np.frombuffer(frames[0], np.uint32).reshape(4, 4096)
        for frames in read_capture(captures / CAPTURES["xspress3"])
        if len(frames[0]) == 4 * 4096 * 4
    ]
    counts = [int(spectrum[3, slice(*ROI)].sum()) for spectrum in spectra]
    assert sum(counts) > 0
    return {position: {"roi1": count} for position, count in zip(positions, counts, strict=True)}
