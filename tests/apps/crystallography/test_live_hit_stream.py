"""Real processes: hits of a camera's series go to programs beside, though one of these and a worker are killed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from apps.crystallography.campaign import campaign
from apps.crystallography.series import SETTINGS, SIMULATION, messages
from apps.crystallography.streaming.clients import crystfel_like, number_of
from live.pipelines import Bench, of_camera, running
from live.series import uniform_map
from support.patience import PATIENCE
from support.ports import quiet_address

pytestmark = pytest.mark.processes
WORKER = "beamloom.apps.crystallography:Worker"
REDUCER = "beamloom.apps.crystallography:Reducer"
FRAMES = 120


def test_every_hit_is_streamed_and_stored_once_though_a_client_and_a_worker_are_killed(
    tmp_path: Path,
) -> None:
    done = campaign(tmp_path, FRAMES, rate=200)
    hits = sum(SIMULATION.truth(index).hit for index in range(FRAMES))
    assert done["hits in files"] == hits
    assert done["handed out again"] >= 1


@pytest.mark.long
def test_hits_are_streamed_by_the_next_reducer_when_one_is_killed(tmp_path: Path) -> None:
    geometry = tmp_path / "detector.geom"
    geometry.write_text(SIMULATION.geometry_text())
    address = f"tcp://{quiet_address()}"
    given: dict[str, Any] = {
        **SETTINGS,
        "geometry_file": str(geometry),
        "responding_url": address,
        "hit_stream_folder": str(tmp_path / "hits"),
    }
    hits = {index for index in range(FRAMES) if SIMULATION.truth(index).hit}
    with (
        Bench({"camera": ("stins", "tcp://127.0.0.1:*")}) as camera,
        running(
            of_camera(camera), worker=WORKER, reducer=REDUCER, parameters=given, analysis=tmp_path
        ) as live,
        crystfel_like(address) as (client,),
    ):
        live.arm(uniform_map(["camera"], FRAMES))
        camera.play("camera", messages(FRAMES), rate=100)
        got: list[int] = []
        while len(got) < len(hits) // 3:
            hit = client.next_hit(PATIENCE)
            assert hit is not None
            got.append(number_of(hit))
        client.ask()
        live.placement.kill("reducer")
        while len(set(got)) < len(hits):
            hit = client.next_hit(PATIENCE)
            assert hit is not None, f"{len(got)} of {len(hits)}: {live.state()}"
            got.append(number_of(hit))
        end = live.finished()
        assert (end["reduced"], end["failed"], end["lost"]) == (FRAMES + 2, 0, 0), live.state()
    assert set(got) == hits
    # Twice only what the client may have had when the reducer was killed before it was written that it is done.
    assert len(got) <= len(hits) + 2
