"""Real processes: hits of a camera's series go to programs beside, though one of these and a worker are killed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import msgpack
import numpy as np
import pytest

from apps.crystallography.series import SETTINGS, SIMULATION, messages
from apps.crystallography.streaming.clients import crystfel_like, number_of
from live.pipelines import Bench, of_camera, running, wait_until
from live.series import uniform_map
from support.patience import PATIENCE
from support.ports import quiet_address

pytestmark = pytest.mark.processes
WORKER = "beamloom.apps.crystallography:Worker"
REDUCER = "beamloom.apps.crystallography:Reducer"
FRAMES = 120
OF_THE_VICTIM = 4


def test_every_hit_is_streamed_with_its_own_pixels_though_a_client_and_a_worker_are_killed(
    tmp_path: Path, repository: Path
) -> None:
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
    program = [sys.executable, "-m", "apps.crystallography.streaming.clients", address]
    with (
        Bench({"camera": ("stins", "tcp://127.0.0.1:*")}) as camera,
        running(
            of_camera(camera), worker=WORKER, reducer=REDUCER, parameters=given, analysis=tmp_path
        ) as live,
        subprocess.Popen(
            program, cwd=repository / "tests", stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as victim,
        crystfel_like(address) as (client,),
    ):
        try:
            assert victim.stdin is not None
            assert victim.stdout is not None
            live.arm(uniform_map(["camera"], FRAMES))
            camera.play("camera", messages(FRAMES), rate=200)
            done = []
            for _ in range(OF_THE_VICTIM):
                done.append(int(victim.stdout.readline()))
                victim.stdin.write("go on\n")
                victim.stdin.flush()
            lost_with_it = int(victim.stdout.readline())
        finally:
            victim.kill()
        wait_until(lambda: live.completed(FRAMES // 3), "a third of the events", live.state)
        live.placement.kill("worker-1")
        rest: dict[int, dict[str, Any]] = {}
        while len(rest) < len(hits) - OF_THE_VICTIM:
            hit = client.next_hit(PATIENCE)
            assert hit is not None, f"{len(rest)} of {len(hits) - OF_THE_VICTIM}: {live.state()}"
            assert number_of(hit) not in rest
            rest[number_of(hit)] = hit
        end = live.finished()
        assert (end["reduced"], end["failed"], end["lost"]) == (FRAMES + 2, 0, 0), live.state()
        counts = msgpack.unpackb(client.say(b"statistics"))
        assert msgpack.unpackb(client.say(b"parameters"))["responding_url"] == address
    assert lost_with_it in rest
    assert set(done) | set(rest) == hits
    assert set(done) & set(rest) == set()
    assert (counts["offered"], counts["dropped"], counts["given_up"]) == (len(hits), 0, 0)
    for index, hit in rest.items():
        np.testing.assert_array_equal(hit["image"], SIMULATION.frame(index).astype(np.float32))
        assert hit["peak_list"]["num_peaks"] > SETTINGS["min_num_peaks_for_hit"]
        assert (hit["beam_energy"], hit["detector_distance"]) == (pytest.approx(9500), pytest.approx(100))


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
