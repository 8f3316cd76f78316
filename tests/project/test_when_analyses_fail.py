"""The classes of docs/how-to/when-analyses-fail.md, as somebody takes them from there."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

import pytest

from beamloom.analysis import WorkerAnalysis, load_class
from beamloom.devices import xspress3
from beamloom.events import Malformed, Packet
from beamloom.services.worker.user_map import Map
from beamloom.triggermap import batched
from services.bench import Bench, Feed, counts

FENCE = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)
FRAMES = 20
TOGETHER = 5
"""Events of a constraint."""


@pytest.fixture
def folder(repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with ``on_the_page.py``: all that the page shows."""
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.delitem(sys.modules, "on_the_page", raising=False)
    page = (repository / "docs/how-to/when-analyses-fail.md").read_text()
    (tmp_path / "on_the_page.py").write_text("\n\n".join(FENCE.findall(page)))
    return tmp_path


def spectra() -> list[Packet | Malformed]:
    reader = xspress3.Xspress3Reader()
    items: list[Packet | Malformed] = []
    for message in xspress3.generate(frames=FRAMES, channels=2, bins=16, seed=7):
        reader.take(list(message), items)
    return items


def test_a_class_may_say_how_long_an_event_may_take(folder: Path) -> None:
    assert WorkerAnalysis(load_class("on_the_page:Reconstruction", folder)).event_timeout == 300.0


@pytest.mark.parametrize("dies", [False, True])
def test_the_sum_runs_on_within_each_constraint_whoever_dies(folder: Path, dies: bool) -> None:
    cls: Any = load_class("on_the_page:RunningSum", folder)
    items = spectra()
    counted = [float(one.parse().data.sum()) for one in items[1:-1] if isinstance(one, Packet)]
    assert len(set(counted)) > 1
    feed = Feed(items[:9])
    with Bench({"xspress3": feed}, workers=()) as bench:
        for name in ("worker-1", "worker-2"):
            bench.add_worker(name, load=lambda: Map(cls))
        bench.until(bench.everyone_known)
        active = bench.arm(batched(["xspress3"], FRAMES, TOGETHER))
        bench.until(lambda: bench.reduced() == 9)
        if dies:
            bench.kill("worker-1")
            bench.kill("worker-2")
            bench.add_worker("worker-3", load=lambda: Map(cls))
        feed.send(items[9:])
        bench.until(lambda: active.finished)
        assert counts(active) == (FRAMES + 2, 0, 0)
        found = bench.published["results"]
    expected = {
        event: sum(counted[(event - 1) // TOGETHER * TOGETHER : event]) for event in range(1, FRAMES + 1)
    }
    assert {event: found[event] for event in expected} == pytest.approx(expected, rel=0, abs=0)
