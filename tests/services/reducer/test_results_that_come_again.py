"""A delivery that the reducer knows is leased again, as the controller did not hear of it: its second result ends the lease."""

from __future__ import annotations

from typing import Any

import pytest

from beamloom.engine.accounts.faults import Failure
from beamloom.engine.ranges import RangeSet
from beamloom.events import Event, PacketKind, Result
from beamloom.results import MergingReducer, Sum
from beamloom.services.reducer.failed_deliveries import NOT_KEPT, REPORTS_KEPT, FailedDeliveries
from beamloom.transport.channel import Received
from beamloom.transport.messages import Failed, Fence, Reduced, Results
from beamloom.triggermap import uniform
from services.bench import Bench, Doubling, Feed, Gathering, counts, frame, inject, series, start

FRAMES = 40
BAD = 7
SENT = 20


class Failing(Gathering):
    """Fails at one event."""

    def process_result(self, result: Result) -> None:
        if result.event_number == BAD:
            raise ZeroDivisionError("planted")
        super().process_result(result)


class Merging:
    """A worker class whose results merge."""

    combine = True

    def process_event(self, event: Event) -> dict[str, Any] | None:
        if event.streams["eiger"].kind is not PacketKind.DATA:
            return None
        return {"sum": Sum().add(event.event_number, 1)}


class MergingFailing(MergingReducer):
    """Fails at the result that one event is in, among others."""

    def process_result(self, result: Result) -> None:
        if BAD in result.events:
            raise ZeroDivisionError("planted")
        super().process_result(result)


class Merged(MergingReducer):
    """Fails at nothing."""


CASES = {
    "a failed one": (Doubling, Failing, Failed),
    "a merged one that failed": (Merging, MergingFailing, Failed),
    "a merged one": (Merging, Merged, Reduced),
}


def spoken_of(message: Failed | Reduced) -> set[str]:
    """The workers whose deliveries a message is about."""
    return {message.worker} if isinstance(message, Failed) else {worker for worker, *_ in message.deliveries}


@pytest.mark.parametrize("case", CASES)
def test_a_delivery_whose_first_report_was_not_heard_ends_with_its_second_result(case: str) -> None:
    worker, reducer, report = CASES[case]
    unheard: set[str] = set()
    with Bench({"eiger": Feed(series(FRAMES))}, worker, reducer) as bench:

        def tap(name: str, received: Received) -> bool:
            message = received.message
            if unheard or name != "controller" or not isinstance(message, report):
                return True
            unheard.update(spoken_of(message))
            return False

        bench.tap = tap
        active = bench.arm(uniform(["eiger"], FRAMES))
        bench.until(lambda: bool(unheard))
        # One word of the reducer is of all whose results came in a turn. Only what is leased again is told again, so all of them go.
        bench.add_worker("worker-3")
        for holder in sorted(unheard):
            bench.kill(holder.split("@")[0])
        bench.until(lambda: active.finished)
        assert bench.services["reducer"].figures()["duplicates"] > 0  # type: ignore[attr-defined]
        ledger = active.run.ledger
        failed = {event for first, stop in ledger.failed for event in range(first, stop)}
        assert counts(active) == (FRAMES + 2 - len(failed), len(failed), 0)
        if report is Failed:
            assert BAD in failed
            (group,) = active.run.faults.groups
            assert group.failure.message == "planted"
            assert list(group.events) == list(ledger.failed)
        else:
            assert bench.published["sum"].value == FRAMES


def test_a_batch_that_comes_twice_is_told_twice_and_reduced_once() -> None:
    feed = Feed([start(), *(frame(number) for number in range(1, SENT))])
    with Bench({"eiger": feed}, Merging, MergingFailing) as bench:
        batches: list[Received] = []
        told: list[Failed | Reduced] = []

        def tap(name: str, received: Received) -> bool:
            if name == "reducer" and isinstance(received.message, Results):
                batches.append(received)
            if name == "controller" and isinstance(received.message, Failed | Reduced):
                told.append(received.message)
            return True

        bench.tap = tap
        active = bench.arm(uniform(["eiger"], FRAMES))
        # The device has more to send, so that the run goes on.
        bench.until(lambda: active.run.ledger.settled_count >= SENT)
        before, value = events_of(told), bench.published["sum"].value
        assert BAD in before["failed"]
        assert before["reduced"]
        told.clear()
        for again in batches:
            inject(bench, "reducer", again.sender, again.message, again.buffers)
        bench.steps(3)
        assert events_of(told) == before
        assert bench.published["sum"].value == value
        # But not what comes from somebody whose results are not taken any more.
        told.clear()
        for again in batches:
            inject(bench, "reducer", bench.controller._channel.peer, Fence(active.run.run_id, again.sender))
            inject(bench, "reducer", again.sender, again.message, again.buffers)
        bench.steps(3)
        assert told == []


def events_of(told: list[Failed | Reduced]) -> dict[str, set[int]]:
    """The events that were told of."""
    ranges: dict[str, list[tuple[int, int]]] = {"failed": [], "reduced": []}
    for one in told:
        if isinstance(one, Failed):
            assert one.event is not None
            ranges["failed"] += one.combined or [(one.event, one.event + 1)]
        else:
            ranges["reduced"] += [(first, stop) for _, _, first, stop in one.deliveries]
    return {what: {n for a, b in some for n in range(a, b)} for what, some in ranges.items()}


def failure(message: str) -> Failure:
    return Failure("process_result", "ValueError", message)


def test_each_failure_is_told_again_with_its_own_cause_and_to_whoever_asks_by_slot() -> None:
    failed = FailedDeliveries()
    failed.add(Failed("run", "a", 0, 3, failure("three")))
    failed.add(Failed("run", "a", 0, 9, failure("merged"), [(5, 7), (9, 10)]))
    failed.add(Failed("run", "a", 1, 4, failure("of the other slot")))
    failed.add(Failed("run", "a", 0, None, failure("a timer")))
    told = failed.again("run", "b", 0, [(0, 8)])
    assert {(one.worker, one.event, one.failure.message) for one in told} == {
        ("b", 3, "three"),
        ("b", 6, "merged"),
    }
    assert [one.combined for one in told if one.event == 6] == [[(5, 7)]]
    assert failed.others(0, 0, 8) == [(0, 3), (4, 5), (7, 8)]
    assert failed.others(1, 0, 8) == [(0, 4), (5, 8)]
    assert failed.others(2, 0, 8) == [(0, 8)]


def test_what_has_failed_stays_known_when_its_report_is_not_kept_any_more() -> None:
    failed = FailedDeliveries()
    for event in range(REPORTS_KEPT + 2):
        failed.add(Failed("run", "a", 0, event, failure(str(event))))
    assert len(failed.reports) == REPORTS_KEPT
    next_life = FailedDeliveries()
    next_life.restore(failed.by_slot, failed.reports)
    for one in (failed, next_life):
        told = {told.event: told for told in one.again("run", "b", 0, [(0, 3)])}
        assert told[2].failure.message == "2"
        assert told[1].failure == NOT_KEPT
        assert list(RangeSet(told[1].combined)) == [(0, 2)]
