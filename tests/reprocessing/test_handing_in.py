"""A result that was made again is handed in to the reducer, and read there like that of any run."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import numpy as np
import pytest

from beamloom.engine.coverage import Coverage
from beamloom.engine.ranges import RangeSet
from beamloom.results.http import make_app
from beamloom.results.past import PastRuns
from beamloom.results.record import RunRecord
from beamloom.results.snapshot import Snapshot
from beamloom.results.types import Mean
from beamloom.services.handing_in import handing_in_route, packed
from beamloom.services.snapshots import SnapshotDesk
from beamloom.settings import ReducerSettings
from beamloom.transport.codec import UnencodableResult

COVERAGE = Coverage("again", 3, RangeSet([(0, 3)]), over=True)


def record(run: str = "again", of: str | None = "live", **more: Any) -> RunRecord:
    return RunRecord(run=run, started=1.0, ended=2.0, again_of=of, coverage=COVERAGE.to_json(), **more)


def asked(past: PastRuns, method: str, path: str, content: bytes | None = None) -> httpx.Response:
    """The answer of a reducer with these runs."""
    app = make_app(
        SnapshotDesk(lambda: None), past=past, more_routes=[handing_in_route(past, ReducerSettings())]
    )

    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://reducer") as client:
            headers = {"Accept": "application/json"}
            return await client.request(method, f"/api/v1/runs{path}", content=content, headers=headers)

    return asyncio.run(ask())


def test_it_is_listed_and_read_as_it_was_published() -> None:
    past = PastRuns()
    mean = Mean()
    mean.add(0, np.array([1.0, 3.0]))
    publish = {"map": {(0, 1): 2.5}, "image": np.arange(40_000, dtype=np.int32), "mean": mean}
    answer = asked(past, "PUT", "/again", packed(record(changed={"threshold": 5}), publish))
    assert answer.status_code == 200, answer.text
    (listed,) = asked(past, "GET", "").json()
    assert (listed["run"], listed["again_of"], listed["changed"]) == ("again", "live", {"threshold": 5})
    assert listed["complete"]
    (image,) = asked(past, "GET", "/again/result/$.image?slice=-1").json()
    assert image == 39_999
    assert asked(past, "GET", "/again/result/$.map['0,1']").json() == [2.5]
    assert asked(past, "GET", "/again/result/$.mean.mean").json() == [[1.0, 3.0]]
    assert asked(past, "GET", "/again/coverage").json()["counts"]["reduced"] == 3


def test_a_run_that_was_measured_is_never_replaced() -> None:
    past = PastRuns()
    past.add(record("live", of=None), Snapshot(1, "live", {"sum": 1}))
    past.present = "present"
    for run in ("live", "present"):
        answer = asked(past, "PUT", f"/{run}", packed(record(run), {"sum": 2}))
        assert answer.status_code == 409
        assert "was measured" in answer.json()["detail"]
    assert asked(past, "GET", "/live/result/$.sum").json() == [1]


def test_however_many_are_tried_what_was_measured_stays() -> None:
    past = PastRuns(most_runs=2)
    past.add(record("live", of=None), Snapshot(1, "live", {"sum": 1}))
    for number in range(5):
        past.hand_in(record(f"again {number}"), Snapshot(1, f"again {number}", {"sum": number}))
    assert [one.run for one in past.records()] == ["live", "again 4", "again 3"]
    assert past.find("last")[0].run == "live"


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"nonsense", "no result that was made again"),
        (packed(record("another"), {}), "another run"),
        (packed(record(of=None), {}), "one that was measured"),
        (packed(record(), [1, 2]), "publishes a dictionary"),
        (packed(RunRecord(run="again", again_of="live", coverage={"run": 1}), {}), "no result that was made"),
    ],
)
def test_anything_else_is_refused_with_a_sentence(content: bytes, sentence: str) -> None:
    past = PastRuns()
    answer = asked(past, "PUT", "/again", content)
    assert answer.status_code == 400
    assert sentence in answer.json()["detail"]
    assert past.records() == []


def test_what_only_pickle_could_send_is_not_sent() -> None:
    with pytest.raises(UnencodableResult):
        packed(record(), {"file": iter([])})
