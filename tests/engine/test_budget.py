"""How many events may fail, as people write it and as they are told."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from beamloom.engine.accounts.budget import LEAST_SETTLED, Budget


@pytest.mark.parametrize("written", ["20", "5%", "0", "100%", "0.5%"])
def test_a_budget_reads_as_it_was_written(written: str) -> None:
    budget = Budget.of(written)
    assert budget
    assert str(budget) == written
    assert Budget.of(f" {written} ") == budget


@pytest.mark.parametrize("written", [None, ""])
def test_without_one_there_is_no_budget(written: str | None) -> None:
    budget = Budget.of(written, stop=True)
    assert not budget
    assert budget.stop
    assert str(budget) == "none"
    assert not budget.spent(10, 10, 10)


@pytest.mark.parametrize(
    ("written", "words"),
    [
        (
            "a few",
            "max_failed is 'a few'; it is a number of events such as 20, or a share of them such as 5%",
        ),
        ("101%", "max_failed is '101%', which is more than all events: 100% is the most"),
        ("5.5", "max_failed is '5.5'; a number of events is whole, a share ends in %"),
        ("-1", "max_failed is '-1'; it is a number of events such as 20, or a share of them such as 5%"),
        ("%", "max_failed is '%'; it is a number of events such as 20, or a share of them such as 5%"),
    ],
)
def test_what_is_no_budget_is_refused_with_how_it_is_written(written: str, words: str) -> None:
    with pytest.raises(ValueError, match="max_failed") as refused:
        Budget.of(written)
    assert str(refused.value) == words


@pytest.mark.parametrize(
    ("written", "failed", "settled", "total", "spent"),
    [
        ("", 1000, 1000, 1000, False),
        (None, 1000, 1000, 1000, False),
        (0, 0, 10, 10, False),
        (0, 1, 1, 10, True),
        ("20", 20, 30, 1000, False),
        ("20", 21, 30, 1000, True),
        ("5%", 50, 60, 1000, False),
        ("5%", 51, 60, 1000, True),
        (" 0.5 %", 6, 60, 1000, True),
        ("5%", LEAST_SETTLED - 1, LEAST_SETTLED - 1, None, False),
        ("5%", 6, LEAST_SETTLED, None, True),
    ],
)
def test_a_budget_is_a_number_of_events_or_a_share_of_them(
    written: int | str | None, failed: int, settled: int, total: int | None, spent: bool
) -> None:
    assert Budget.of(written).spent(failed, settled, total) == spent


@given(st.integers(0, 1000), st.integers(1, 1000))
def test_a_budget_that_is_spent_stays_so_while_more_fail(failed: int, total: int) -> None:
    budget = Budget.of("10%")
    assert budget.spent(failed, failed, total) <= budget.spent(failed + 1, failed + 1, total)


def test_the_sentence_says_what_became_of_the_run_and_where_to_look() -> None:
    assert Budget.of("5%").sentence(7, 100) == (
        "7 of 100 settled events have failed, more than max_failed (5%); the run goes on: look at /api/v1/errors"
    )
    assert "(3); the run was stopped for that: " in Budget.of(3, stop=True).sentence(4, 9)
