"""One browser, and one pipeline of the showcase, for the tests of a file."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import yaml
from playwright.sync_api import Browser

from dashboard.browser import a_browser
from live.pipelines import Live, running

REPOSITORY = Path(__file__).parents[2]
SHOWCASE = REPOSITORY / "examples" / "showcase"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A Chromium."""
    with a_browser() as one:
        yield one


@pytest.fixture(scope="session")
def pictures() -> Path:
    """Where pictures of the pages are kept for people to look at."""
    return REPOSITORY / "out" / "dashboard"


@contextmanager
def a_showcase() -> Iterator[Live]:
    """The pipeline of the showcase: a camera, a spectrometer and a stage that are made up, two workers, a reducer."""
    streams = yaml.safe_load((SHOWCASE / "pipeline.yaml").read_text())["streams"]
    with running(streams, worker="showcase:Worker", reducer="showcase:Reducer", analysis=SHOWCASE) as live:
        yield live


@pytest.fixture(scope="module")
def showcase() -> Iterator[Live]:
    """A showcase that all tests of the file share: none of them kills anything."""
    with a_showcase() as live:
        yield live


def showcase_map(points: int | None) -> dict[str, object]:
    """A trigger map of so many points, None: until it is stopped."""
    streams = ("camera", "spectrometer", "stage")
    part = {stream: [[{"constraint": 0}]] for stream in streams}
    return {"parts": {"main": part}, "sequence": [{"part": "main", "repeat": points}]}
