"""Who is under suspicion, and which constraint is bound to whom."""

from __future__ import annotations

import itertools

import pytest

from beamloom.engine.scheduling.bindings import Bindings
from beamloom.engine.scheduling.orphans import PATIENCE
from beamloom.engine.scheduling.scheduler import Scheduler
from beamloom.engine.scheduling.suspects import SUSPECTS_PER_DEATH, Suspects
from beamloom.triggermap import batched, open_ended, overlapping, uniform

GENERIC = frozenset({"generic"})


def test_the_first_deliveries_that_a_dead_worker_held_are_suspects() -> None:
    one = Suspects()
    one.suspect([(0, 0, 10), (20, 1, 21), (30, 0, 2000)])
    assert len(one) == SUSPECTS_PER_DEATH
    assert (20, 1) in one
    assert (20, 0) not in one
    assert (30 + SUSPECTS_PER_DEATH - 12, 0) in one
    assert (30 + SUSPECTS_PER_DEATH - 11, 0) not in one


def test_a_suspect_that_costs_a_second_worker_is_poison() -> None:
    one = Suspects()
    one.suspect([(5, 0, 6)])
    one.suspect([(5, 0, 6)])
    assert one.convict((5, 0))


def test_whoever_processes_a_suspect_acquits_that_delivery_alone() -> None:
    one = Suspects()
    one.suspect([(5, 0, 7), (5, 1, 6)])
    one.acquit(0, 5, 6)
    assert [delivery in one for delivery in ((5, 0), (6, 0), (5, 1))] == [False, True, True]
    one.drop(0, 6)
    assert len(one) == 1


def test_a_start_event_that_cost_a_worker_stays_suspect_for_the_next_until_one_has_processed_it() -> None:
    one = Suspects()
    one.suspect([(0, 0, 1)])
    one.void((0, 0))
    assert len(one) == 0
    assert one.joins_start(1)
    assert (0, 1) in one
    one.acquit(1, 0, 1)
    assert not one.joins_start(2)


def test_a_suspect_gives_up_being_alone_for_an_event_below_it() -> None:
    one = Scheduler(uniform(["a"], 16, all_wrap=False).instances(), lookahead=0.02)
    for name in ("w1", "w2"):
        one.add_worker(name, GENERIC, 0.0)
    low, high = sorted(one.assign(0.0)[0], key=lambda span: span.first)
    one.assign(0.0)
    one.lose_worker(high.worker, killed=True)
    one.add_worker("w3", GENERIC, 0.0)
    assert [span.first for span in one.assign(0.0)[0]] == [high.first]
    assert one.workforce["w3"].careful == (high.first, 0)
    one.lose_worker(low.worker, killed=True)
    assert one.assign(PATIENCE) == ([], [])
    assert [(span.first, span.count) for span in one.assign(PATIENCE + 0.1)[0]] == [(0, 1)]
    assert one.workforce["w3"].careful is None
    assert one.lose_worker("w3", killed=True) == []


def test_what_waits_for_a_worker_ends_where_the_next_constraint_begins_which_keeps_its_order() -> None:
    one = Scheduler(batched(["a"], 14, 7, all_wrap=False).instances(), lookahead=0.02)
    one.add_worker("w", GENERIC, 0.0)
    while one.cursor < 14:
        one.assign(0.0)
    one.done("w", 0, 8, 9, 0.0)
    for name in ("b", "c"):
        one.add_worker(name, GENERIC, 0.0)
    # It held 0 to 7 and 9 to 13: the last event of the first run belongs to the constraint of the second one.
    one.lose_worker("w", killed=True)
    (lowest, next_constraint), _ = one.assign(0.0)
    assert (lowest.first, lowest.count, next_constraint.first, next_constraint.count) == (0, 1, 7, 1)
    assert {lowest.worker, next_constraint.worker} == {"b", "c"}
    one.done(next_constraint.worker, 0, 7, 8, 0.0)
    (behind,), _ = one.assign(0.0)
    assert (behind.worker, behind.first, behind.count) == (next_constraint.worker, 9, 1)
    one.done(lowest.worker, 0, 0, 1, 0.0)
    (second,), _ = one.assign(0.0)
    assert (second.worker, second.first, second.count) == (lowest.worker, 1, 1)


def test_what_died_on_its_way_is_leased_again_and_what_was_done_is_not() -> None:
    one = Scheduler(uniform(["a"], 8, all_wrap=False).instances(), lookahead=0.02)
    one.add_worker("w", GENERIC, 0.0)
    while one.cursor < 8:
        one.assign(0.0)
    one.done("w", 0, 0, 4, 0.0)
    one.release("nobody", 0, 4, 8)
    assert one.assign(0.0) == ([], [])
    one.release("w", 0, 2, 6)
    (again,), _ = one.assign(0.0)
    assert (again.worker, again.first, again.count, again.attempt) == ("w", 4, 2, 2)
    assert one.workforce["w"].outstanding == 4


def test_a_result_that_is_gone_is_made_again_while_its_event_is_open_for_another() -> None:
    one = Scheduler(overlapping(["a"], 6, all_wrap=False).instances(), lookahead=0.02)
    for name in ("w", "v"):
        one.add_worker(name, GENERIC, 0.0)
    spans = []
    while one.cursor < 6:
        spans += one.assign(0.0)[0]
    event = next(span.first for span in spans if span.slot == 1)
    half = next(span for span in spans if span.slot == 0 and span.first <= event < span.stop)
    assert one.done(half.worker, 0, event, event + 1, 0.0) == ([], [])
    assert one.assign(0.0) == ([], [])
    one.reopen(0, event, event + 1)
    (again,), _ = one.assign(0.0)
    assert (again.first, again.count, again.slot, again.attempt) == (event, 1, 0, 2)
    other = next(span.worker for span in spans if (span.first, span.slot) == (event, 1))
    assert one.done(other, 1, event, event + 1, 0.0) == ([], [])
    assert one.done(again.worker, 0, event, event + 1, 0.0) == ([(event, event + 1)], [])
    one.reopen(0, event, event + 1)
    assert one.assign(0.0) == ([], [])


def test_instances_behind_a_cut_are_not_those_that_were_open_there_before() -> None:
    one = Bindings(open_ended(["a"], all_wrap=False).instances())
    for event in (0, 5000, 9000):
        one.reach(event)
    end = uniform(["a"], 1, all_wrap=False)
    one.cut(100, (instance._replace(first=100) for instance in itertools.islice(end.instances(), 1)))
    assert len(one) == 1
    assert (one.of(99).first, one.of(99).stop) == (0, 100)
    behind = one.reach(100)
    assert behind is not None
    assert (behind.first, behind.stop) == (100, 101)
    assert one.of(100) is behind
    assert one.reach(101) is None
    with pytest.raises(LookupError, match="event 101"):
        one.of(101)
