"""A class whose results depend on the events before: whoever dies, each result is what it would have been."""

from __future__ import annotations

from functools import partial

import pytest

from beamloom.events import Event, Result
from beamloom.services.controller.active_run import ActiveRun
from beamloom.triggermap import TriggerMap, batched, overlapping
from services.bench import Bench, Died, Feed, counts, frame, series, start

pytestmark = pytest.mark.usefixtures("frames_count_alone")

EVENTS = 40
IN_A_CONSTRAINT = 10


class RunningSum:
    """The sum of the frames' numbers since the constraint began, floating point and all."""

    stateful = True

    def __init__(self) -> None:
        self.sum = 0.1

    def process_event(self, event: Event) -> float:
        self.sum = self.sum * 1.1 + sum(int(packet.frames[0]) for packet in event.streams.values())
        return self.sum


def sums(first: int, stop: int, without: frozenset[int] = frozenset()) -> dict[int, float]:
    """What a plain loop gives for the events of one constraint."""
    sum_, found = 0.1, {}
    for event in range(first, stop):
        if event not in without:
            sum_ = sum_ * 1.1 + event
            found[event] = sum_
    return found


def expected(without: frozenset[int] = frozenset()) -> dict[int, float]:
    found = {0: sums(0, 1)[0], EVENTS + 1: sums(EVENTS + 1, EVENTS + 2)[EVENTS + 1]}
    for first in range(1, EVENTS + 1, IN_A_CONSTRAINT):
        found |= sums(first, first + IN_A_CONSTRAINT, without)
    # Cells without a constraint have the state of the instance that each worker has for the run.
    found[EVENTS + 1] = sums(0, 1)[0] * 1.1 + EVENTS + 1
    return found


def without_ends(results: dict[int, float]) -> dict[int, float]:
    return {event: value for event, value in results.items() if 0 < event <= EVENTS}


def is_reduced(active: ActiveRun, event: int) -> bool:
    return event in active.run.ledger.reduced


def is_over(active: ActiveRun) -> bool:
    return active.finished


class Listing:
    """Publishes every result that was taken, also several of one event."""

    def __init__(self) -> None:
        self.publish: dict[str, list[tuple[int, float]]] = {"taken": []}

    def process_result(self, result: Result) -> None:
        self.publish["taken"].append((result.event_number, result.payload))


def the_map() -> TriggerMap:
    return batched(["eiger"], EVENTS, IN_A_CONSTRAINT)


def test_each_constraint_has_an_instance_of_its_own_and_none_is_kept() -> None:
    with Bench({"eiger": Feed(series(EVENTS))}, RunningSum, workers=("worker-1", "worker-2")) as bench:
        active = bench.arm(the_map())
        bench.until(lambda: active.run.ledger.complete)
        bench.steps(5)
        assert counts(active) == (EVENTS + 2, 0, 0)
        assert without_ends(bench.published["results"]) == without_ends(expected())
        assert active.run.redelivered == 0
        for name in ("worker-1", "worker-2"):
            analysis = bench.services[name]._map.analysis  # type: ignore[attr-defined]
            assert analysis.lives == 0


@pytest.mark.parametrize("arrived", [1, 4, 9, 10, 11, 18, 25, 33, 40])
def test_a_constraint_whose_worker_dies_is_worked_through_again_from_its_first_event(arrived: int) -> None:
    feed = Feed([start(), *map(frame, range(1, arrived + 1))])
    with Bench({"eiger": feed}, RunningSum) as bench:
        active = bench.arm(the_map())
        bench.until(lambda: bench.reduced() == arrived + 1)
        bench.kill("worker-1")
        feed.send(series(EVENTS)[arrived + 1 :])
        bench.until(lambda: active.finished, 5000)
        assert counts(active) == (EVENTS + 2, 0, 0)
        assert without_ends(bench.published["results"]) == without_ends(expected())


