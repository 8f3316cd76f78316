"""The results of runs that have ended, in domains of their own; every other domain is the run of now."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import requests

from beamloom.engine.accounts.coverage import Coverage
from beamloom.engine.ranges import RangeSet
from beamloom.results.hdf5 import shelf
from beamloom.results.http import make_app
from beamloom.results.past import PastRuns
from beamloom.results.record import RunRecord
from beamloom.results.snapshot import Snapshot
from beamloom.transport.http_server import HttpServer
from results.hdf5.trees import Shown
from support.patience import PATIENCE

h5pyd = pytest.importorskip("h5pyd", reason="needs h5pyd")


@pytest.fixture
def past() -> PastRuns:
    past = PastRuns()
    for number, run in enumerate(["first", "second"]):
        tree = {"image": np.full((4, 5), number), "group": {"n": number}}
        coverage = Coverage(run, 2, RangeSet([(0, 2 - number)]), over=True)
        past.add(RunRecord(run=run), Snapshot(7 + number, run, tree, coverage=coverage))
    return past


@pytest.fixture
def url(past: PastRuns) -> Iterator[str]:
    with HttpServer(make_app(Shown({"image": np.full(3, 9)}, 8, "second"), past=past)) as server:
        yield server.url


def opened(url: str, domain: str) -> Any:
    return h5pyd.File(domain, "r", endpoint=url, use_cache=False, retries=0)


@pytest.mark.parametrize(
    ("domain", "number"), [("/runs/first", 0), ("/runs/second", 1), ("/runs/last", 1), ("/runs/first/", 0)]
)
def test_a_run_is_opened_by_its_domain(url: str, domain: str, number: int) -> None:
    with opened(url, domain) as file:
        assert sorted(file) == ["group", "image"]
        assert (file["image"][1:3, :2] == number).all()
        assert file["group/n"][()] == number
        assert file["image"].attrs["coverage_complete"] == (number == 0)


@pytest.mark.parametrize("domain", ["/", "/runs", "/shared/user/file.h5", "/snapshot"])
def test_other_domains_are_of_now_as_they_always_were(url: str, domain: str) -> None:
    with opened(url, domain) as file:
        assert file["image"][()].tolist() == [9, 9, 9]


def test_a_run_that_is_not_there_is_told(url: str) -> None:
    with pytest.raises(OSError, match=r"404|Not Found|not held"):
        opened(url, "/runs/third")
    answer = requests.get(f"{url}/", params={"domain": "/runs/third"}, timeout=PATIENCE)
    assert answer.status_code == 404
    assert "is not held" in answer.json()["detail"]
    listed = requests.get(f"{url}/domains", timeout=PATIENCE).json()["domains"]
    assert [domain["name"] for domain in listed] == ["/", "/snapshot", "/runs/second", "/runs/first"]


def test_an_open_run_outlives_the_room_that_is_kept_for_it(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shelf, "MOST_SNAPSHOTS", 1)
    with opened(url, "/runs/first") as first, opened(url, "/runs/second") as second:
        for _ in range(2):
            assert first["image"][0, 0] == 0
            assert second["image"][0, 0] == 1
