"""How much each worker may be given, and who may be given anything."""

from __future__ import annotations

import pytest

from beamloom.engine.scheduling.workforce import FIRST_CREDIT, LEAST_CREDIT, MOST_CREDIT, Workforce

GENERIC = frozenset({"generic"})
DEBUG = frozenset({"generic", "debug"})


def test_credit_doubles_while_results_come_soon_and_halves_when_they_come_late() -> None:
    worker = Workforce().add("w", GENERIC)
    now = 1.0
    for expected in (16, 32, 64):
        worker.lease(0, 0, worker.credit, now)
        worker.give_back(0, 0, worker.credit)
        worker.pace(worker.credit, now + 0.001, 0.02)
        now += 0.01
        assert worker.credit == expected
    worker.lease(0, 0, 1, now)
    worker.pace(1, now + 0.02, 0.02)
    assert worker.credit == 64
    for _ in range(20):
        worker.lease(0, 0, 1, now)
        now += 1
        worker.pace(1, now, 0.02)
    assert worker.credit == LEAST_CREDIT
    for _ in range(30):
        worker.lease(0, 0, worker.credit, now)
        worker.give_back(0, 0, worker.credit)
        worker.pace(worker.credit, now + 0.001, 0.02)
        now += 1
    assert worker.credit == MOST_CREDIT


def test_single_events_that_come_back_soon_do_not_widen_the_credit_of_who_may_have_more() -> None:
    worker = Workforce().add("w", GENERIC)
    for event in range(100):
        worker.lease(0, event, event + 1, event)
        worker.give_back(0, event, event + 1)
        worker.pace(event + 1, event + 0.001, 0.02)
    assert worker.credit == FIRST_CREDIT


def test_a_worker_gives_back_only_what_it_holds() -> None:
    worker = Workforce().add("w", GENERIC)
    worker.lease(0, 5, 10, 0.0)
    assert worker.give_back(0, 0, 7) == [(5, 7)]
    assert worker.give_back(0, 0, 7) == []
    assert worker.give_back(3, 5, 10) == []
    assert worker.outstanding == 3


def test_a_worker_is_careful_until_the_suspect_delivery_itself_comes_back() -> None:
    worker = Workforce().add("w", GENERIC)
    worker.lease(0, 5, 6, 0.0)
    worker.lease(1, 5, 6, 0.0)
    worker.careful = (5, 1)
    worker.give_back(0, 5, 6)
    assert worker.careful == (5, 1)
    worker.give_back(1, 5, 6)
    assert worker.careful is None


def test_workers_are_found_by_tags_unless_they_are_suspended_or_gone() -> None:
    team = Workforce()
    team.add("w1", GENERIC)
    team.add("w2", DEBUG)
    assert [w.name for w in team.suited(frozenset())] == ["w1", "w2"]
    assert [w.name for w in team.suited(frozenset({"debug"}))] == ["w2"]
    team.suspend("w1")
    assert [w.name for w in team.suited(GENERIC)] == ["w2"]
    assert team["w1"].free == 0
    team.remove("w2")
    assert team.suited(GENERIC) == []
    assert team.freest(GENERIC) is None
    with pytest.raises(ValueError, match="takes part already"):
        team.add("w1", GENERIC)
    assert team.add("w3", GENERIC).index == 2


def test_the_lowest_event_of_a_worker_is_found_over_all_its_deliveries() -> None:
    worker = Workforce().add("w", GENERIC)
    assert worker.lowest is None
    worker.lease(0, 8, 12, 0.0)
    worker.lease(1, 5, 6, 0.0)
    assert worker.lowest == 5
    worker.give_back(1, 5, 6)
    assert worker.lowest == 8


def test_a_worker_is_given_more_in_pieces_of_a_quarter_of_its_credit_and_never_waits_for_that_with_nothing() -> (
    None
):
    worker = Workforce().add("w", [])
    worker.credit = 16
    worker.lease(0, 0, 16, 0.0)
    free = []
    for event in range(16):
        worker.give_back(0, event, event + 1)
        free.append(worker.free)
    assert free == [0, 0, 0, *range(4, 17)]
    worker.credit = LEAST_CREDIT
    worker.lease(0, 16, 18, 0.0)
    worker.give_back(0, 16, 17)
    assert worker.free == 1
