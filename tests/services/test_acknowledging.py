"""When the reducer tells what it has taken."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from beamloom.services.acknowledging import MANY, MOMENT, Acknowledgements


def took(told: Acknowledgements, sequence: int, *, events: int = 1) -> None:
    first = sequence * MANY
    told.took("w", sequence, [("w", 0, first, first + events)])


def test_what_comes_after_a_silence_is_told_at_once_and_the_next_after_a_moment() -> None:
    told = Acknowledgements()
    assert told.wait(1.0) == math.inf
    assert told.take_due(1.0) is None
    took(told, 0)
    assert told.wait(1.0) == 0.0
    first = told.take_due(1.0)
    assert first is not None
    assert first.deliveries == [("w", 0, 0, 1)]
    took(told, 1)
    took(told, 2)
    assert told.take_due(1.0 + MOMENT / 2) is None
    assert math.isclose(told.wait(1.0 + MOMENT / 2), MOMENT / 2)
    both = told.take_due(1.0 + 1.01 * MOMENT)
    assert both is not None
    assert both.sequences == {"w": 2}
    assert both.deliveries == [("w", 0, MANY, MANY + 1), ("w", 0, 2 * MANY, 2 * MANY + 1)]


def test_many_events_are_not_kept_waiting() -> None:
    told = Acknowledgements()
    took(told, 0)
    assert told.take_due(1.0) is not None
    took(told, 1, events=MANY)
    assert told.wait(1.0) == 0.0
    assert told.take_due(1.0) is not None


@given(st.lists(st.tuples(st.floats(0.0, 2 * MOMENT), st.integers(1, MANY)), min_size=1, max_size=60))
def test_all_that_was_taken_is_told_once_and_in_time(steps: list[tuple[float, int]]) -> None:
    told, now, heard = Acknowledgements(), 0.0, 0
    oldest: float | None = None
    for sequence, (gap, events) in enumerate(steps):
        due_at = now + told.wait(now)
        while due_at <= now + gap:
            now, gap = due_at, now + gap - due_at
            taken = told.take_due(now + 1e-12)
            assert taken is not None
            heard += sum(stop - first for *_, first, stop in taken.deliveries)
            oldest = None
            due_at = now + told.wait(now)
        now += gap
        took(told, sequence, events=events)
        oldest = now if oldest is None else oldest
        assert now + told.wait(now) <= oldest + MOMENT + 1e-9
    rest = told.take()
    heard += 0 if rest is None else sum(stop - first for *_, first, stop in rest.deliveries)
    assert heard == sum(events for _, events in steps)
    assert told.wait(now) == math.inf
