"""Sets of ranges behave as sets, and the ledger built on them settles each event once."""

from __future__ import annotations

import hypothesis.strategies as st
import pytest
from hypothesis import given

from beamloom.engine.accounts.ledger import Counts, EventState, Ledger, Loss
from beamloom.engine.ranges import Range, RangeSet

BOUNDS = st.tuples(st.integers(0, 40), st.integers(0, 40))
STEPS = st.lists(st.tuples(st.sampled_from(["add", "remove"]), BOUNDS), max_size=25)


def numbers(ranges: list[Range] | RangeSet) -> set[int]:
    return {number for first, stop in ranges for number in range(first, stop)}


def built(steps: list[tuple[str, Range]]) -> tuple[RangeSet, set[int]]:
    ranges, model = RangeSet(), set[int]()
    for what, (first, stop) in steps:
        span = set(range(first, stop))
        if what == "add":
            assert ranges.add(first, stop) == len(span - model)
            model |= span
        else:
            assert numbers(ranges.remove(first, stop)) == span & model
            model -= span
        assert numbers(ranges) == model
        assert len(ranges) == len(model)
    return ranges, model


@given(STEPS)
def test_ranges_are_sorted_disjoint_and_not_adjacent(steps: list[tuple[str, Range]]) -> None:
    ranges, model = built(steps)
    edges = [edge for pair in ranges for edge in pair]
    assert edges == sorted(set(edges))
    assert bool(ranges) == bool(model)
    assert ranges == RangeSet((number, number + 1) for number in sorted(model, key=lambda n: (n % 3, n)))


@given(STEPS, BOUNDS)
def test_what_is_within_and_what_is_missing_make_up_the_whole(
    steps: list[tuple[str, Range]], bounds: Range
) -> None:
    ranges, model = built(steps)
    span = set(range(*bounds))
    within, missing = ranges.within(*bounds), ranges.missing(*bounds)
    assert numbers(within) == span & model
    assert numbers(missing) == span - model
    assert all(first < stop for first, stop in [*within, *missing])
    assert numbers(ranges) == model


@given(STEPS, st.integers(0, 45))
def test_runs_and_next_members_are_found(steps: list[tuple[str, Range]], number: int) -> None:
    ranges, model = built(steps)
    assert (number in ranges) == (number in model)
    assert ranges.first_from(number) == min((n for n in model if n >= number), default=None)
    assert ranges.run_from(number) == next(n for n in range(number, 100) if n not in model)


def test_the_last_run_before_a_number_is_found() -> None:
    one = RangeSet([(2, 4), (6, 9)])
    assert [one.last_begin(number) for number in range(11)] == [None] * 3 + [2] * 4 + [6] * 4


def test_clearing_returns_what_was_held() -> None:
    ranges = RangeSet([(3, 5), (8, 9)])
    assert repr(ranges) == "RangeSet(3-4, 8)"
    assert ranges.clear() == [(3, 5), (8, 9)]
    assert (len(ranges), list(ranges)) == (0, [])


CHANGES = st.lists(st.tuples(st.sampled_from(["reduce", "fail", "lose", "assign"]), BOUNDS), max_size=20)


@given(CHANGES)
def test_an_event_is_settled_once_and_counted_in_one_state(changes: list[tuple[str, Range]]) -> None:
    ledger = Ledger(40)
    states = [EventState.PENDING] * 40
    final = {"reduce": EventState.REDUCED, "fail": EventState.FAILED, "lose": EventState.LOST}
    for what, (first, stop) in changes:
        span = range(first, stop)
        if what == "assign":
            ledger.assign_until(stop)
            states[:stop] = [EventState.ASSIGNED if s is EventState.PENDING else s for s in states[:stop]]
            continue
        open_ones = {n for n in span if states[n] in (EventState.PENDING, EventState.ASSIGNED)}
        fresh = ledger.lose(first, stop, "cause") if what == "lose" else getattr(ledger, what)(first, stop)
        assert numbers(fresh) == open_ones
        for n in open_ones:
            states[n] = final[what]
    assert [ledger.state(n) for n in range(40)] == states
    counts = ledger.counts()
    assert counts == Counts(40, *(states.count(state) for state in EventState))
    settled = [n for n, state in enumerate(states) if state in final.values()]
    assert ledger.settled_count == len(settled)
    assert ledger.complete == (len(settled) == 40)
    assert ledger.settled_until == next((n for n in range(40) if n not in settled), 40)
    assert numbers(ledger.unsettled(0, 40)) == set(range(40)) - set(settled)
    assert numbers([(loss.first, loss.stop) for loss in ledger.losses]) == numbers(ledger.lost)


@given(STEPS, STEPS)
def test_the_first_number_in_two_sets_is_found(
    steps: list[tuple[str, Range]], others: list[tuple[str, Range]]
) -> None:
    (one, mine), (two, theirs) = built(steps), built(others)
    assert one.first_common(two) == min(mine & theirs, default=None)


def test_losses_of_one_cause_in_a_row_are_one_entry() -> None:
    ledger = Ledger(None)
    for first, cause in [(3, "a"), (4, "a"), (5, "b"), (7, "b"), (8, "b")]:
        ledger.lose(first, first + 1, cause)
    assert ledger.losses == [Loss(3, 5, "a"), Loss(5, 6, "b"), Loss(7, 9, "b")]


def test_an_open_ended_ledger_is_complete_only_when_it_is_closed() -> None:
    ledger = Ledger(None)
    ledger.assign_until(10)
    ledger.reduce(0, 4)
    assert ledger.counts() == Counts(None, None, 6, 4, 0, 0)
    assert not ledger.complete
    ledger.close(4)
    assert ledger.complete
    assert ledger.counts() == Counts(4, 0, 0, 4, 0, 0)


def test_a_run_cannot_end_before_a_settled_event() -> None:
    ledger = Ledger(None)
    ledger.fail(5, 6)
    with pytest.raises(ValueError, match="events from 5 on are settled already"):
        ledger.close(5)
    ledger.close(6)


def test_events_whose_results_are_gone_are_lost_for_the_cause_and_others_are_not() -> None:
    ledger = Ledger(10)
    ledger.reduce(0, 4)
    ledger.fail(4, 5)
    assert ledger.revoke(2, 8, "the journal does not have it") == [(2, 4)]
    assert list(ledger.reduced) == [(0, 2)]
    assert list(ledger.lost) == [(2, 4)]
    assert list(ledger.failed) == [(4, 5)]
    assert ledger.losses == [Loss(2, 4, "the journal does not have it")]
    assert ledger.revoke(2, 8, "again") == []
    ledger.reduce(6, 7)
    ledger.revoke(6, 7, "the journal does not have it")
    assert len(ledger.losses) == 2
