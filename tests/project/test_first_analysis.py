"""The first analysis of the README, as a newcomer takes it from there."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import numpy as np
import pytest

from beamloom.analysis import ReducerAnalysis, WorkerAnalysis, load_class
from beamloom.events import Event, Result
from beamloom.parameters import Parameters
from beamloom.pipeline_file import parse_pipeline
from support.captured_scan import captured_scan

ROI = (0, 10)
"""Channels in which the captured spectra have counts."""


def block(repository: Path, language: str) -> str:
    """The first code block of that language in the README."""
    found = re.search(
        rf"^```{language}\n(.*?)^```", (repository / "README.md").read_text(), re.MULTILINE | re.DOTALL
    )
    assert found
    return found[1]


@pytest.fixture
def folder(repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with ``first.py``, as the README says to save it."""
    monkeypatch.setattr(sys, "path", list(sys.path))
    (tmp_path / "first.py").write_text(block(repository, "python"))
    return tmp_path


@pytest.fixture
def events(shared_data: Path) -> list[Event]:
    """The captured scan: its start, 20 points, its end."""
    return captured_scan(shared_data)


def test_it_maps_the_captured_scan(folder: Path, events: list[Event]) -> None:
    worker = WorkerAnalysis(load_class("first:Worker", folder))
    reducer = ReducerAnalysis(load_class("first:Reducer", folder))
    parameters = Parameters()
    parameters.describe(worker.descriptions())
    current = parameters.set_many({"first": str(ROI[0]).encode(), "last": str(ROI[1]).encode()})
    worker.start(current, {})
    reducer.start(current, {})

    for event in events:
        payload = worker.process_event(event, current, False)
        if payload is not None:
            reducer.process_result(Result(event.event_number, "worker-1", current.hash, payload), current)

    spectra = [np.frombuffer(event.streams["xspress3"].frames[1], np.uint32) for event in events[1:-1]]
    counts = [spectrum.reshape(4, 4096)[3, slice(*ROI)].sum() for spectrum in spectra]
    assert list(reducer.publish["map"].values()) == counts
    assert len(reducer.publish["map"]) == 20
    assert sum(counts) > 0


def test_its_pipeline_file_is_right(repository: Path, folder: Path) -> None:
    pipeline = parse_pipeline(block(repository, "yaml"), folder=folder)

    assert sorted(pipeline.streams) == ["contrast", "xspress3"]
