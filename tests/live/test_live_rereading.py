"""The ingesters of files and of a generator are killed in runs of real processes: their series are read again, and nothing is lost."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from beamloom.placement.processes import RestartPolicy
from devices import image_writer
from live.pipelines import running, wait_until
from live.series import uniform_map
from live.test_live_ingester_deaths import ingester
from support.patience import PATIENCE

pytestmark = pytest.mark.processes

EVENTS = 300
OFTEN = RestartPolicy(first_delay=0.01, longest_delay=0.01, deaths=1000)


def streams_in(folder: Path) -> dict[str, dict[str, Any]]:
    stack = np.broadcast_to(np.arange(EVENTS, dtype=np.uint32)[:, None, None], (EVENTS, 4, 4))
    with h5py.File(folder / "stack.h5", "w") as file:
        file.create_dataset("/entry/data/data", data=stack, chunks=(1, 4, 4))
    shots = folder / "shots"
    shots.mkdir()
    for number in range(EVENTS):
        (shots / f"shot_{number + 40:05}.tif").write_bytes(image_writer.octets_of(number))
    return {
        "made": {"device": "generator", "kind": "scan", "items": 0, "rate": 250.0},
        "stack": {"device": "hdf5", "url": str(folder / "stack.h5")},
        "shots": {"device": "images", "url": str(shots)},
    }


@pytest.mark.long
@pytest.mark.timeout(90)
def test_files_and_made_packets_lose_nothing_with_their_ingesters(tmp_path: Path) -> None:
    streams = streams_in(tmp_path)
    with running(streams, policy=OFTEN, worker="rereads:Worker", reducer="rereads:Reducer") as live:
        live.arm(uniform_map(list(streams), EVENTS))
        for number, victim in enumerate(["made", "stack", "shots"]):
            goal = EVENTS * (number + 1) // 5
            wait_until(lambda goal=goal: live.completed(goal), "events", live.state, PATIENCE)  # type: ignore[misc]
            before = ingester(live, victim)
            live.placement.kill(f"{victim}-ingester")
            wait_until(
                lambda victim=victim, before=before: ingester(live, victim) not in (None, before),  # type: ignore[misc]
                "the next ingester",
                live.state,
                PATIENCE,
            )
        end = live.finished(60)
        tree, state = live.published(), live.state()
    assert (end["reduced"], end["lost"], end["failed"]) == (EVENTS + 2, 0, 0), state
    said = {event: tree["said"][event] for event in range(1, EVENTS + 1)}
    assert said == {event: dict.fromkeys(streams, event - 1) for event in said}
    assert {tree["times"][event] for event in said} == {1}
