"""Large frames in shared memory, between real processes: whoever is killed, each event is reduced from its own, and no memory is left."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from beamloom.devices import stins
from live.analyses.large_pictures import SIDE
from live.pipelines import Bench, Live, of_camera, running, wait_until
from live.series import uniform_map

pytestmark = pytest.mark.processes

CLASSES: dict[str, Any] = {"worker": "large_pictures:Worker", "reducer": "large_pictures:Reducer"}
QUICK = {"heartbeat_interval": 0.1, "heartbeat_timeout": 0.6}


def pictures(count: int) -> Iterator[list[bytes]]:
    return stins.generate(images=(np.full((SIDE, SIDE), index, np.uint32) for index in range(count)))


def check(live: Live, end: dict[str, Any], events: int) -> int:
    """All of these were reduced once, from their own pictures; returns how many were read in place."""
    assert (end["reduced"], end["failed"], end["lost"]) == (events + 2, 0, 0), live.state()
    tree = live.published()
    assert tree["indices"] == {event: event - 1 for event in range(1, events + 1)}
    assert tree["again"] == 0
    return int(tree["lent"])


def test_a_worker_that_is_killed_has_others_read_what_it_had(camera: Bench) -> None:
    events = 600
    with running(of_camera(camera), **CLASSES, settings=QUICK) as live:
        live.arm(uniform_map(["camera"], events))
        camera.play("camera", pictures(events), rate=400)
        wait_until(lambda: live.completed(150), "the first events", live.state)
        live.placement.kill("worker-1")
        wait_until(lambda: live.completed(300), "half of the events", live.state)
        live.placement.kill("worker-2")
        end = live.finished()
        assert end["redelivered"] > 0
        assert check(live, end, events) > 100


def test_an_ingester_that_is_killed_is_taken_up_and_leaves_no_memory(tmp_path: Path) -> None:
    events = 300
    camera = {"camera": ("stins", f"ipc://{tmp_path / 'camera'}")}
    streams = {"camera": {"device": "stins", "url": camera["camera"][1]}}
    with running(streams, **CLASSES, settings=QUICK) as live:
        with Bench(camera) as bench:
            live.arm(uniform_map(camera, events))
            bench.play("camera", pictures(events), rate=300)
            wait_until(lambda: live.completed(100), "the first events", live.state)
            live.placement.kill("camera-ingester")
            end = live.finished()
        assert end["failed"] == 0
        assert end["reduced"] + end["lost"] == events + 2
        wait_until(live.is_ready, "its next life", live.state)
        with Bench(camera) as bench:
            live.arm(uniform_map(camera, events))
            bench.play("camera", pictures(events))
            assert check(live, live.finished(), events) > 0
            for status in live.placement.status():
                if status.name.startswith("worker") and status.pid is not None:
                    maps = Path(f"/proc/{status.pid}/maps").read_text()
                    assert (
                        len({line.split()[4] for line in maps.splitlines() if "beamloom-frames" in line}) == 1
                    )


def test_without_shared_memory_frames_travel(camera: Bench) -> None:
    events = 100
    with running(of_camera(camera), **CLASSES, settings={"shared_memory": "off"}) as live:
        live.arm(uniform_map(["camera"], events))
        camera.play("camera", pictures(events))
        assert check(live, live.finished(), events) == 0
