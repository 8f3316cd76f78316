"""Which failures are one kind, and how many of them are too many."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from beamloom.engine.budget import LEAST_SETTLED, Budget
from beamloom.engine.faults import Failure, Faults

RAISED = """\
Traceback (most recent call last):
  File "/a/worker.py", line 7, in process_event
    go()
  File "/b/lib.py", line 3, in go
"""
CRASHED = '  File "/b/lib.py", line 3 in go\n  File "/a/worker.py", line 7 in process_event\n'


def test_the_place_is_the_line_that_raised_whichever_way_a_stack_is_written() -> None:
    for stack in (RAISED, CRASHED):
        assert Failure("process_event", "ValueError", "x", stack).place == "lib.py:3 in go"
    assert Failure("process", "WorkerDied", "x").place == ""


def test_the_message_and_the_folder_are_no_part_of_a_signature() -> None:
    one = Failure("process_event", "ValueError", "event 3 is dark", RAISED)
    other = Failure("process_event", "ValueError", "event 4 is dark", RAISED.replace("/b/", "/elsewhere/"))
    assert one.signature == other.signature
    assert one.signature != Failure("process_event", "KeyError", "event 3 is dark", RAISED).signature
    assert one.signature != Failure("process_result", "ValueError", "event 3 is dark", RAISED).signature
    assert (
        one.signature
        != Failure("process_event", "ValueError", "x", RAISED.replace("line 3", "line 4")).signature
    )


def test_a_group_names_its_workers_and_its_capsules_once_each() -> None:
    faults = Faults()
    for event, worker, capsule in [(1, "a", "r/1"), (2, "b", ""), (3, "a", "r/3"), (4, "a", "r/3")]:
        faults.add(Failure("process_event", "ValueError", "x", RAISED, capsule), worker, event)
    (group,) = faults.groups
    assert (list(group.workers), group.capsules, group.count) == (["a", "b"], ["r/1", "r/3"], 4)


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


@pytest.mark.parametrize("written", ["a few", "-1", "5.5", "200%", "%"])
def test_what_is_no_budget_is_refused(written: str) -> None:
    with pytest.raises(ValueError, match="max_failed is "):
        Budget.of(written)
