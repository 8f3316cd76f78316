"""What is remembered of the way of an event, and for how long."""

from __future__ import annotations

import pytest

from beamloom.engine.accounts.ledger import Loss
from beamloom.engine.assignment import Span
from beamloom.engine.ranges import RangeSet
from beamloom.engine.views.chronicle import FAILURES_KEPT, LEASES_KEPT, LEAST_SPAN, TROUBLES_KEPT, Chronicle


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        self.now += 1.0
        return self.now


def test_an_event_is_found_in_the_leases_and_results_that_it_is_in() -> None:
    chronicle = Chronicle(Clock())
    chronicle.leased([Span(0, 5, "a@1"), Span(5, 5, "b@1")])
    chronicle.took([("a@1", 0, 0, 3)])
    chronicle.missing([Loss(4, 6, "a gap")])
    chronicle.failed("b@1", 0, [(7, 8)], "ValueError")
    assert [lease.span.worker for lease in chronicle.of(2).leases] == ["a@1"]
    assert len(chronicle.of(2).taken) == 1
    assert chronicle.of(4).taken == []
    assert [one.loss.cause for one in chronicle.of(5).missed] == ["a gap"]
    assert [one.error for one in chronicle.of(7).failures] == ["ValueError"]


def test_leases_of_a_worker_that_was_lost_outlive_those_that_went_well() -> None:
    chronicle = Chronicle(Clock())
    chronicle.leased([Span(0, 2, "a@1"), Span(2, 2, "b@1")])
    chronicle.worker_lost("a@1", "killed", RangeSet([(0, 1)]))
    chronicle.leased([Span(1, 1, "b@1", attempt=2)])
    chronicle.leased([Span(first, 1, "b@1") for first in range(4, 4 + LEASES_KEPT)])
    past = chronicle.of(1)
    assert [(lease.span.worker, lease.span.attempt) for lease in past.leases] == [("a@1", 1), ("b@1", 2)]
    assert past.lost["a@1"].cause == "killed"
    assert chronicle.of(2).leases == [], "what went well is forgotten first"
    assert chronicle.leases == LEASES_KEPT


def test_what_was_settled_before_its_worker_was_lost_is_not_kept_for_longer() -> None:
    chronicle = Chronicle(Clock())
    chronicle.leased([Span(0, 2, "a@1")])
    chronicle.worker_lost("a@1", "killed", RangeSet([(0, 2)]))
    chronicle.leased([Span(first, 1, "b@1") for first in range(2, 2 + LEASES_KEPT)])
    assert chronicle.of(0).leases == []


def test_what_was_put_away_answers_as_the_chronicle_did() -> None:
    clock = Clock()
    chronicle = Chronicle(clock)
    chronicle.leased([Span(0, 5, "a@1"), Span(5, 5, "b@1"), Span(3, 2, "b@1", attempt=2)])
    chronicle.took([("a@1", 0, 0, 3)])
    chronicle.failed("b@1", 0, [(7, 8)], "ValueError")
    chronicle.missing([Loss(4, 6, "a gap")])
    chronicle.worker_lost("a@1", "killed", RangeSet([(0, 3)]))
    read = Chronicle.decode(chronicle.encode())
    assert read.since == chronicle.since
    assert [read.of(event) for event in range(10)] == [chronicle.of(event) for event in range(10)]
    assert read.newest == chronicle.newest
    assert read.leases == 2
    assert read.copies() == chronicle.copies()


def test_as_much_as_is_kept_is_kept_and_no_more() -> None:
    chronicle = Chronicle(Clock())
    chronicle.failed("w@1", 0, [(0, FAILURES_KEPT + 1)], "ValueError")
    assert chronicle.of(0).failures == []
    assert len(chronicle.of(1).failures) == 1
    chronicle.missing(Loss(event, event + 1, "a gap") for event in range(TROUBLES_KEPT + 1))
    assert chronicle.of(0).missed == []
    assert len(chronicle.of(1).missed) == 1
    chronicle.took(("w@1", 0, event, event + 1) for event in range(LEASES_KEPT + 1))
    assert chronicle.of(0).taken == []
    assert len(chronicle.of(1).taken) == 1
    chronicle.leased(Span(event, 1, "w@1", attempt=2) for event in range(TROUBLES_KEPT + 1))
    assert chronicle.of(0).leases == []
    assert len(chronicle.of(1).leases) == 1
    for number in range(FAILURES_KEPT + 1):
        chronicle.worker_lost(f"{number}@1", "killed", RangeSet())
    assert set(chronicle.copies().lost) == {f"{number}@1" for number in range(1, FAILURES_KEPT + 1)}


def test_a_rate_is_that_of_the_last_seconds_and_counts_an_event_once() -> None:
    now = [0.0]
    chronicle = Chronicle(lambda: now[0])
    assert chronicle.taken_per_second(5.0) == 0.0
    chronicle.took([("a@1", 0, 0, 100)])
    assert chronicle.taken_per_second(5.0) == pytest.approx(100 / LEAST_SPAN)
    now[0] = 4.0
    chronicle.took([("a@1", 0, 100, 120), ("b@1", 1, 100, 120)])
    assert chronicle.taken_per_second(5.0) == pytest.approx(120 / 4.0)
    assert chronicle.taken_per_second(4.0) == pytest.approx(120 / 4.0)
    now[0] = 6.0
    assert chronicle.taken_per_second(5.0) == pytest.approx(20 / 5.0)
    now[0] = 20.0
    assert chronicle.taken_per_second(5.0) == 0.0
