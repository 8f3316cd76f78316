"""Results as one HDF5 file over HTTP: all, a part, and those of runs that have ended."""

from __future__ import annotations

import io
from collections.abc import Iterator

import h5py
import numpy as np
import pytest
import requests

from beamloom.results.files.http import file_route
from beamloom.results.http import make_app
from beamloom.results.past import PastRuns
from beamloom.results.snapshot import Snapshot
from beamloom.transport.http_server import HttpServer
from results.files.saving import record
from results.test_results_http import FixedReader

TREE = {
    "scan": {"map": np.arange(6.0).reshape(2, 3), "x": np.arange(3.0), "map_attrs": {"units": "counts"}},
    "scan_attrs": {"NX_class": "NXdata", "signal": "map"},
    "number": 5,
}


@pytest.fixture
def url() -> Iterator[str]:
    past = PastRuns()
    past.add(record("old"), Snapshot(3, "old", {"number": 4}, None))
    reader = FixedReader(TREE)
    app = make_app(reader, past=past, more_routes=[file_route(reader, lambda: record("r1"), past)])
    with HttpServer(app) as server:
        yield f"{server.url}/api/v1/file"


def opened(url: str, **asked: str) -> h5py.File:
    answer = requests.get(url, params=asked, timeout=10)
    assert answer.status_code == 200, answer.text
    return h5py.File(io.BytesIO(answer.content))


def test_the_file_holds_all_that_is_published(url: str) -> None:
    with opened(url) as file:
        assert {"scan", "number"} <= set(file["entry"])


def test_a_part_stands_at_its_place_with_the_attributes_of_its_group(url: str) -> None:
    with opened(url, path="scan/map") as file:
        assert "number" not in file["entry"]
        assert list(file["entry/scan"]) == ["map"]
        assert file["entry/scan"].attrs["signal"] == "map"
        assert file["entry/scan/map"].attrs["units"] == "counts"
        np.testing.assert_array_equal(file["entry/scan/map"], TREE["scan"]["map"])  # type: ignore[index]
    with opened(url, path="scan") as file:
        assert list(file["entry/scan"]) == ["map", "x"]


def test_a_run_that_has_ended_has_its_file_too(url: str) -> None:
    with opened(url, domain="/runs/old") as file:
        assert file["entry/number"][()] == 4
        assert file["entry/entry_identifier"][()] == b"old"


def test_what_is_not_there_is_said_in_words(url: str) -> None:
    answer = requests.get(url, params={"path": "scan/nothing"}, timeout=10)
    assert (answer.status_code, "there is no nothing among map, x" in answer.json()["detail"]) == (404, True)
