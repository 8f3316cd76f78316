"""Results of runs that have ended stay readable when the next one is armed."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import h5py
import httpx
import numpy as np
import pytest

from beamloom.engine.accounts.coverage import Coverage
from beamloom.engine.ranges import RangeSet
from beamloom.results.http import make_app
from beamloom.results.past import PastRuns, size
from beamloom.results.record import RunRecord
from beamloom.results.snapshot import Snapshot
from beamloom.transport.channel import Received
from beamloom.transport.messages import Finish
from beamloom.triggermap import uniform
from services.bench import Bench, Doubling, Feed, Gathering, series


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


class Choosy(Gathering):
    """Cannot be made for some runs, and counts on time, too."""

    refuses = False

    def __init__(self) -> None:
        super().__init__()
        if Choosy.refuses:
            raise ValueError("there is no calibration")

    def timer(self) -> float:
        return 0.01


def shown(bench: Bench) -> tuple[list[int], str | None, bool]:
    """Events and run of what a reader is given now, and whether that is complete."""
    bench.desk.serve(float("inf"))
    snapshot = bench.desk.take()
    assert snapshot.publish is not None
    assert snapshot.coverage is not None
    assert snapshot.coverage.run == snapshot.run
    return sorted(snapshot.publish["results"]), snapshot.run, snapshot.coverage.complete


def test_an_armed_run_is_shown_from_its_first_moment_and_the_last_one_stays_beside_it() -> None:
    feed = Feed(series(3))
    with Bench({"eiger": feed}) as bench:
        first = bench.play(uniform(["eiger"], 3)).run.run_id
        second = bench.arm(uniform(["eiger"], 3)).run.run_id
        assert shown(bench) == ([], second, False)
        assert get(bench, "runs/last/result/$.count").json() == [7]
        assert get(bench, "runs/last/coverage").json()["run"] == first


def test_a_run_that_the_reducer_refuses_leaves_the_last_result_where_it_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    feed = Feed(series(3))
    with Bench({"eiger": feed}, reducer=Choosy) as bench:
        first = bench.play(uniform(["eiger"], 3)).run.run_id
        bench.steps(3)
        before, version = shown(bench), bench.desk.take().version
        monkeypatch.setattr(Choosy, "refuses", True)
        for _ in range(2):
            assert "there is no calibration" in str(bench.try_to_arm(uniform(["eiger"], 3)))
            bench.steps(3)
            assert shown(bench) == before == ([0, 1, 2, 3, 4], first, True)
            assert bench.desk.take().version == version
        monkeypatch.setattr(Choosy, "refuses", False)
        feed.send(series(2))
        second = bench.play(uniform(["eiger"], 2)).run.run_id
        assert shown(bench) == ([0, 1, 2, 3], second, True)


def test_a_run_that_another_process_refuses_gives_way_to_the_last_result(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Refusing(Doubling):
        refuses = False

        def __init__(self) -> None:
            if Refusing.refuses:
                raise ValueError("there is no mask")

    feed = Feed(series(3))
    with Bench({"eiger": feed}, Refusing, Choosy) as bench:
        nothing = bench.desk.take()
        monkeypatch.setattr(Refusing, "refuses", True)
        assert isinstance(bench.try_to_arm(uniform(["eiger"], 3)), Exception)
        bench.steps(3)
        assert (bench.desk.take().run, bench.desk.take().publish) == (None, nothing.publish)
        monkeypatch.setattr(Refusing, "refuses", False)
        first = bench.play(uniform(["eiger"], 3)).run.run_id
        bench.steps(3)
        version = bench.desk.take().version
        seen: list[Snapshot] = []

        def tap(name: str, received: Received) -> bool:
            if name == "reducer" and isinstance(received.message, Finish):
                seen.append(bench.desk.take())
            return True

        bench.tap = tap
        monkeypatch.setattr(Refusing, "refuses", True)
        assert "there is no mask" in str(bench.try_to_arm(uniform(["eiger"], 3)))
        bench.steps(3)
        assert shown(bench) == ([0, 1, 2, 3, 4], first, True)
        assert [(one.run != first, one.version) for one in seen] == [(True, version + 1)]
        assert bench.desk.take().version == version + 2
        assert [run["run"] for run in get(bench, "runs").json()] == [first]
        monkeypatch.setattr(Refusing, "refuses", False)
        feed.send(series(2))
        second = bench.play(uniform(["eiger"], 2)).run.run_id
        assert shown(bench) == ([0, 1, 2, 3], second, True)


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


def test_changes_before_the_next_event_is_leased_are_one_epoch() -> None:
    with Bench({"eiger": (feed := Feed())}) as bench:
        active = bench.arm(uniform(["eiger"], 2000))
        for gain in range(2, 50):
            bench.controller.set_parameters({"gain": str(gain).encode()})
            bench.steps(gain % 3)
        feed.send(series(2000)[:100])
        bench.until(lambda: bench.reduced() == 100)
        for gain in range(50, 100):
            bench.controller.set_parameters({"gain": str(gain).encode()})
        feed.send(series(2000)[100:])
        bench.until(lambda: active.finished)
        record = get(bench, f"runs/{active.run.run_id}").json()
        told = [(one["first_event"], one["parameters"]["gain"]) for one in record["epochs"]]
        assert [gain for _, gain in told] == [1, 49, 99]
        firsts = [first for first, _ in told]
        gains = {event: result["gain"] for event, result in bench.published["results"].items()}
        assert gains == {
            event: 99 if event >= firsts[2] else 49 if event >= firsts[1] else 1 for event in range(2002)
        }
        assert len(bench.controller.epochs.of_run) == len(active.epochs) == 3


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


def test_a_dataset_of_a_file_that_is_closed_ends_no_run(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "frames.h5", "w") as file:
        published = {"frames": file.create_dataset("frames", data=np.zeros(5)), "sum": np.zeros(5)}
        assert size(published) == 80
    assert size(published) == 48
    past = PastRuns()
    past.add(RunRecord(run="r1"), Snapshot(1, "r1", published))
    assert past.find("last")[0].run == "r1"
