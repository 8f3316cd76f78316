"""Real processes: a class that was written for OM gets every frame once, also when a worker is killed, and as a replay does."""

from __future__ import annotations

import functools
import sys
from pathlib import Path
from typing import Any

import pytest

from apps.camera_series import source_of
from apps.crystallography.series import SIMULATION, messages, packets
from beamloom.apps.om import Reducer, Worker
from beamloom.parameters import ParameterSet
from beamloom.replay import Replay
from live.pipelines import Bench, of_camera, running, wait_until
from live.series import uniform_map

pytestmark = pytest.mark.processes
ANALYSIS = Path(__file__).parent / "analysis"
FRAMES = 100
BROKEN = 17


@functools.cache
def truth() -> list[int]:
    """The sum of each frame."""
    return [int(SIMULATION.frame(index).sum()) for index in range(FRAMES)]


def threshold() -> int:
    return sorted(truth())[FRAMES // 2]


def prepared(folder: Path, name: str) -> dict[str, Any]:
    file = folder / f"{name}.yaml"
    file.write_text(
        f"brightness: {{threshold: {threshold()}, ask_every: 10, breaks_at: {BROKEN}, file: {folder / name}.lst}}\n"
    )
    return {
        "processing_class": "brightness:BrightnessProcessing",
        "monitor_file": str(file),
        "node_pool_size": 3,
        "waiting_interval": 0.01,
    }


def check(tree: dict[str, Any], listed: Path) -> None:
    """Every frame but the broken one was collected once."""
    whole = [one for index, one in enumerate(truth()) if index != BROKEN]
    assert tree["frames"] == len(whole)
    assert tree["total"] == sum(whole)
    assert tree["hits"] == sum(one > threshold() for one in whole)
    ids = [f"camera // {index}" for index in range(FRAMES) if index != BROKEN]
    assert listed.read_text().split("\n") == sorted(ids)


def test_every_frame_reaches_the_collecting_node_once_though_a_worker_is_killed(tmp_path: Path) -> None:
    with Bench({"camera": ("stins", "tcp://127.0.0.1:*")}) as camera:
        with running(
            of_camera(camera),
            worker="beamloom.apps.om:Worker",
            reducer="beamloom.apps.om:Reducer",
            parameters=prepared(tmp_path, "live"),
            analysis=ANALYSIS,
        ) as live:
            live.arm(uniform_map(["camera"], FRAMES))
            camera.play("camera", messages(FRAMES), rate=100)
            wait_until(lambda: live.completed(FRAMES // 2), "half of the events", live.state)
            live.placement.kill("worker-1")
            end = live.finished()
            assert (end["reduced"], end["failed"], end["lost"]) == (FRAMES + 1, 1, 0), live.state()
            [error] = live.get("errors")
            assert error["message"] == f"frame {BROKEN} is broken"
            tree = live.published()
    check(tree, tmp_path / "live.lst")
    assert tree["answered"] > 0
    assert tree["waited"] > 0
    # The one that was killed need not be back at the end.
    assert tree["ends"] >= 1


def test_a_replay_gives_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ANALYSIS))
    given = ParameterSet.from_values(prepared(tmp_path, "replayed"), Worker.describe_parameters())
    replay = Replay(Worker, Reducer, source=source_of(packets(FRAMES)), parameters=given.to_wire())
    report = replay.run()
    sys.modules.pop("brightness", None)
    tree = report.publish
    check(tree, tmp_path / "replayed.lst")
    assert tree["ends"] == 2
    assert tree["counted"] == FRAMES
