"""``examples/live_plot.py`` draws the results of a pipeline of real processes while a simulated scan runs."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import matplotlib.image
import numpy as np
import pytest

import beamloom
from live.pipelines import Bench, Live, of_camera, running, wait_until
from live.series import pictures
from support.ports import quiet_address

pytestmark = pytest.mark.processes


@pytest.fixture
def mapping(camera: Bench) -> Iterator[Live]:
    with running(of_camera(camera), worker="mapping:Worker", reducer="mapping:Reducer") as live:
        yield live


def plotting(repository: Path, url: str, path: str, picture: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-W", "error", str(repository / "examples/live_plot.py")]
    return subprocess.Popen(
        [*command, url, path, "--save", str(picture), "--timeout", "40"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "MPLBACKEND": "Agg"},
    )


def test_images_and_points_are_drawn_while_the_scan_runs(
    repository: Path, mapping: Live, camera: Bench, tmp_path: Path
) -> None:
    url = mapping.placement.controller_url
    files = {name: tmp_path / f"{name}.png" for name in ("map", "curve")}
    with beamloom.connect(url) as pipeline:
        pipeline.arm(["camera"], 100)
        plots = [plotting(repository, url, name, file) for name, file in files.items()]
        # The scan begins when the first plot shows the empty map, so that it is seen to grow.
        wait_until(files["map"].exists, "the first picture", timeout=40)
        camera.play("camera", pictures(100), rate=50)
        pipeline.wait(40)
    for plot in plots:
        said, _ = plot.communicate(timeout=40)
        assert plot.returncode == 0, said
        count = re.search(
            r"^(\d+) versions drawn; run .* finished: 102 of 102 events settled", said, re.MULTILINE
        )
        assert count, said
        assert int(count[1]) >= 2
    for file in files.values():
        colours = np.unique(matplotlib.image.imread(file).reshape(-1, 4), axis=0)
        assert len(colours) > 60, "a map of as many colours as there were positions, not an empty one"
    assert sorted(os.listdir(tmp_path)) == ["curve.png", "map.png"]


def test_nobody_at_the_address_is_a_sentence(repository: Path, tmp_path: Path) -> None:
    with plotting(repository, quiet_address(), "map", tmp_path / "no.png") as plot:
        said = plot.communicate(timeout=40)[0]
    assert plot.returncode == 1
    assert said.startswith("live_plot: no pipeline answers at http://")
    assert "Traceback" not in said
