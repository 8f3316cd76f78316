"""When the reducer tells what it has taken."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from beamloom.services.reducer.acknowledging import (
    DRY_MOMENTS,
    MANY,
    MOMENT,
    MOMENTS,
    WORKERS_MOMENTS,
    Acknowledgements,
)


def took(told: Acknowledgements, sequence: int, *, events: int = 1, ahead: int = 0) -> None:
    first = sequence * MANY
    told.took("w", sequence, [("w", 0, first, first + events)], ahead)


def test_what_comes_after_a_silence_is_told_at_once_and_the_next_after_a_moment() -> None:
    told = Acknowledgements()
    assert told.wait(1.0) == math.inf
    assert told.take_due(1.0) is None
    took(told, 0)
    assert told.wait(1.0) == 0.0
    first = told.take_due(1.0)
    assert first is not None
    assert (first.sequences, first.deliveries) == ({"w": 0}, [("w", 0, 0, 1)])
    took(told, 1, ahead=1)
    took(told, 2, ahead=1)
    assert told.take_due(1.0 + MOMENT / 2) is None
    assert math.isclose(told.wait(1.0 + MOMENT / 2), MOMENT / 2)
    both = told.take_due(1.0 + 1.01 * MOMENT)
    assert both is not None
    assert both.deliveries == [("w", 0, MANY, MANY + 1), ("w", 0, 2 * MANY, 2 * MANY + 1)]


def test_while_no_worker_has_used_half_of_its_lease_more_is_told_together() -> None:
    told = Acknowledgements()
    took(told, 0)
    assert told.take_due(1.0) is not None
    took(told, 1, ahead=3)
    took(told, 2, ahead=3)
    assert math.isclose(told.wait(1.0), MOMENTS * MOMENT)
    took(told, 3, ahead=3)
    assert math.isclose(told.wait(1.0), MOMENT)
    assert told.take_due(1.0 + 1.01 * MOMENT) is not None
    took(told, 4, ahead=2)
    assert math.isclose(told.wait(2.0), 0.0)


def test_a_worker_that_has_nothing_left_waits_a_fraction_of_a_moment() -> None:
    told = Acknowledgements()
    took(told, 0)
    assert told.take_due(1.0) is not None
    took(told, 1, ahead=10)
    took(told, 2, ahead=0)
    took(told, 3, ahead=10)
    assert math.isclose(told.wait(1.0), DRY_MOMENTS * MOMENT)
    assert told.take_due(1.0 + 1.01 * DRY_MOMENTS * MOMENT) is not None
    took(told, 4, ahead=10)
    assert math.isclose(told.wait(1.0 + 1.01 * DRY_MOMENTS * MOMENT), MOMENTS * MOMENT)


def test_each_worker_counts_what_is_its_own() -> None:
    told = Acknowledgements()
    took(told, 0)
    assert told.take_due(1.0) is not None
    told.took("w", 1, [("w", 0, 1, 3)], ahead=3)
    told.took("v", 1, [("v", 0, 3, 5)], ahead=3)
    assert math.isclose(told.wait(1.0), MOMENTS * MOMENT)


def test_a_worker_is_told_seldom_of_what_frees_little_memory() -> None:
    told = Acknowledgements()
    took(told, 0)
    assert told.take_due(1.0) is not None
    took(told, 1)
    soon = told.take_due(1.0 + 1.01 * MOMENT)
    assert soon is not None
    assert (soon.sequences, soon.deliveries) == ({}, [("w", 0, MANY, MANY + 1)])
    assert math.isclose(told.wait(1.0), WORKERS_MOMENTS * MOMENT)
    later = told.take_due(1.0 + 1.01 * WORKERS_MOMENTS * MOMENT)
    assert later is not None
    assert (later.sequences, later.deliveries) == ({"w": 1}, [])
    assert told.wait(2.0) == math.inf


def test_a_worker_is_told_of_what_frees_much_memory_with_the_others() -> None:
    told = Acknowledgements()
    took(told, 0)
    assert told.take_due(1.0) is not None
    told.took("w", 1, [("w", 0, 1, 2)], ahead=100, large=True)
    both = told.take_due(1.0 + 1.01 * MOMENT)
    assert both is not None
    assert (both.sequences, both.deliveries) == ({"w": 1}, [("w", 0, 1, 2)])


def test_many_events_are_not_kept_waiting() -> None:
    told = Acknowledgements()
    took(told, 0)
    assert told.take_due(1.0) is not None
    took(told, 1, events=MANY)
    assert told.wait(1.0) == 0.0
    assert told.take_due(1.0) is not None


Steps = list[tuple[float, int, int]]


@given(
    st.lists(
        st.tuples(st.floats(0.0, 2 * MOMENT), st.integers(1, MANY), st.integers(0, 2 * MANY)),
        min_size=1,
        max_size=60,
    )
)
def test_all_that_was_taken_is_told_once_and_in_time(steps: Steps) -> None:
    told, now, heard, heard_by_worker = Acknowledgements(), 0.0, 0, -1
    oldest: float | None = None
    for sequence, (gap, events, ahead) in enumerate(steps):
        due_at = now + told.wait(now)
        while due_at <= now + gap:
            now, gap = due_at, now + gap - due_at
            taken = told.take_due(now + 1e-12)
            assert taken is not None
            heard += sum(stop - first for *_, first, stop in taken.deliveries)
            heard_by_worker = taken.sequences.get("w", heard_by_worker)
            oldest = None
            due_at = now + told.wait(now)
        now += gap
        took(told, sequence, events=events, ahead=ahead)
        oldest = now if oldest is None else oldest
        longest = MOMENT * (DRY_MOMENTS if ahead == 0 else 1 if ahead <= events else MOMENTS)
        assert now + told.wait(now) <= max(now, oldest + longest) + 1e-9
    rest = told.take()
    heard += 0 if rest is None else sum(stop - first for *_, first, stop in rest.deliveries)
    heard_by_worker = heard_by_worker if rest is None else rest.sequences["w"]
    assert heard == sum(events for _, events, _ in steps)
    assert heard_by_worker == len(steps) - 1
    assert told.wait(now) == math.inf
