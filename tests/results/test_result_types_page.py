"""The worker and the reducers of the page on result types, over a captured scan."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from beamloom.analysis import WorkerAnalysis
from beamloom.events import Event, Result
from support.captured_scan import captured_scan


@pytest.fixture
def classes(repository: Path) -> dict[str, Any]:
    page = (repository / "docs/how-to/result-types.md").read_text()
    found: dict[str, Any] = {}
    for block in re.findall(r"^```python\n(.*?)^```", page, re.MULTILINE | re.DOTALL):
        exec(block, found)
    return found


@pytest.fixture
def events(shared_data: Path) -> list[Event]:
    return captured_scan(shared_data)


def test_the_page_maps_the_captured_scan(classes: dict[str, Any], events: list[Event]) -> None:
    assert WorkerAnalysis(classes["Worker"]).combine
    worker, reducer, own = classes["Worker"](), classes["Reducer"](), classes["OwnReducer"]()
    for event in events:
        for one in (reducer, own):
            payload = worker.process_event(event)
            if payload is not None:
                one.process_result(Result(event.event_number, "worker-1", "", payload))
    assert own.publish["about"] == {"sample": "C-17"}
    for publish in (reducer.publish, own.publish):
        shown = publish["map"].snapshot()
        assert shown["count"].sum() == len(events) - 2
        assert list(publish["map"].coverage) == [(1, len(events) - 1)]
        total = sum(event.streams["xspress3"].parse().data.astype(np.int64) for event in events[1:-1])
        assert np.array_equal(publish["spectra"].value, total)
        assert shown["map_attrs"] == {"units": "counts"}
