"""The page ``docs/how-to/feedback.md`` works as it is written: its analysis in a pipeline, its script beside it."""

from __future__ import annotations

import re
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from beamloom import Packet, PacketKind
from beamloom.devices import stins
from control.live import Live
from services.bench import Feed
from support.patience import PATIENCE

BLOCK = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)
PAGE_URL = "http://127.0.0.1:5000"
PICTURES = 40


def camera() -> list[Packet]:
    """A series of noisy pictures, the last of which is saturated."""
    noise = np.random.default_rng(6).normal(100, 5, PICTURES)
    images = [np.full((8, 8), level, np.uint16) for level in noise]
    images[-1][0, 0] = 65_000
    messages = list(stins.generate(images=iter(images)))
    kinds = [PacketKind.START, *[PacketKind.DATA] * PICTURES, PacketKind.END]
    return [
        Packet(stins.TYP, list(frames), number, kind)
        for number, (frames, kind) in enumerate(zip(messages, kinds, strict=True))
    ]


def test_the_blocks_of_the_page_run_one_after_the_other(
    repository: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    analysis, listening, later = BLOCK.findall((repository / "docs/how-to/feedback.md").read_text())
    classes: dict[str, Any] = {"__name__": "steering"}
    exec(analysis, classes)
    assert PAGE_URL in listening
    feed = Feed()
    with Live(classes["Worker"], classes["Reducer"], streams={"camera": feed}, workers=("worker-1",)) as live:

        def play() -> None:
            live.wait_for("progress", lambda progress: progress["phase"] == "running")
            live.do(lambda: feed.send(camera()))

        scan = threading.Thread(target=play)
        scan.start()
        names: dict[str, Any] = {}
        try:
            exec(listening.replace(PAGE_URL, live.root), names)
            exec(later, names)
        finally:
            scan.join(PATIENCE)
            if "pipeline" in names:
                names["pipeline"].close()
        heard = [(one.kind, one.event, one.by) for one in names["heard"]]
        assert heard == [
            ("quality_reached", 20, "reducer"),
            ("next_position", 20, "reducer"),
            ("warning", 40, "worker-1"),
        ]
        assert names["target"] == 1.5
        assert names["heard"][0].payload["error"] == pytest.approx(0.05 / 20**0.5, rel=0.5)
    printed = capsys.readouterr().out.splitlines()
    assert printed[-1] == "warning at event 40: the camera is saturated (level=65000)"
    assert len(printed) == 3
