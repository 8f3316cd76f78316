"""The last version of a result says what became of every event of its run, however the messages at its end fall."""

from __future__ import annotations

from typing import Any

import pytest

from beamloom.engine.accounts.coverage import Coverage
from beamloom.results.snapshot import Snapshot
from beamloom.services.controller.active_run import COVERAGE_INTERVAL
from beamloom.transport.channel import Received
from beamloom.transport.messages import Coverage as CoverageMessage
from beamloom.triggermap import TriggerMap, open_ended, uniform
from services.bench import STEP_SECONDS, Bench, Feed, frame, series, start

PHASES = range(0, round(COVERAGE_INTERVAL / STEP_SECONDS) + 2, 3)
"""Steps by which the end of a run is moved against the messages that tell of coverage."""


def last_version(bench: Bench) -> tuple[Snapshot, Coverage]:
    """What is kept of the last run that has ended."""
    reducer: Any = bench.services["reducer"]
    _, snapshot = reducer._keeping.past.find("last")
    assert snapshot.coverage is not None
    return snapshot, snapshot.coverage


@pytest.mark.parametrize("trigger_map", [uniform(["eiger"], 6), open_ended(["eiger"])], ids=["fixed", "open"])
@pytest.mark.parametrize("phase", PHASES)
def test_the_last_version_covers_the_end_event_that_every_worker_has_seen(
    trigger_map: TriggerMap, phase: int
) -> None:
    packets = series(6)
    feed = Feed(packets[:4])
    with Bench({"eiger": feed}, workers=["worker-1", "worker-2", "worker-3"]) as bench:
        active = bench.arm(trigger_map)
        bench.steps(20 + phase)
        feed.send(packets[4:])
        bench.until(lambda: active.finished)
        snapshot, coverage = last_version(bench)
        assert snapshot.publish is not None
        assert set(snapshot.publish["results"]) == set(range(8))
        assert coverage.to_json()["reduced"] == [[0, 7]]
        assert coverage.complete
        assert coverage.over


@pytest.mark.parametrize("still", ["worker-2", "eiger-ingester"])
def test_it_covers_it_also_when_one_process_is_slow_to_finish(still: str) -> None:
    packets = series(6)
    feed = Feed(packets[:-1])
    with Bench({"eiger": feed}) as bench:
        active = bench.arm(uniform(["eiger"], 6))
        bench.steps(20)
        feed.send(packets[-1:])
        bench.until(lambda: active.run.ledger.complete)
        bench.still.add(still)
        bench.steps(50)
        bench.still.clear()
        bench.until(lambda: active.finished)
        assert last_version(bench)[1].to_json()["reduced"] == [[0, 7]]


def test_what_became_of_every_event_is_told_before_the_reducer_is_to_finish() -> None:
    told: list[str] = []

    def tap(name: str, received: Received) -> bool:
        if name == "reducer":
            message = received.message
            over = isinstance(message, CoverageMessage) and message.finished_at is not None
            told.append("over" if over else type(message).__name__)
        return True

    with Bench({"eiger": Feed(series(6))}) as bench:
        bench.tap = tap
        bench.play(uniform(["eiger"], 6))
    assert told[told.index("over") :] == ["over", "Finish"]


def test_a_run_that_gives_way_to_the_next_one_ends_with_what_was_lost() -> None:
    feed = Feed([start(), frame(1), frame(2)])
    with Bench({"eiger": feed}) as bench:
        bench.arm(uniform(["eiger"], 6))
        bench.until(lambda: {1, 2} <= set(bench.published["results"]))
        first = bench.active.run.run_id
        bench.arm(uniform(["eiger"], 3))
        snapshot, coverage = last_version(bench)
        assert snapshot.run == first
        assert coverage.over
        assert not coverage.pending
        assert len(coverage.reduced) + len(coverage.lost) == 8
        assert "a new trigger map was armed" in coverage.losses[-1].cause
