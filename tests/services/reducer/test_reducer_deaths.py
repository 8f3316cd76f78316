"""The reducer dies at any moment: the next one goes on from its journal, and nobody can tell from the result."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from beamloom.events import Event, Result
from beamloom.journal import Journal
from beamloom.parameters import ParameterSet
from beamloom.settings import ControllerSettings
from beamloom.transport.channel import Received
from beamloom.transport.messages import Fence, Reduced, Results, Standing, Taken
from beamloom.triggermap import uniform
from services.bench import Bench, Feed, Gathering, counts, frame, inject, series, start
from services.moments import Moments, at_moments
from services.reducer_lives import EVENTS, FRAMES, Slow, pipeline


class Ordered:
    """A reducer class that can hand over its state, and publishes the same as Gathering."""

    def __init__(self) -> None:
        self.publish: dict[str, Any] = {"results": {}, "count": 0, "finished": 0}
        self.restored = 0

    def process_result(self, result: Result) -> None:
        self.publish["results"][result.event_number] = result.payload
        self.publish["count"] += 1

    def finish(self) -> None:
        self.publish["finished"] += 1

    def checkpoint(self) -> dict[str, Any]:
        return {**self.publish, "sum": np.arange(100_000)}

    def restore(self, state: dict[str, Any]) -> None:
        assert state.pop("sum")[-1] == 99_999
        self.publish = state
        self.restored += 1


def undisturbed() -> dict[str, Any]:
    with Bench({"eiger": Feed(series(FRAMES))}) as bench:
        bench.play(uniform(["eiger"], FRAMES))
        return bench.published


def things_done_in_a_whole_run(folder: Path) -> int:
    with pipeline(folder) as one:
        one.bench.play(uniform(["eiger"], FRAMES))
        return 1_000_000 - one.bench.services["reducer"].left  # type: ignore[attr-defined,no-any-return]


@at_moments
@pytest.mark.parametrize("again", [1_000_000, 5])
@pytest.mark.parametrize("reducer", [Gathering, Ordered])
def test_the_reducer_may_die_before_and_after_each_message(
    tmp_path: Path, reducer: type, again: int, moments: Moments
) -> None:
    """``again``: the second life is short, too, so that it dies as it takes up the run, or soon after."""
    expected = undisturbed()
    things = things_done_in_a_whole_run(tmp_path / "whole")
    assert things > 20
    died = 0
    looked_at = moments(0, things, 1)
    for moment in looked_at:
        deaths, found, published = play_with_deaths(tmp_path / f"{moment}", reducer, moment, again)
        if deaths is None:
            continue
        assert found == (EVENTS, 0, 0), moment
        assert published == expected, moment
        died += deaths > 0
    assert died > len(looked_at) / 2


def play_with_deaths(
    folder: Path, reducer: type, moment: int, again: int
) -> tuple[int | None, tuple[int, int, int], dict[str, Any]]:
    """How often the reducer died, what the account says, what is published; deaths None when the run did not begin."""
    with pipeline(folder, reducer=reducer, checkpoint_interval=0.02) as one:
        reply: list[Any] = []
        one.bench.services["reducer"].left = moment  # type: ignore[attr-defined]
        one.bench.controller.arm(uniform(["eiger"], FRAMES), reply.append, one.bench.now)
        # Whoever dies before the run has begun is no part of it.
        one.bench.until(lambda: bool(reply))
        if isinstance(reply[0], Exception):
            one.begin_life()
            return None, (0, 0, 0), {}
        active = one.bench.active
        life = again if again > 100 else again + moment % 7
        one.until(lambda: active.finished or one.deaths >= 2, life)
        one.until(lambda: active.finished)
        one.until(lambda: one.bench.published.get("finished") == 1)
        return one.deaths, counts(active), one.bench.published


def test_a_run_that_goes_on_without_its_journal_tells_what_is_gone_as_lost() -> None:
    feed = Feed([start(), *map(frame, range(1, 5))])
    with pipeline(None, feed) as one:
        active = one.bench.arm(uniform(["eiger"], FRAMES))
        one.bench.until(lambda: one.bench.reduced() == 5)
        one.kill()
        feed.send([*map(frame, range(5, EVENTS - 1)), series(FRAMES)[-1]])
        one.until(lambda: active.finished)
        reduced, failed, lost = counts(active)
        assert (reduced, failed, lost) == (EVENTS - 5, 0, 5)
        assert set(one.bench.published["results"]) == set(range(5, EVENTS))
        (cause, events), *_ = active.run.losses_by_cause()
        assert list(events) == [(0, 5)]
        assert "died" in cause


def test_a_result_that_died_between_the_acknowledgement_and_the_controller_is_made_again() -> None:
    """Without a journal: the worker was told that it is taken, and the controller was not."""
    feed = Slow([start(), *map(frame, range(1, 5))])
    with pipeline(None, feed) as one:
        bench = one.bench
        active = bench.arm(uniform(["eiger"], FRAMES))
        bench.until(lambda: bench.reduced() == 3)
        bench.tap = lambda name, received: (
            not (name == "controller" and isinstance(received.message, Reduced))
        )
        bench.until(lambda: bench.published["count"] == 6)
        bench.steps(3)
        one.kill()
        bench.tap = lambda name, received: True
        feed.send([*map(frame, range(5, EVENTS - 1)), series(FRAMES)[-1]])
        one.until(lambda: active.finished)
        reduced, failed, lost = counts(active)
        assert failed == 0
        assert reduced + lost == EVENTS
        assert set(bench.published["results"]) == {e for e in range(EVENTS) if e in active.run.ledger.reduced}


def test_acknowledgements_of_a_reducer_that_was_replaced_do_not_count(tmp_path: Path) -> None:
    with pipeline(tmp_path) as one:
        bench = one.bench
        seen: list[Received] = []
        bench.tap = lambda name, received: seen.append(received) or True  # type: ignore[func-returns-value]
        active = bench.arm(uniform(["eiger"], FRAMES))
        former = bench.channels["reducer"].peer
        one.kill()
        bench.until(lambda: active.run.custody.away)
        bench.steps(20)
        run = active.run.run_id
        held = {name: bench.services[name].figures()["unacknowledged"] for name in ("worker-1", "worker-2")}  # type: ignore[attr-defined]
        assert sum(held.values()) > 0
        one.begin_life()
        bench.until(lambda: not active.run.custody.away)
        for name in held:
            inject(bench, name, former, Taken(run, 1000))
        one.until(lambda: active.finished)
        assert counts(active) == (EVENTS, 0, 0)
        assert any(isinstance(received.message, Standing) for received in seen)


def test_workers_that_are_lost_while_there_is_no_reducer_are_fenced_by_the_next_one(tmp_path: Path) -> None:
    with pipeline(tmp_path, Feed([start(), *map(frame, range(1, 5))])) as one:
        bench = one.bench
        active = bench.arm(uniform(["eiger"], FRAMES))
        bench.until(lambda: bench.reduced() == 5)
        one.kill()
        bench.until(lambda: active.run.custody.away)
        bench.kill("worker-1")
        bench.until(lambda: len(bench.controller.ensemble.workers) == 1)
        fenced: list[Received] = []

        def tap(name: str, received: Received) -> bool:
            if isinstance(received.message, Fence):
                fenced.append(received)
            return True

        bench.tap = tap
        bench.steps(50)
        assert not fenced
        bench.add_worker("worker-3")
        one.begin_life()
        feed: Any = bench.services["eiger-ingester"]
        bench.until(lambda: bool(fenced) and bench.channels["worker-3"].peer in active.run.workers)
        assert feed is not None
        active.run.stop("the test is over")
        one.until(lambda: active.finished)
        assert set(bench.published["results"]) == {e for e in range(EVENTS) if e in active.run.ledger.reduced}


def test_a_worker_whose_outbox_is_full_begins_no_event() -> None:
    class Large:
        def process_event(self, event: Event) -> bytes:
            return bytes(600)

    with Bench({"eiger": Slow(series(FRAMES))}, Large, Gathering, workers=["worker-1"]) as bench:
        few = msgspec.structs.replace(bench.services["worker-1"]._settings, outbox_bytes=1000)  # type: ignore[attr-defined]
        bench.services["worker-1"]._settings = few  # type: ignore[attr-defined]
        active = bench.arm(uniform(["eiger"], FRAMES))
        bench.still.add("reducer")
        figures = bench.services["worker-1"].figures  # type: ignore[attr-defined]
        bench.until(lambda: figures()["outbox_full"] == 1)
        done = figures()["processed_events"]
        bench.steps(30)
        assert figures()["processed_events"] == done <= 8
        bench.still.clear()
        bench.until(lambda: active.finished)
        assert counts(active) == (EVENTS, 0, 0)


class Gains(Gathering):
    """Publishes with which parameters each result was reduced."""

    def process_result(self, result: Result, parameters: ParameterSet) -> None:  # type: ignore[override]
        self.publish["results"][result.event_number] = int(parameters["gain"])


def test_what_is_reduced_again_is_reduced_with_the_parameters_of_its_epoch(tmp_path: Path) -> None:
    feed = Feed([start(), *map(frame, range(1, 5))])
    with pipeline(tmp_path, feed, reducer=Gains) as one:
        bench = one.bench
        active = bench.arm(uniform(["eiger"], 1000))
        bench.until(lambda: bench.reduced() == 5)
        bench.controller.set_parameters({"gain": b"7"})
        until = active.run.last_assigned + 10
        feed.send(list(map(frame, range(5, until))))
        bench.until(lambda: bench.reduced() == until)
        before = dict(bench.published["results"])
        assert set(before.values()) == {1, 7}
        one.kill()
        bench.controller.set_parameters({"gain": b"9"})
        one.begin_life()
        bench.until(lambda: active.run.custody.away)
        bench.until(lambda: not active.run.custody.away)
        assert bench.published["results"] == before
        active.run.stop("enough")
        one.until(lambda: active.finished)


def test_parameters_that_change_while_there_is_no_reducer_hold_for_the_next_one(tmp_path: Path) -> None:
    feed = Feed([start(), *map(frame, range(1, 5))])
    with pipeline(tmp_path, feed, reducer=Gains) as one:
        bench = one.bench
        active = bench.arm(uniform(["eiger"], 100))
        bench.until(lambda: bench.reduced() == 5)
        one.kill()
        change_at = active.run.last_assigned
        bench.controller.set_parameters({"gain": b"7"})
        one.begin_life()
        feed.send(series(100)[5:])
        bench.until(lambda: active.finished)
        expected = {event: 7 if event >= change_at else 1 for event in range(102)}
        assert bench.published["results"] == expected
        record = bench.services["reducer"]._keeping.past.records()[0]  # type: ignore[attr-defined]
        assert [(one.first_event, one.parameters["gain"]) for one in record.epochs] == [
            (0, 1),
            (change_at, 7),
        ]


def test_results_wait_for_parameters_that_are_still_under_way(tmp_path: Path) -> None:
    with pipeline(tmp_path, feed := Feed(series(200)[:5]), reducer=Gains) as one:
        bench = one.bench
        active = bench.arm(uniform(["eiger"], 200))
        bench.until(lambda: bench.reduced() == 5)
        held: list[Received] = []

        def hold(name: str, received: Received) -> bool:
            if name == "reducer" and type(received.message).__name__ == "Parameters":
                held.append(received)
                return False
            return True

        bench.tap = hold
        change_at = active.run.last_assigned
        bench.controller.set_parameters({"gain": b"7"})
        feed.send(series(200)[5:])
        bench.steps(100)
        assert bench.reduced() <= change_at
        bench.tap = lambda name, received: True
        inject(bench, "reducer", held[0].sender, held[0].message)
        bench.until(lambda: active.finished)
        assert bench.published["results"] == {event: 7 if event >= change_at else 1 for event in range(202)}


def test_the_last_run_is_shown_again_by_a_reducer_that_is_started_anew(tmp_path: Path) -> None:
    with pipeline(tmp_path) as one:
        active = one.bench.play(uniform(["eiger"], FRAMES))
        shown = dict(one.bench.published)
        one.kill()
        one.begin_life()
        one.bench.until(lambda: one.bench.published.get("finished") == 1)
        assert one.bench.published == shown
        assert counts(active) == (EVENTS, 0, 0)
        assert active.finished


def test_versions_of_the_next_life_are_above_those_of_the_one_before(tmp_path: Path) -> None:
    with pipeline(tmp_path) as one:
        active = one.bench.arm(uniform(["eiger"], FRAMES))
        one.bench.until(lambda: one.bench.reduced() > 3)
        before = one.bench.desk.take().version
        one.kill()
        one.until(lambda: active.finished)
        assert one.bench.desk.take().version > before


def test_a_disk_that_fails_holds_up_nothing_and_is_told(tmp_path: Path) -> None:
    with pipeline(tmp_path, journal_limit=1000) as one:
        active = one.bench.play(uniform(["eiger"], FRAMES))
        assert counts(active) == (EVENTS, 0, 0)
        assert one.journal is not None
        assert "not in the journal" in (one.journal.alarm or "")


def test_a_journal_that_cannot_be_read_to_its_end_counts_as_far_as_it_goes(tmp_path: Path) -> None:
    feed = Feed([start(), *map(frame, range(1, 5))])
    with pipeline(tmp_path, feed) as one:
        active = one.bench.arm(uniform(["eiger"], FRAMES))
        one.bench.until(lambda: one.bench.reduced() == 5)
        one.kill()
        (segment,) = tmp_path.glob("*/*/*.journal")
        journal = Journal(segment.parent, 1 << 30)
        journal.append([b"what another version may have written"])
        journal.close()
        feed.send(series(FRAMES)[5:])
        one.until(lambda: active.finished)
        assert counts(active) == (EVENTS, 0, 0)
        assert one.journal is not None
        assert "cannot be read" in (one.journal.alarm or "")
        assert "ends with this process" in (one.journal.alarm or "")


def test_a_journal_that_nobody_may_write_is_told_and_the_run_goes_on(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pipeline(tmp_path / "file" / "journals") as one:
        active = one.bench.play(uniform(["eiger"], FRAMES))
        assert counts(active) == (EVENTS, 0, 0)
        assert one.journal is not None
        assert "ends with this process" in (one.journal.alarm or "")


def test_a_journal_is_removed_with_the_result(tmp_path: Path) -> None:
    with pipeline(tmp_path / "journals") as one:
        one.bench.play(uniform(["eiger"], FRAMES))
        assert list((tmp_path / "journals").glob("*/*/*.journal"))
    assert os.listdir(tmp_path) == []


def test_the_next_run_supersedes_the_journal(tmp_path: Path) -> None:
    feed = Feed(series(FRAMES))
    with pipeline(tmp_path, feed) as one:
        first = one.bench.play(uniform(["eiger"], FRAMES)).run.run_id
        feed.send(series(FRAMES))
        second = one.bench.play(uniform(["eiger"], FRAMES)).run.run_id
        assert not list(tmp_path.glob(f"*/{first}"))
        assert list(tmp_path.glob(f"*/{second}"))


def test_a_batch_that_is_sent_twice_is_reduced_once(tmp_path: Path) -> None:
    with pipeline(tmp_path) as one:
        batches: list[Received] = []

        def tap(name: str, received: Received) -> bool:
            if name == "reducer" and isinstance(received.message, Results):
                batches.append(received)
            return True

        one.bench.tap = tap
        active = one.bench.arm(uniform(["eiger"], FRAMES))
        one.bench.until(lambda: len(batches) > 2)
        for received in batches:
            inject(one.bench, "reducer", received.sender, received.message, received.buffers)
        one.until(lambda: active.finished)
        assert one.bench.published["count"] == EVENTS + 2


def test_who_leases_again_what_is_reduced_already_is_told_that_it_is(tmp_path: Path) -> None:
    with pipeline(tmp_path) as one:
        batches: list[Received] = []
        told: list[tuple[str, int, int, int]] = []

        def tap(name: str, received: Received) -> bool:
            if name == "reducer" and isinstance(received.message, Results):
                batches.append(received)
            if name == "controller" and isinstance(received.message, Reduced):
                told.extend(received.message.deliveries)
            return True

        one.bench.tap = tap
        one.bench.arm(uniform(["eiger"], FRAMES))
        one.bench.until(lambda: one.bench.reduced() > 2)
        one.bench.still.update({"worker-1", "worker-2"})
        one.bench.steps(3)
        again, first = batches[-1], told.copy()
        told.clear()
        inject(one.bench, "reducer", again.sender, again.message, again.buffers)
        one.bench.steps(3)
        results = again.message
        assert isinstance(results, Results)
        sent = {event for _, _, a, b in results.spans for event in range(a, b)}
        assert sent <= {event for _, _, a, b in told for event in range(a, b)}
        assert first
        # But not of a worker whose results are not taken any more.
        inject(one.bench, "reducer", one.bench.controller._channel.peer, Fence(results.run, again.sender))
        told.clear()
        inject(one.bench, "reducer", again.sender, again.message, again.buffers)
        one.bench.steps(3)
        assert not {event for _, _, a, b in told for event in range(a, b)} & sent


def test_a_reducer_that_cannot_be_made_again_ends_the_run(tmp_path: Path) -> None:
    with pipeline(tmp_path, Feed([start(), *map(frame, range(1, 5))])) as one:
        active = one.bench.arm(uniform(["eiger"], FRAMES))
        one.bench.until(lambda: one.bench.reduced() == 5)
        one.kill()

        class Broken(Gathering):
            def __init__(self) -> None:
                raise ValueError("no such file")

        one._reducer = Broken
        one.until(lambda: active.finished)
        assert "no such file" in (active.run.stop_cause or "")
        assert ControllerSettings().reducer_timeout > 1
