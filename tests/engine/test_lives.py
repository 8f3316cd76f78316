"""Constraints whose results depend on the events before: what is rehearsed, by whom, and what becomes of it when that goes wrong."""

from __future__ import annotations

import pytest

from beamloom.engine.assignment import Span
from beamloom.engine.ranges import RangeSet
from beamloom.engine.scheduling.scheduler import Scheduler
from beamloom.triggermap import batched

GENERIC = frozenset({"generic"})
ALL = 8


def inherited() -> tuple[Scheduler, list[Span]]:
    """One constraint whose first worker is gone; of its events 0 to 3 and 6 are done. What the second worker was given."""
    one = Scheduler(batched(["a"], ALL, ALL, all_wrap=False).instances(), lookahead=0.02, stateful=True)
    one.add_worker("first", GENERIC, 0.0)
    while one.cursor < ALL:
        one.assign(0.0)
    one.done("first", 0, 0, 4, 0.0)
    one.done("first", 0, 6, 7, 0.0)
    one.lose_worker("first", killed=False)
    one.add_worker("second", GENERIC, 0.0)
    spans: list[Span] = []
    while given := one.assign(0.0)[0]:
        spans += given
    return one, spans


def events(spans: list[Span]) -> list[int]:
    return [event for span in spans for event in range(span.first, span.stop)]


def test_the_next_worker_rehearses_what_was_done_and_goes_on_in_order() -> None:
    _, spans = inherited()
    assert events(spans) == list(range(ALL))
    assert events([span for span in spans if span.slot < 0]) == [0, 1, 2, 3, 6]
    assert len({span.life for span in spans}) == 1
    # Leased once more, by another life: more than either alone.
    assert {span.attempt for span in spans if span.slot == 0} == {3}


def test_who_dies_of_a_rehearsal_makes_no_suspect_of_what_was_to_follow() -> None:
    one, _ = inherited()
    one.lose_worker("second", killed=True, culprit=6)
    one.add_worker("third", GENERIC, 0.0)
    spans, _ = one.assign(0.0)
    assert events(spans) == list(range(ALL))
    assert one.workforce["third"].careful is None


def test_who_dies_of_an_event_of_its_own_makes_a_suspect_of_it_though_a_rehearsal_was_to_follow() -> None:
    one, _ = inherited()
    one.lose_worker("second", killed=True, culprit=4)
    one.add_worker("third", GENERIC, 0.0)
    spans, _ = one.assign(0.0)
    assert events([span for span in spans if span.slot == 0]) == [4]
    assert one.workforce["third"].careful == (4, 0)


def test_an_event_that_kills_two_who_rehearse_it_costs_its_constraint_and_is_named() -> None:
    one, _ = inherited()
    assert one.lives is not None
    one.lose_worker("second", killed=True, culprit=6)
    assert one.lives.take_doomed() == []
    one.add_worker("third", GENERIC, 0.0)
    while one.assign(0.0)[0]:
        pass
    one.lose_worker("third", killed=True, culprit=6)
    (loss,) = one.lives.take_doomed()
    assert (loss.first, loss.stop) == (0, ALL)
    assert loss.cause == (
        f"the constraint of events 0 to {ALL - 1} is stateful and has to be worked through again from its first event, which cannot "
        "be done: event 6, which was reduced before, has cost 2 workers as it was rehearsed"
    )


@pytest.mark.parametrize("gone", [(0, 1), (6, 7)])
def test_packets_that_are_gone_cost_a_constraint_that_is_to_be_rehearsed_and_say_why(
    gone: tuple[int, int],
) -> None:
    one, _ = inherited()
    assert one.lives is not None
    one.lives.forget(*gone, "the disk is full")
    (loss,) = one.lives.take_doomed()
    assert (loss.first, loss.stop) == (0, ALL)
    assert loss.cause.endswith("which cannot be done: the disk is full")


def test_packets_that_are_gone_cost_nothing_while_the_state_is_there() -> None:
    one = Scheduler(batched(["a"], ALL, ALL, all_wrap=False).instances(), lookahead=0.02, stateful=True)
    one.add_worker("first", GENERIC, 0.0)
    one.assign(0.0)
    assert one.lives is not None
    one.lives.forget(0, 2, "the disk is full")
    assert one.lives.take_doomed() == []
    one.lose_worker("first", killed=False)
    (loss,) = one.lives.take_doomed()
    assert loss.cause.endswith("which cannot be done: the disk is full")


def test_packets_are_kept_for_a_constraint_until_it_is_complete_and_for_nothing_else() -> None:
    one = Scheduler(batched(["a"], ALL, ALL // 2).instances(), lookahead=0.02, stateful=True)
    one.add_worker("first", GENERIC, 0.0)
    while one.assign(0.0)[0]:
        pass
    assert one.lives is not None
    pasts = one.lives.pasts
    begun = pasts.settle([(0, 3)], RangeSet(), one.cursor)
    assert (list(begun.release), list(begun.spare), begun.complete) == ([(0, 1)], [(1, 3)], [])
    assert list(pasts.kept) == [(1, 3)]
    done = pasts.settle([(3, 6)], RangeSet(), one.cursor)
    assert (list(done.release), list(done.spare)) == ([(1, 5)], [(5, 6)])
    assert len(done.complete) == 1
    assert list(pasts.kept) == [(5, 6)]