def test_workers_that_leave_again_and_again_change_no_result() -> None:
    """The worker that has the constraint leaves after each event."""
    feed = Feed([start()])
    with Bench({"eiger": feed}, RunningSum, workers=("worker-0",)) as bench:
        active = bench.arm(the_map())
        for number in range(1, IN_A_CONSTRAINT + 1):
            feed.send([frame(number)])
            bench.until(partial(is_reduced, active, number), 5000)
            bench.end(f"worker-{number - 1}")
            bench.add_worker(f"worker-{number}")
        feed.send(series(EVENTS)[IN_A_CONSTRAINT + 1 :])
        bench.until(lambda: active.finished, 5000)
        assert counts(active) == (EVENTS + 2, 0, 0)
        assert without_ends(bench.published["results"]) == without_ends(expected())
        assert active.run.redelivered >= sum(range(1, IN_A_CONSTRAINT))


def test_an_event_that_kills_is_put_aside_and_the_rest_of_its_constraint_is_worked_through_without_it() -> (
    None
):
    class Deadly(RunningSum):
        def process_event(self, event: Event) -> float:
            if event.event_number == 15:
                raise Died
            return super().process_event(event)

    names = iter(range(3, 20))
    with Bench({"eiger": Feed(series(EVENTS))}, Deadly) as bench:
        active = bench.arm(the_map())

        def done() -> bool:
            if len(bench.controller.ensemble.workers) < 2:
                bench.add_worker(f"worker-{next(names)}")
            return active.finished

        bench.until(done, 8000)
        assert list(active.run.ledger.failed) == [(15, 16)]
        assert without_ends(bench.published["results"]) == without_ends(expected(frozenset({15})))


def test_an_event_that_fails_leaves_the_state_as_it_left_it_whoever_works_it_through() -> None:
    class Failing(RunningSum):
        def process_event(self, event: Event) -> float:
            value = super().process_event(event)
            if event.event_number == 13:
                raise ValueError("after the sum was changed")
            return value

    feed = Feed([start(), *map(frame, range(1, 16))])
    with Bench({"eiger": feed}, Failing, workers=("worker-1", "worker-2")) as bench:
        active = bench.arm(the_map())
        bench.until(lambda: bench.reduced() == 15)
        for name in ("worker-1", "worker-2"):
            bench.kill(name)
            bench.add_worker(f"{name}-again")
        feed.send(series(EVENTS)[16:])
        bench.until(lambda: active.finished, 5000)
        assert list(active.run.ledger.failed) == [(13, 14)]
        everything = without_ends(expected())
        del everything[13]
        assert without_ends(bench.published["results"]) == everything
        assert len(active.run.faults.groups) == 1
        assert active.run.faults.groups[0].count == 1


def test_a_constraint_that_does_not_fit_into_the_retention_does_not_block_and_says_what_it_lost() -> None:
    feed = Feed([start(), *map(frame, range(1, 10))])
    with Bench({}, RunningSum, workers=("worker-1",)) as bench:
        bench.add_ingester("eiger", feed, retention_bytes=6)
        bench.until(lambda: "eiger" in bench.controller.ensemble.streams)
        active = bench.arm(the_map())
        bench.until(lambda: bench.reduced() == 10, 5000)
        bench.kill("worker-1")
        bench.add_worker("worker-2")
        feed.send(series(EVENTS)[10:])
        bench.until(lambda: active.finished, 8000)
        assert list(active.run.ledger.lost) == [(10, 11)]
        (cause, _), *_ = active.run.losses_by_cause()
        assert "raise retention_bytes" in cause
        assert counts(active) == (EVENTS + 1, 0, 1)


def test_an_event_of_two_constraints_has_a_result_of_each_however_many_workers_there_are() -> None:
    results: list[set[float]] = []
    for workers in (("worker-1", "worker-2"), ("worker-1", "worker-2", "worker-3", "worker-4")):
        with Bench({"eiger": Feed(series(8))}, RunningSum, Listing, workers=workers) as bench:
            active = bench.arm(overlapping(["eiger"], 8))
            bench.until(partial(is_over, active), 5000)
            results.append({value for event, value in bench.published["taken"] if 0 < event < 9})
    assert len(results[0]) > 8
    assert results[0] == results[1]
