"""Real processes: what is published live is what a replay of the recorded run publishes, and what one process does."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from apps.azimuthal.material import SETTINGS, SIMULATION, events, messages, parameter_set
from apps.runs import analysed, assert_same, plain
from beamloom.apps.azimuthal import Reducer, Worker
from beamloom.replay import replay
from live.pipelines import Bench, running, wait_until
from live.series import uniform_map

pytestmark = pytest.mark.processes


@pytest.mark.long
def test_live_replay_and_one_process_agree_though_a_worker_dies(tmp_path: Path) -> None:
    file = tmp_path / "powder.poni"
    file.write_text(SIMULATION.poni)
    given = {**SETTINGS, "poni": str(file), "azimuthal_bins": 12}
    sent = messages()
    with Bench({"camera": ("stins", "tcp://127.0.0.1:*"), "i0": ("albaem", "tcp://127.0.0.1:*")}) as devices:
        with running(
            {
                "camera": {"device": "stins", "url": devices.url("camera")},
                "i0": {"device": "albaem", "url": devices.url("i0")},
            },
            worker="beamloom.apps.azimuthal:Worker",
            reducer="beamloom.apps.azimuthal:Reducer",
            parameters=given,
            analysis=tmp_path,
            recording={"prefix": f"{tmp_path}/"},
        ) as live:
            live.arm(uniform_map(["camera", "i0"], SIMULATION.frames))
            for stream in ("camera", "i0"):
                devices.play(stream, sent[stream], rate=50)
            wait_until(lambda: live.completed(SIMULATION.frames // 2), "half of the events", live.state)
            live.placement.kill("worker-1")
            end = live.finished()
            assert (end["reduced"], end["failed"], end["lost"]) == (SIMULATION.frames + 2, 0, 0), live.state()
            published = plain(live.published())
    report = replay(Worker, Reducer, sorted(tmp_path.glob("*.cbors")))
    assert not report.failures
    oracle = analysed(Worker, Reducer, events(), parameter_set(azimuthal_bins=12))
    for other in (plain(report.publish), oracle):
        for name in ("waterfall", "frames"):
            assert_same(other[name], published[name], name)
        # Means are rounded at each addition, and so depend on the order in their last digits.
        for name in ("pattern", "cake"):
            np.testing.assert_allclose(other[name]["intensity"], published[name]["intensity"], rtol=1e-11)
