"""Workers with newer code take over at an event, older ones leave, and the account says who made what."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest

from beamloom.engine.ranges import Range
from beamloom.events import Event
from beamloom.services.controller.updating import UpdateRefused
from beamloom.services.reducer.service import ReducerService
from beamloom.services.worker.debugworker import LastEvents
from beamloom.services.worker.service import WorkerService
from beamloom.triggermap import TriggerMap, batched, uniform
from services.bench import Bench, Feed, counts, frame, series, start

EVENTS = 200


class Old:
    def process_event(self, event: Event) -> str:
        return "old"


class New:
    def process_event(self, event: Event) -> str:
        return "new"


def joined(bench: Bench, names: Iterable[str]) -> bool:
    return not bench.controller.updates.waited_for(list(names), bench.active)


def step(bench: Bench) -> None:
    """Let those go who have drained, as their processes do."""
    bench.step()
    for name, service in list(bench.services.items()):
        if isinstance(service, WorkerService) and service.drained(bench.now):
            bench.end(name)


def until_over(bench: Bench) -> None:
    for _ in range(5000):
        if bench.active.finished:
            return
        step(bench)
    raise AssertionError("the run does not end")


def made(bench: Bench, number: int) -> list[Range]:
    run = bench.active.run
    return list(run.editions.made(number, run.ledger.reduced))


def update(bench: Bench, cls: type = New, number: int = 1) -> int:
    """Start two newer workers, and have them take over; returns the first event."""
    names = [f"new-{number}-{one}" for one in (1, 2)]
    for name in names:
        bench.add_worker(name, cls, edition=number)
    bench.until(lambda: joined(bench, names))
    first = bench.controller.updates.begin(number, bench.active)
    assert first is not None
    return first


def test_newer_code_has_all_events_from_one_on_and_older_workers_leave() -> None:
    feed = Feed([start(), *map(frame, range(1, 31))])
    with Bench({"eiger": feed}, Old) as bench:
        active = bench.arm(uniform(["eiger"], EVENTS))
        bench.until(lambda: bench.reduced() == 31)
        first = update(bench)
        feed.send(series(EVENTS)[31:])
        until_over(bench)
        assert counts(active) == (EVENTS + 2, 0, 0)
        results = bench.published["results"]
        assert {results[event] for event in range(1, first)} == {"old"}
        assert {results[event] for event in range(first, EVENTS + 2)} == {"new"}
        assert (made(bench, 0), made(bench, 1)) == ([(0, first)], [(first, EVENTS + 2)])
        assert [one.first_event for one in active.run.editions.records] == [0, first]
        reducer = bench.services["reducer"]
        assert isinstance(reducer, ReducerService)
        kept, _ = reducer._keeping.past.find(active.run.run_id)
        told = [(one["edition"], one["first_event"], one["events"]) for one in kept.editions]
        assert told == [(0, 0, None), (1, first, [[first, EVENTS + 1]])]
        # They are asked again and again, as they may not have heard it.
        for _ in range(300):
            step(bench)
        assert [worker.name for worker in bench.controller.ensemble.workers] == ["new-1-1", "new-1-2"]
        assert (active.run.redelivered, active.run.handed_back) == (0, 0)


def test_updates_follow_each_other() -> None:
    feed = Feed([start(), *map(frame, range(1, 31))])
    with Bench({"eiger": feed}, Old) as bench:
        active = bench.arm(uniform(["eiger"], EVENTS))
        bench.until(lambda: bench.reduced() == 31)
        first = update(bench)
        with pytest.raises(UpdateRefused, match="edition 1 holds already"):
            bench.controller.updates.begin(1, active)
        feed.send(map(frame, range(31, first + 20)))
        bench.until(lambda: bench.reduced() == first + 20)
        second = update(bench, Old, 2)
        assert second > first
        feed.send(series(EVENTS)[first + 20 :])
        until_over(bench)
        assert counts(active) == (EVENTS + 2, 0, 0)
        assert [made(bench, number) for number in range(3)] == [
            [(0, first)],
            [(first, second)],
            [(second, EVENTS + 2)],
        ]
        assert {bench.published["results"][event] for event in range(second, EVENTS + 2)} == {"old"}


def test_events_of_the_older_code_that_nobody_is_left_for_go_to_the_newer_one_and_the_account_says_so() -> (
    None
):
    feed = Feed([start(), *map(frame, range(1, 31))])
    with Bench({"eiger": feed}, Old) as bench:
        active = bench.arm(uniform(["eiger"], EVENTS))
        bench.until(lambda: bench.reduced() == 31)
        first = update(bench)
        for name in ("worker-1", "worker-2"):
            bench.kill(name)
        feed.send(series(EVENTS)[31:])
        until_over(bench)
        assert counts(active) == (EVENTS + 2, 0, 0)
        assert (made(bench, 0), made(bench, 1)) == ([(0, 31)], [(31, EVENTS + 2)])
        assert first > 31
        assert {bench.published["results"][event] for event in range(31, EVENTS + 2)} == {"new"}


def test_code_with_states_is_not_changed_within_a_run() -> None:
    class Counting:
        stateful = True

        def __init__(self) -> None:
            self.count = 0

        def process_event(self, event: Event) -> int:
            self.count += 1
            return self.count

    feed = Feed([start(), *map(frame, range(1, 31))])
    with Bench({"eiger": feed}, Counting) as bench:
        active = bench.arm(batched(["eiger"], EVENTS, EVENTS))
        bench.until(lambda: bench.reduced() == 31)
        with pytest.raises(UpdateRefused, match="stateful"):
            update(bench, Counting)
        feed.send(series(EVENTS)[31:])
        until_over(bench)
        assert counts(active) == (EVENTS + 2, 0, 0)
        assert [bench.published["results"][event] for event in range(1, EVENTS + 1)] == list(
            range(1, EVENTS + 1)
        )


@pytest.mark.expects_errors
def test_newer_code_that_cannot_work_changes_nothing() -> None:
    feed = Feed([start()])
    with Bench({"eiger": feed}, Old) as bench:
        active = bench.arm(uniform(["eiger"], EVENTS))
        bench.until(lambda: bench.reduced() == 1)
        with pytest.raises(UpdateRefused, match="beamloom worker --edition 1"):
            bench.controller.updates.begin(1, active)

        class Broken:
            pass

        bench.add_worker("broken", Broken, edition=1)

        def refused() -> Any:
            try:
                return not joined(bench, ["broken"]) and None
            except UpdateRefused as error:
                return str(error)

        bench.until(lambda: bool(refused()))
        assert "broken cannot take over" in refused()
        bench.add_worker("special", New, ("special",), edition=1)
        bench.until(lambda: joined(bench, ["special"]))
        with pytest.raises(UpdateRefused, match="do not suffice for the run"):
            bench.controller.updates.begin(1, active)
        feed.send(series(EVENTS)[1:])
        until_over(bench)
        assert set(bench.published["results"].values()) == {"old"}


def test_between_runs_older_workers_leave_at_once() -> None:
    with Bench({"eiger": Feed(series(10))}, Old) as bench:
        bench.add_worker("new", New, edition=1)
        bench.until(bench.everyone_known)
        assert bench.controller.updates.begin(1, None) is None
        for _ in range(300):
            step(bench)
        assert [worker.name for worker in bench.controller.ensemble.workers] == ["new"]
        bench.play(uniform(["eiger"], 10))
        assert set(bench.published["results"].values()) == {"new"}
        assert made(bench, 1) == [(0, 12)]


def test_a_debug_worker_has_no_code_to_update_and_sees_events_of_every_edition() -> None:
    kept = LastEvents(2 * EVENTS)
    cells = [[{"constraint": event}, {"tags": ["debug"]}] for event in range(EVENTS)]
    feed = Feed([start(), *map(frame, range(1, 31))])
    with Bench({"eiger": feed}, Old) as bench:
        bench.add_worker("debug", load=lambda: kept, tags=("debug",), role="debugworker")
        bench.until(bench.everyone_known)
        active = bench.arm(TriggerMap.from_json({"parts": {"main": {"eiger": cells}}, "sequence": ["main"]}))
        bench.until(lambda: bench.reduced() == 31)
        first = update(bench)
        feed.send(series(EVENTS)[31:])
        until_over(bench)
        assert counts(active) == (EVENTS + 2, 0, 0)
        assert (made(bench, 0), made(bench, 1)) == ([(0, first)], [(first, EVENTS + 2)])
        assert [event.event_number for event in kept.last(2 * EVENTS)] == [*range(EVENTS + 2)]
        assert bench.member("debug").drains is None
        for _ in range(300):
            step(bench)
        feed.send(series(EVENTS))
        active = bench.arm(active.written)
        until_over(bench)
        assert counts(active) == (EVENTS + 2, 0, 0)
        assert made(bench, 1) == [(0, EVENTS + 2)]
