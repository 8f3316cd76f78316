"""Real processes: a camera's series is localized as in this process."""

from __future__ import annotations

from pathlib import Path

import pytest

from apps.localization.series import BLINKING, analysed, assert_same, messages, packets, parameter_set
from live.pipelines import Bench, of_camera, running
from live.series import uniform_map

pytestmark = pytest.mark.processes
FRAMES = BLINKING.frames


def test_live_results_are_those_of_one_process(tmp_path: Path) -> None:
    oracle = analysed(packets(FRAMES), parameter_set())
    with Bench({"camera": ("stins", "tcp://127.0.0.1:*")}) as camera:
        with running(
            of_camera(camera),
            worker="beamloom.apps.localization:Worker",
            reducer="beamloom.apps.localization:Reducer",
            parameters={"camera_stream": "camera"},
            analysis=tmp_path,
        ) as live:
            live.arm(uniform_map(["camera"], FRAMES))
            camera.play("camera", messages(FRAMES), rate=300)
            end = live.finished()
            assert (end["reduced"], end["failed"], end["lost"]) == (FRAMES + 2, 0, 0), live.state()
            tree = live.published()
    for name in ("localizations", "image", "frames", "photons", "uncertainty"):
        mine = {key: value for key, value in tree[name].items() if not key.endswith("attrs")}
        theirs = {key: value for key, value in oracle[name].items() if not key.endswith("attrs")}
        mine.pop("coverage", None), theirs.pop("coverage", None)
        assert_same(mine, theirs, name)
