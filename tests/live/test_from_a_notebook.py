"""The page ``docs/how-to/from-a-notebook.md`` works as it is written, block after block."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from live.pipelines import Bench, Live, of_camera, running, wait_until
from live.series import pictures

pytestmark = pytest.mark.processes

BLOCK = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)
ARMED = re.compile(r'arm\(\["camera"\], (\d+)\)')
PAGE_URL = "http://127.0.0.1:5000"


@pytest.fixture
def mapping(camera: Bench) -> Iterator[Live]:
    with running(of_camera(camera), worker="mapping:Worker", reducer="mapping:Reducer") as live:
        yield live


def play_when_armed(live: Live, camera: Bench, events: int, former: str | None) -> None:
    """The camera takes its pictures as soon as the next run is armed."""
    wait_until(lambda: live.progress()["run"] != former, "a run that the page arms", live.state)
    camera.play("camera", pictures(events), rate=200)


def test_the_blocks_of_the_page_run_one_after_the_other(
    repository: Path, mapping: Live, camera: Bench, capsys: pytest.CaptureFixture[str]
) -> None:
    page = (repository / "docs/how-to/from-a-notebook.md").read_text()
    blocks = BLOCK.findall(page)
    assert PAGE_URL in blocks[0]
    names: dict[str, Any] = {}
    try:
        for block in blocks:
            scans = [
                threading.Thread(
                    target=play_when_armed, args=(mapping, camera, int(events), mapping.progress()["run"])
                )
                for events in ARMED.findall(block)
            ]
            for scan in scans:
                scan.start()
            exec(block.replace(PAGE_URL, mapping.placement.controller_url), names)
            for scan in scans:
                scan.join()
    finally:
        if "pipeline" in names:
            names["pipeline"].close()

    expected = np.arange(100.0).reshape(10, 10)
    assert np.array_equal(names["image"], expected)
    assert len(names["seen"]) > 2
    assert np.array_equal(names["whole"], expected)
    assert np.array_equal(names["corner"], expected[0:2, 5:])
    assert (names["unit"], names["line"]) == ("counts", "Ka")
    assert names["names"] == ["map", "curve", "seen", "sample", "finished"]
    assert sorted(names["x"]) == sorted(names["value"])
    assert len(names["x"]) == 10
    assert names["everything"]["name"] == "<gold & 'salt'>"
    assert names["large"] == 99
    assert names["latest"]["seen"] == 100
    assert names["about"]["max"] == 9
    assert "'gain'" in names["sentence"]
    assert names["failed"] == [((8, 8), "no light at 7")]
    assert not names["coverage"].complete
    printed = capsys.readouterr().out
    assert "102 of 102 events settled" in printed
    assert "ZeroDivisionError: no light at 7" in printed
