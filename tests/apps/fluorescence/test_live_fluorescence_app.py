"""Real processes: what is published live is what a replay of the recorded run publishes, and what one process does, to the last bit."""

from __future__ import annotations

from pathlib import Path

import pytest

from apps.fluorescence.material import (
    SETTINGS,
    SIMULATION,
    events,
    fitting,
    messages,
    needs_pymca,
)
from apps.runs import analysed, assert_same, plain
from beamloom.apps.fluorescence import Reducer, Worker
from beamloom.replay import replay
from live.pipelines import Bench, running, wait_until
from live.series import uniform_map

pytestmark = pytest.mark.processes
DEVICES = {"xspress3": "xspress3", "contrast": "contrast", "i0": "albaem"}


@needs_pymca[0]
@needs_pymca[1]
def test_live_replay_and_one_process_agree_to_the_bit_though_a_worker_dies(tmp_path: Path) -> None:
    file = tmp_path / "sample.cfg"
    file.write_text(SIMULATION.configuration)
    sent = messages()
    with Bench({stream: (device, "tcp://127.0.0.1:*") for stream, device in DEVICES.items()}) as devices:
        with running(
            {stream: {"device": device, "url": devices.url(stream)} for stream, device in DEVICES.items()},
            worker="beamloom.apps.fluorescence:Worker",
            reducer="beamloom.apps.fluorescence:Reducer",
            parameters={**SETTINGS, "fit_configuration": str(file)},
            analysis=tmp_path,
            recording={"prefix": f"{tmp_path}/"},
        ) as live:
            live.arm(uniform_map(DEVICES, SIMULATION.points))
            for stream in DEVICES:
                devices.play(stream, sent[stream], rate=200)
            wait_until(lambda: live.completed(SIMULATION.points // 2), "half of the events", live.state)
            live.placement.kill("worker-1")
            end = live.finished()
            assert (end["reduced"], end["failed"], end["lost"]) == (SIMULATION.points + 2, 0, 0), live.state()
            published = plain(live.published())
    report = replay(Worker, Reducer, sorted(tmp_path.glob("*.cbors")))
    assert not report.failures
    assert_same(plain(report.publish), published)
    assert_same(analysed(Worker, Reducer, events(), fitting()), published)
