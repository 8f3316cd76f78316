"""The class of docs/how-to/when-one-reducer-is-too-slow.md, as somebody takes it from there, split over leaves and not."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

import pytest

from beamloom.analysis import load_class
from beamloom.events import Event
from beamloom.pipeline_file import parse_pipeline
from beamloom.triggermap import uniform
from services.reducer_lives import EVENTS, FRAMES, pipeline

FENCE = re.compile(r"^```(python|yaml)\n(.*?)^```", re.MULTILINE | re.DOTALL)


@pytest.fixture
def blocks(repository: Path) -> dict[str, str]:
    return dict(FENCE.findall((repository / "docs/how-to/when-one-reducer-is-too-slow.md").read_text()))


class Numbering:
    """A worker class: the number of the event, which sums up exactly."""

    def process_event(self, event: Event) -> float:
        return float(event.event_number)


@pytest.mark.parametrize("leaves", [0, 3])
def test_the_class_of_the_page_publishes_the_same_however_it_is_split(
    blocks: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, leaves: int
) -> None:
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.delitem(sys.modules, "averages_of_the_page", raising=False)
    (tmp_path / "averages_of_the_page.py").write_text(blocks["python"])
    cls: Any = load_class("averages_of_the_page:Averages", tmp_path)
    with pipeline(tmp_path / "state", worker=Numbering, reducer=cls, leaves=leaves) as one:
        one.bench.play(uniform(["eiger"], FRAMES))
        tree: Any = one.bench.desk.take().publish
    # The start and the end go to both workers.
    values = [0, *range(EVENTS), EVENTS - 1]
    assert tree == {"sum": float(sum(values)), "n": len(values), "mean": sum(values) / len(values)}


def test_the_keys_of_the_page_are_those_of_a_pipeline_file(blocks: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "analysis.py").write_text("class Reducer: ...\n")
    rest = 'streams: {one: {device: stins, url: "tcp://127.0.0.1:1"}}\nworkers: {class: "analysis:Worker"}\n'
    assert parse_pipeline(rest + blocks["yaml"], folder=tmp_path).reducer.leaves == 3
