"""Results of runs that have ended stay readable when the next one is armed."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import numpy as np
import pytest

from beamloom.engine.coverage import Coverage
from beamloom.engine.ranges import RangeSet
from beamloom.results.http import make_app
from beamloom.results.past import PastRuns, size
from beamloom.results.record import RunRecord
from beamloom.results.snapshot import Snapshot
from beamloom.triggermap import uniform
from services.bench import Bench, Feed, series


def get(bench: Bench, path: str) -> httpx.Response:
    """Ask the reducer of a bench over its HTTP application."""
    service: Any = bench.services["reducer"]
    app = make_app(bench.desk, past=service._keeping.past)

    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://reducer") as client:
            return await client.get(f"/api/v1/{path}", headers={"Accept": "application/json"})

    return asyncio.run(ask())


def test_the_result_of_a_run_outlives_the_arming_of_the_next_one() -> None:
    packets = series(6)
    del packets[4]
    feed = Feed(packets)
    with Bench({"eiger": feed}) as bench:
        first = bench.play(uniform(["eiger"], 6))
        feed.send(series(3))
        second = bench.play(uniform(["eiger"], 3))
        listed = get(bench, "runs").json()
        assert [run["run"] for run in listed] == [second.run.run_id, first.run.run_id]
        assert [run["complete"] for run in listed] == [True, False]
        assert listed[1]["counts"] == {"reduced": 7, "pending": 0, "failed": 0, "lost": 1}
        (results,) = get(bench, f"runs/{first.run.run_id}/result/$.results").json()
        assert results["double"] == [0, 2, 4, 6, 10, 12, 14]
        coverage = get(bench, f"runs/{first.run.run_id}/coverage").json()
        assert coverage["over"]
        assert coverage["lost"][0]["events"] == [4, 4]
        assert get(bench, "runs/last/coverage").json()["run"] == second.run.run_id


def test_a_run_is_known_with_its_map_its_devices_and_its_parameters() -> None:
    with Bench({"eiger": Feed(series(3))}) as bench:
        active = bench.play(uniform(["eiger"], 3))
        record = get(bench, f"runs/{active.run.run_id}").json()
        assert record["trigger_map"] == active.written.encode().decode()
        assert record["devices"] == {"eiger": "feed"}
        assert record["epochs"][0]["first_event"] == 0
        assert record["epochs"][0]["parameters"]["gain"] == 1
        assert record["coverage"]["complete"]
        assert record["started"] <= record["ended"]
        assert "numpy" in record["packages"]


def test_a_run_that_is_not_held_is_answered_with_a_sentence() -> None:
    with Bench({"eiger": Feed()}) as bench:
        answer = get(bench, "runs/nobody/result")
        assert answer.status_code == 404
        assert "/api/v1/runs lists those that are" in answer.json()["detail"]
        assert get(bench, "runs/last").status_code == 404
        assert get(bench, "runs").json() == []


def snapshot(run: str, count: int) -> Snapshot:
    return Snapshot(1, run, {"a": np.zeros(count)}, coverage=Coverage(run, 1, RangeSet([(0, 1)])))


def test_the_oldest_runs_go_when_they_are_too_many_or_too_large() -> None:
    past = PastRuns(most_runs=3, most_bytes=1000)
    for number in range(5):
        past.add(RunRecord(run=f"r{number}"), snapshot(f"r{number}", 10))
    assert [record.run for record in past.records()] == ["r4", "r3", "r2"]
    past.add(RunRecord(run="large"), snapshot("large", 1000))
    assert [record.run for record in past.records()] == ["large"]


@pytest.mark.parametrize(
    ("value", "bytes_held"), [(np.zeros(5), 40), ({"a": [b"xyz", "ab"]}, 5), (1.0, 8), ({}, 0)]
)
def test_what_a_tree_holds_is_estimated(value: Any, bytes_held: int) -> None:
    assert size(value) == bytes_held
