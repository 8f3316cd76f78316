"""Where results are when the reducer dies: what it had, what the next one has, and what nobody has."""

from __future__ import annotations

from beamloom.engine.assignment import Span
from beamloom.engine.runs.custody import Custody
from beamloom.engine.scheduling.workforce import Workforce


def workforce() -> Workforce:
    """One worker with the events 0 to 9."""
    some = Workforce()
    some.add("w", {"generic"}).lease(0, 0, 10, 0.0)
    return some


def test_patience_counts_from_the_death_and_anew_from_when_another_one_is_about_to_come() -> None:
    one = Custody(5.0)
    assert (one.away, one.overdue(100.0)) == (False, False)
    one.lose("killed", 10.0)
    assert (one.away, one.cause) == (True, "killed")
    assert [one.overdue(now) for now in (15.0, 15.1)] == [False, True]
    one.wait_anew(14.0)
    assert [one.overdue(now) for now in (19.0, 19.1)] == [False, True]
    one.lose("killed again", 18.0)
    assert (one.cause, one.away_since) == ("killed again", 10.0)
    assert one.overdue(19.1)
    one.take_up({})
    assert (one.away, one.overdue(100.0)) == (False, False)


def test_what_the_former_reducer_had_and_the_next_one_has_not_is_gone() -> None:
    one = Custody(5.0)
    one.told(0, 0, 5)
    one.told(0, 7, 9)
    one.told(1, 2, 3)
    one.lose("killed", 0.0)
    assert one.take_up({0: [(0, 4), (7, 9), (20, 21)]}) == [(0, 4, 5), (1, 2, 3)]
    one.lose("killed", 1.0)
    assert one.take_up({0: [(0, 4), (7, 9)]}) == [(0, 20, 21)]


def test_what_is_leased_to_a_worker_and_it_does_not_hold_is_nowhere() -> None:
    one, some = Custody(5.0), workforce()
    one.ask(some, [])
    some["w"].give_back(0, 8, 10)
    assert one.ghosts("w", {0: [(0, 2), (4, 6)]}, some) == [(0, 2, 4), (0, 6, 8)]
    assert one.ghosts("w", {}, some) == [], "it has answered"


def test_leases_that_a_worker_was_not_told_yet_or_only_later_are_not_missed() -> None:
    one, some = Custody(5.0), workforce()
    one.ask(some, [Span(5, 5, "w"), Span(0, 5, "nobody")])
    some["w"].lease(0, 10, 20, 0.0)
    some["w"].lease(1, 3, 4, 0.0)
    assert one.ghosts("w", {}, some) == [(0, 0, 5)]


def test_of_workers_that_are_gone_or_suspended_or_were_not_asked_nothing_is_missed() -> None:
    one, some = Custody(5.0), workforce()
    assert one.ghosts("w", {}, some) == []
    one.ask(some, [])
    some.suspend("w")
    assert one.ghosts("w", {}, some) == []
    one.ask(workforce(), [])
    some.remove("w")
    assert one.ghosts("w", {}, some) == []
    one.ask(workforce(), [])
    one.lose("killed", 0.0)
    assert one.ghosts("w", {}, workforce()) == []
