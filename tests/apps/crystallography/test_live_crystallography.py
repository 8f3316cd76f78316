"""Real processes: a camera's series is analysed as in this process, also while parameters change."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from apps.crystallography.cxi import content
from apps.crystallography.series import (
    SETTINGS,
    SIMULATION,
    analysed,
    assert_same,
    messages,
    packets,
    parameter_set,
    plain,
)
from live.pipelines import Bench, of_camera, running, wait_until
from live.series import uniform_map

pytestmark = pytest.mark.processes
WORKER = "beamloom.apps.crystallography:Worker"
REDUCER = "beamloom.apps.crystallography:Reducer"
FRAMES = 120


def prepared(tmp_path: Path, **more: Any) -> dict[str, Any]:
    geometry = tmp_path / "detector.geom"
    geometry.write_text(SIMULATION.geometry_text())
    return {**SETTINGS, "geometry_file": str(geometry), **more}


@pytest.mark.parametrize("dies", ["worker-1", pytest.param("reducer", marks=pytest.mark.long)])
def test_live_results_are_those_of_one_process(tmp_path: Path, dies: str) -> None:
    stored: dict[str, Any] = {"write_hits": True, "hits_per_file": 20}
    wanted = parameter_set(processed_directory=str(tmp_path / "oracle"), **stored)
    oracle = plain(analysed(packets(FRAMES), wanted).publish)
    with Bench({"camera": ("stins", "tcp://127.0.0.1:*")}) as camera:
        given = prepared(tmp_path, processed_directory=str(tmp_path / "files"), **stored)
        with running(
            of_camera(camera), worker=WORKER, reducer=REDUCER, parameters=given, analysis=tmp_path
        ) as live:
            live.arm(uniform_map(["camera"], FRAMES))
            camera.play("camera", messages(FRAMES), rate=200)
            wait_until(lambda: live.completed(FRAMES // 2), "half of the events", live.state)
            live.placement.kill(dies)
            end = live.finished()
            assert (end["reduced"], end["failed"], end["lost"]) == (FRAMES + 2, 0, 0), live.state()
            tree = live.published()
    assert np.array_equal(tree["events"]["hit"][1:], oracle["events"]["hit"][1:])
    for name in ("hits", "non_hits"):
        for what, dataset in (("frames", "sum"), ("peaks", "peaks")):
            mine, theirs = tree["classes"][name][what], oracle["classes"][name][what]
            assert np.array_equal(mine[dataset], theirs[dataset]), (name, what)
            assert mine["count"] == theirs["count"]
    assert np.array_equal(tree["peakogram"]["counts"], oracle["peakogram"]["counts"])
    for name in ("frames.txt", "cleaned.txt", "events.lst", "hits.lst", "peaks.txt"):
        written = (tmp_path / "files" / name).read_bytes()
        assert written == (tmp_path / "oracle" / name).read_bytes(), name
    hits = int(np.count_nonzero(oracle["events"]["hit"] == 1))
    mine, theirs = (content(tmp_path / name / "processed-hits-master.cxi") for name in ("files", "oracle"))
    assert len(theirs["entry_1/event"]) == hits
    assert_same(mine, theirs)
    status = (tmp_path / "files" / "status.txt").read_text()
    assert f"Status: Finished\nFrames processed: {FRAMES}\nNumber of hits: {hits}\n" in status


@pytest.mark.long
def test_a_limit_that_is_changed_while_frames_come_takes_effect(tmp_path: Path) -> None:
    with Bench({"camera": ("stins", "tcp://127.0.0.1:*")}) as camera:
        with running(
            of_camera(camera),
            worker=WORKER,
            reducer=REDUCER,
            parameters=prepared(tmp_path),
            analysis=tmp_path,
        ) as live:
            live.arm(uniform_map(["camera"], FRAMES))
            camera.play("camera", messages(FRAMES), rate=40)
            wait_until(lambda: live.completed(20), "the first events", live.state)
            live.set(min_num_peaks_for_hit=1000)
            end = live.finished()
            assert (end["reduced"], end["failed"], end["lost"]) == (FRAMES + 2, 0, 0), live.state()
            hit = np.asarray(live.published()["events"]["hit"])
    truth = np.array([-1, *(SIMULATION.truth(index).hit for index in range(FRAMES))])
    last = int(np.flatnonzero(hit == 1)[-1])
    assert np.array_equal(hit[1 : last + 1], truth[1 : last + 1])
    assert (hit[last + 1 :] == 0).all()
    # More hits were coming than chance would have spared.
    assert np.count_nonzero(truth[last + 1 :] == 1) > 5
