"""Real processes: a scan live is that of a replay and of one process."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from apps.runs import analysed, assert_same, parameters_of, plain
from apps.spectroscopy.series import box_messages, scan, series, settings
from beamloom.apps.spectroscopy import Reducer, Simulation, Worker
from beamloom.replay import replay
from live.pipelines import Bench, running, wait_until
from live.series import uniform_map

pytestmark = pytest.mark.processes
SIMULATION = Simulation(seed=4)


def test_live_replay_and_one_process_agree_to_the_bit_though_a_worker_dies(tmp_path: Path) -> None:
    np.save(tmp_path / "mask.npy", SIMULATION.mask())
    given = settings(SIMULATION, mask_file=str(tmp_path / "mask.npy"))
    sent = given.pop("mask_file_file")
    with Bench(
        {"camera": ("stins", "tcp://127.0.0.1:*"), "box": ("pandabox", "tcp://127.0.0.1:*")}
    ) as devices:
        with running(
            {
                "camera": {"device": "stins", "url": devices.url("camera")},
                "box": {"device": "pandabox", "url": devices.url("box")},
            },
            worker="beamloom.apps.spectroscopy:Worker",
            reducer="beamloom.apps.spectroscopy:Reducer",
            parameters=given,
            analysis=tmp_path,
            recording={"prefix": f"{tmp_path}/"},
        ) as live:
            live.arm(uniform_map(["camera", "box"], SIMULATION.total))
            devices.play("camera", series(SIMULATION), rate=200)
            devices.play("box", box_messages(SIMULATION), rate=200)
            wait_until(lambda: live.completed(SIMULATION.total // 2), "half of the scan", live.state)
            live.placement.kill("worker-1")
            end = live.finished()
            assert (end["reduced"], end["failed"], end["lost"]) == (SIMULATION.total + 2, 0, 0), live.state()
            published = plain(live.published())
    encoded = {
        one.name: one.encode(given[one.name]) for one in Worker.describe_parameters() if one.name in given
    }
    report = replay(Worker, Reducer, sorted(tmp_path.glob("*.cbors")), parameters=encoded)
    assert not report.failures
    assert_same(plain(report.publish), published)
    alone = parameters_of(Worker, **given | {"mask_file": "", "mask_file_file": sent})
    assert_same(analysed(Worker, Reducer, scan(SIMULATION), alone), published)
