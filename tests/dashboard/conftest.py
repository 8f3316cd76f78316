"""One browser and one pipeline of the showcase for all files that a process of pytest runs; each begins with the usual parameters."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from dashboard.browser import Browser, a_browser
from live.pipelines import Live, running
from support.ports import quiet_address

REPOSITORY = Path(__file__).parents[2]
SHOWCASE = REPOSITORY / "examples" / "showcase"
ANALYSES = Path(__file__).parent / "analyses"
KEPT = 6
"""Events that the debug worker keeps."""
STANDARD = {
    "roi_x": 80,
    "roi_y": 80,
    "roi_width": 96,
    "roi_height": 96,
    "line": 512,
    "threshold": 12.0,
    "sample": "C-17",
    "band": [-10, 10],
    "keep_dark": False,
    "scaling": "counts",
    "flat_field": "",
    "flat_field_file": "",
    "fail_every": 0,
}
"""The parameters as the analysis describes them."""


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """A Chromium."""
    with a_browser() as one:
        yield one


@pytest.fixture(scope="session")
def pictures() -> Path:
    """Where pictures of the pages are kept for people to look at."""
    return REPOSITORY / "out" / "dashboard"


@pytest.fixture(scope="package")
def shared() -> Iterator[Live]:
    """The showcase, with one of every kind of array beside its results: three streams, two workers, a debug worker, a reducer.

    No test kills any of them.
    """
    streams = yaml.safe_load((SHOWCASE / "pipeline.yaml").read_text())["streams"]
    debugworker = {"http": quiet_address(), "keep_events": KEPT}
    with running(
        streams, worker="kinds:Worker", reducer="kinds:Reducer", analysis=ANALYSES, debugworker=debugworker
    ) as live:
        yield live


@pytest.fixture(scope="module")
def showcase(shared: Live) -> Live:
    """That, while no run goes on and all parameters are as the analysis describes them."""
    at_rest(shared)
    return shared


def at_rest(live: Live) -> None:
    """End what goes on, and set what was changed."""
    now = live.progress()
    if now["run"] and not now["finished"]:
        live.post("stop")
        live.finished()
    held = live.get("epochs")["values"]
    if changed := {name: value for name, value in STANDARD.items() if held[name] != value}:
        live.set(**changed)


POINTS = 30


def showcase_map(points: int | None) -> dict[str, object]:
    """A trigger map of so many points, None: until it is stopped."""
    streams = ("camera", "spectrometer", "stage")
    part = {stream: [[{"constraint": 0}]] for stream in streams}
    return {"parts": {"main": part}, "sequence": [{"part": "main", "repeat": points}]}


@pytest.fixture(scope="module")
def first_run(showcase: Live) -> str:
    """A run that has ended: its id."""
    run = showcase.arm(showcase_map(POINTS))
    showcase.finished()
    return run


@pytest.fixture(scope="module")
def measured(showcase: Live, first_run: str) -> Live:
    """The pipeline after a run."""
    return showcase
