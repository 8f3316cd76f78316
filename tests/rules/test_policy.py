"""What becomes of a chunk that failed, and of the steps after a step."""

from __future__ import annotations

import pytest

from beamloom.rules.errors import RuleRefused
from beamloom.rules.policy import DIED, TIMED_OUT, Condition, Retries, condition


def test_an_error_that_would_come_again_is_not_tried_again() -> None:
    assert Retries().after([["ValueError", "Exception"]]) is None


def test_errors_of_the_operating_system_are_tried_twice_more_and_later_each_time() -> None:
    retries = Retries(backoff=0.5)
    missing = ["FileNotFoundError", "OSError", "Exception"]
    assert [retries.after([missing] * count) for count in (1, 2, 3)] == [0.5, 1.0, None]


def test_deaths_are_counted_apart_from_errors() -> None:
    retries = Retries()
    assert retries.after([["OSError"], ["OSError"], [DIED]]) is not None
    assert retries.after([[DIED], ["OSError"], [DIED]]) is None
    assert retries.after([[DIED], [TIMED_OUT]]) is not None


def test_the_class_that_is_closest_in_the_order_of_inheritance_decides() -> None:
    retries = Retries(errors={"OSError": 5, "FileNotFoundError": 0})
    assert retries.after([["FileNotFoundError", "OSError"]]) is None


@pytest.mark.parametrize(
    ("on", "state", "failed", "starts"),
    [
        ("success", "done", 0, True),
        ("success", "failed", 1, False),
        ("finish", "failed", 100, True),
        ("finish", "cancelled", 0, False),
        (0.05, "failed", 5, True),
        (0.05, "failed", 6, False),
        (0.05, "failed", 0, False),
    ],
)
def test_the_next_step_starts_as_its_condition_says(
    on: str | float, state: str, failed: int, starts: bool
) -> None:
    assert (condition(on).objection(state, 100, failed) == "") is starts


@pytest.mark.parametrize("on", ["always", 1.5, -0.1, True, None])
def test_a_condition_that_means_nothing_is_refused(on: object) -> None:
    with pytest.raises(RuleRefused):
        condition(on)  # type: ignore[arg-type]


def test_a_condition_is_taken_as_it_is() -> None:
    assert condition(Condition(on="finish")) == Condition(on="finish")
