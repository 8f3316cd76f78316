"""A result that was made again is handed in to the reducer, and read there like that of any run."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import httpx
import numpy as np
import pytest

from beamloom.analysis import ReducerAnalysis
from beamloom.engine.accounts.coverage import Coverage
from beamloom.engine.ranges import RangeSet
from beamloom.parameters import ParameterSet
from beamloom.results.http import make_app
from beamloom.results.past import PastRuns
from beamloom.results.record import RunRecord
from beamloom.results.snapshot import Snapshot
from beamloom.results.types import Mean
from beamloom.services.reducer.handing_in import RENEWED_WITHIN, handing_in_route, packed
from beamloom.services.reducer.snapshots import SnapshotDesk
from beamloom.settings import ReducerSettings
from beamloom.transport.codec import UnencodableResult

COVERAGE = Coverage("again", 3, RangeSet([(0, 3)]), over=True)


def record(run: str = "again", of: str | None = "live", **more: Any) -> RunRecord:
    return RunRecord(run=run, started=1.0, ended=2.0, again_of=of, coverage=COVERAGE.to_json(), **more)


def asked(
    past: PastRuns, method: str, path: str, content: bytes | None = None, desk: SnapshotDesk | None = None
) -> httpx.Response:
    """The answer of a reducer with these runs."""
    desk = desk or SnapshotDesk(lambda: None)
    app = make_app(
        desk, past=past, more_routes=[handing_in_route(past, ReducerSettings(), lambda: None, desk)]
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


class Sums:
    """A reducer class."""

    def __init__(self) -> None:
        self.publish = {"sum": 1}

    def process_result(self, result: object) -> None: ...


def test_it_is_shown_in_the_place_of_the_live_result_as_long_as_it_is_renewed() -> None:
    past, desk = PastRuns(), SnapshotDesk(lambda: None)
    past.present = "live"
    analysis = ReducerAnalysis(Sums)
    analysis.start(ParameterSet(), {})
    desk.begin_run("live", analysis)
    before = desk.take()
    now = time.monotonic()
    answer = asked(past, "PUT", "/again?instead=live", packed(record(), {"sum": 2}), desk)
    assert answer.status_code == 200, answer.text
    assert past.records() == []
    desk.serve(now)
    shown = desk.take()
    assert (shown.publish, shown.run, shown.version) == ({"sum": 2}, "live", before.version + 1)
    assert shown.coverage is not None
    assert shown.coverage.text == "0-2"
    assert desk.own().publish == {"sum": 1}
    assert desk.take().publish == {"sum": 2}
    desk.serve(now + RENEWED_WITHIN + 60)
    assert desk.take().publish == {"sum": 1}
    assert asked(past, "PUT", "/again?instead=live&last=true", packed(record(), {"sum": 3}), desk).is_success
    desk.serve(now)
    desk.serve(now + 1e6)
    assert desk.take().publish == {"sum": 3}
    assert [one.run for one in past.records()] == ["again"]
    desk.begin_run("next", analysis)
    assert desk.take().publish == {"sum": 1}
    refused = asked(past, "PUT", "/again?instead=live", packed(record(), {"sum": 4}), desk)
    assert refused.status_code == 409
    assert "not what is published" in refused.json()["detail"]
