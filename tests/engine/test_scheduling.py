"""Who gets which event: bindings, tags, balance, look-ahead, epochs, and the cut of an open-ended run."""

from __future__ import annotations

import itertools

import pytest

from beamloom.engine.assignment import Span, joined
from beamloom.engine.scheduling.orphans import PATIENCE, RELEASE_CHUNK
from beamloom.engine.scheduling.scheduler import LONGEST_OVERSHOOT, Scheduler
from beamloom.engine.scheduling.workforce import FIRST_CREDIT
from beamloom.triggermap import TriggerMap, batched, open_ended, uniform

GENERIC = frozenset({"generic"})
DEBUG = frozenset({"generic", "debug"})


def bare(trigger_map: TriggerMap, **workers: frozenset[str]) -> Scheduler:
    one = Scheduler(trigger_map.instances(), lookahead=0.02)
    for name, tags in workers.items():
        one.add_worker(name, tags, 0.0)
    return one


def cells(*column: object, open_end: bool = False) -> TriggerMap:
    body = {
        "parts": {"main": {"a": list(column)}},
        "sequence": [{"part": "main", "repeat": None if open_end else 1}],
    }
    return TriggerMap.from_json(body, all_wrap=False)


def events(spans: list[Span], worker: str | None = None) -> list[int]:
    return [n for span in spans if worker in (None, span.worker) for n in range(span.first, span.stop)]


def finish(one: Scheduler, spans: list[Span], now: float = 0.0) -> None:
    for span in spans:
        one.done(span.worker, span.slot, span.first, span.stop, now)


def run_through(one: Scheduler, now: float = 0.0) -> list[Span]:
    """Lease and finish until nothing is left; returns all spans."""
    given: list[Span] = []
    while True:
        spans, _ = one.assign(now)
        if not spans:
            return given
        given += spans
        finish(one, spans, now)


# ---- leases --------------------------------------------------------------------------------------------------------------------


def test_spans_that_continue_each_other_are_joined() -> None:
    spans = [
        Span(0, 2, "a"),
        Span(2, 3, "a"),
        Span(5, 1, "b"),
        Span(6, 1, "b", attempt=2),
        Span(8, 1, "b", attempt=2),
    ]
    assert joined(spans) == [
        Span(0, 5, "a"),
        Span(5, 1, "b"),
        Span(6, 1, "b", attempt=2),
        Span(8, 1, "b", attempt=2),
    ]
    for other in ({"slot": 1}, {"epoch": 1}, {"streams": ("a",)}):
        assert len(joined([Span(0, 1, "a"), Span(1, 1, "a", **other)])) == 2


def test_no_worker_is_given_more_than_its_credit() -> None:
    one = bare(uniform(["a"], 100, all_wrap=False), w1=GENERIC, w2=GENERIC)
    spans, _ = one.assign(0.0)
    assert len(events(spans, "w1")) == len(events(spans, "w2")) == FIRST_CREDIT
    assert one.assign(0.0) == ([], [])


def test_work_goes_to_the_worker_that_is_freest() -> None:
    one = bare(uniform(["a"], 100, all_wrap=False), w1=GENERIC, w2=GENERIC)
    first, _ = one.assign(0.0)
    done_by_w2 = [span for span in first if span.worker == "w2"]
    finish(one, done_by_w2, 0.02)
    more, _ = one.assign(0.02)
    assert events(more, "w1") == []
    assert len(events(more, "w2")) == FIRST_CREDIT


def test_every_event_is_given_out_once_and_in_order() -> None:
    one = bare(uniform(["a"], 12_345, all_wrap=False), w1=GENERIC, w2=GENERIC)
    assert events(run_through(one)) == list(range(12_345))
    assert one.idle
    assert one.cursor == 12_345


def test_no_event_is_given_out_from_the_limit_on() -> None:
    one = bare(uniform(["a"], 100, all_wrap=False), w1=GENERIC)
    one.limit = 5
    assert events(run_through(one)) == list(range(5))
    one.limit = None
    assert events(run_through(one)) == list(range(5, 100))


def test_a_constraint_stays_with_its_worker_within_one_occurrence_of_its_part() -> None:
    column = [[{"constraint": n % 3}] for n in range(30)]
    one = bare(cells(*column), w1=GENERIC, w2=GENERIC, w3=GENERIC)
    spans = run_through(one)
    for constraint in range(3):
        mine = {span.worker for span in spans for n in range(span.first, span.stop) if n % 3 == constraint}
        assert len(mine) == 1


def test_a_batch_is_not_torn_although_it_is_longer_than_the_credit() -> None:
    size = LONGEST_OVERSHOOT
    one = bare(batched(["a"], 4 * size, size, all_wrap=False), w1=GENERIC, w2=GENERIC)
    spans, _ = one.assign(0.0)
    assert [(span.first, span.count) for span in spans] == [(0, size), (size, size)]
    assert {span.worker for span in spans} == {"w1", "w2"}


def test_a_batch_that_is_far_longer_than_the_credit_is_given_out_piece_by_piece() -> None:
    size = 3 * LONGEST_OVERSHOOT
    one = bare(batched(["a"], size, size, all_wrap=False), w1=GENERIC, w2=GENERIC)
    (span,), _ = one.assign(0.0)
    assert span.count == FIRST_CREDIT
    finish(one, [span])
    rest = run_through(one)
    assert {one_span.worker for one_span in rest} == {span.worker}


def test_events_go_only_to_workers_that_have_all_tags() -> None:
    one = bare(cells([{"constraint": 0, "tags": ["debug"]}], [{"constraint": 1}]), w1=GENERIC)
    assert one.assign(0.0) == ([], [])
    one.add_worker("w2", DEBUG, 0.0)
    spans = run_through(one)
    assert events(spans, "w2")[0] == 0
    assert events(spans) == [0, 1]


def test_an_event_for_all_workers_is_one_delivery_for_each() -> None:
    one = bare(cells([{"tags": ["generic"]}, {"constraint": 5}]), w1=GENERIC, w2=GENERIC, w3=GENERIC)
    spans, _ = one.assign(0.0)
    assert sorted((span.worker, span.slot) for span in spans) == [("w1", 0), ("w2", 1), ("w3", 2)]
    assert [one.done(span.worker, span.slot, 0, 1, 0.0) for span in spans] == [
        ([], []),
        ([], []),
        ([(0, 1)], []),
    ]


def test_an_event_of_several_deliveries_has_failed_when_one_of_them_has() -> None:
    one = bare(cells([{"tags": ["generic"]}], [{"tags": ["generic"]}]), w1=GENERIC, w2=GENERIC)
    one.assign(0.0)
    assert one.done("w1", 0, 0, 2, 0.0) == ([], [])
    assert one.fail("w2", 1, 0)
    assert not one.fail("w2", 1, 0)
    assert one.done("w2", 1, 1, 2, 0.0) == ([(1, 2)], [])
    two = bare(cells([{"tags": ["generic"]}], [{"constraint": 0}]), w1=GENERIC, w2=GENERIC)
    two.assign(0.0)
    assert not two.fail("w1", 0, 0)
    assert two.done("w2", 1, 0, 1, 0.0) == ([], [0])


def test_several_constraints_of_one_event_go_to_several_workers() -> None:
    one = bare(
        cells([{"constraint": 0}, {"constraint": 1}, {"constraint": 2}]), w1=GENERIC, w2=GENERIC, w3=GENERIC
    )
    spans, _ = one.assign(0.0)
    assert {span.worker for span in spans} == {"w1", "w2", "w3"}


def test_events_that_nobody_sees_are_passed_over_and_named() -> None:
    one = bare(cells([{"constraint": 0}], [], [], [{"constraint": 1}], []), w1=GENERIC)
    spans, void = one.assign(0.0)
    assert events(spans) == [0, 3]
    assert void == [(1, 3), (4, 5)]


def test_events_that_are_settled_some_other_way_are_never_given_out() -> None:
    one = bare(uniform(["a"], 40, all_wrap=False), w1=GENERIC)
    one.drop(3, 6)
    one.drop(20, 25)
    assert events(run_through(one)) == [*range(3), *range(6, 20), *range(25, 40)]


def test_what_is_dropped_is_taken_from_its_worker() -> None:
    one = bare(uniform(["a"], 40, all_wrap=False), w1=GENERIC)
    one.assign(0.0)
    one.drop(2, 4)
    assert one.workforce["w1"].outstanding == FIRST_CREDIT - 2
    assert one.done("w1", 0, 0, FIRST_CREDIT, 0.0)[0] == [(0, 2), (4, FIRST_CREDIT)]


def test_only_the_holder_of_a_delivery_can_finish_it() -> None:
    one = bare(uniform(["a"], 40, all_wrap=False), w1=GENERIC, w2=GENERIC)
    spans, _ = one.assign(0.0)
    (mine,) = [span for span in spans if span.worker == "w1"]
    assert one.done("w2", 0, mine.first, mine.stop, 0.0) == ([], [])
    assert one.done("nobody", 0, mine.first, mine.stop, 0.0) == ([], [])
    assert one.done("w1", 1, mine.first, mine.stop, 0.0) == ([], [])
    assert not one.fail("w2", 0, mine.first)
    assert one.done("w1", 0, mine.first, mine.stop, 0.0) == ([(mine.first, mine.stop)], [])


# ---- epochs --------------------------------------------------------------------------------------------------------------------


def test_an_epoch_begins_with_the_next_event_that_is_not_leased() -> None:
    one = bare(uniform(["a"], 100, all_wrap=False), w1=GENERIC)
    first, _ = one.assign(0.0)
    assert one.begin_epoch(7) == FIRST_CREDIT
    finish(one, first)
    second, _ = one.assign(0.0)
    assert {span.epoch for span in first} == {0}
    assert {span.epoch for span in second} == {7}


def test_the_last_of_two_epochs_that_begin_together_holds() -> None:
    one = bare(uniform(["a"], 10, all_wrap=False), w1=GENERIC)
    one.begin_epoch(1)
    one.begin_epoch(2)
    assert {span.epoch for span in run_through(one)} == {2}


def test_planned_epochs_begin_at_their_exact_events_also_within_a_batch() -> None:
    one = bare(batched(["a"], 60, 20, all_wrap=False), w1=GENERIC)
    for first, epoch in [(30, 3), (7, 1), (25, 2)]:
        one.plan_epoch(first, epoch)
    spans = run_through(one)
    epochs = {n: span.epoch for span in spans for n in range(span.first, span.stop)}
    assert [epochs[n] for n in range(60)] == [0] * 7 + [1] * 18 + [2] * 5 + [3] * 30


def test_an_event_keeps_its_epoch_when_it_is_leased_again() -> None:
    one = bare(uniform(["a"], 100, all_wrap=False), w1=GENERIC, w2=GENERIC)
    one.plan_epoch(3, 1)
    before, _ = one.assign(0.0)
    one.begin_epoch(9)
    one.lose_worker("w1", killed=False)
    again, _ = one.assign(0.0)
    assert events(again) == events(before, "w1")
    assert {n: span.epoch for span in again for n in range(span.first, span.stop)} == {
        n: span.epoch for span in before if span.worker == "w1" for n in range(span.first, span.stop)
    }


# ---- leases again --------------------------------------------------------------------------------------------------------------


def test_events_of_a_lost_worker_are_leased_again_before_anything_new_and_lowest_first() -> None:
    one = bare(uniform(["a"], 100, all_wrap=False), w1=GENERIC, w2=GENERIC)
    held = events(one.assign(0.0)[0], "w1")
    one.lose_worker("w1", killed=False)
    again, _ = one.assign(0.0)
    assert events(again) == held
    assert {(span.worker, span.attempt) for span in again} == {("w2", 2)}


def test_events_of_a_lost_worker_are_spread_over_the_others() -> None:
    one = bare(uniform(["a"], 1000, all_wrap=False), w1=GENERIC)
    one.workforce["w1"].credit = 4 * RELEASE_CHUNK
    one.assign(0.0)
    one.lose_worker("w1", killed=False)
    for name in ("w2", "w3", "w4"):
        one.add_worker(name, GENERIC, 0.0)
    again, _ = one.assign(0.0)
    assert {span.worker for span in again if span.attempt == 2} == {"w2", "w3", "w4"}


def test_events_of_several_lost_workers_are_leased_again_lowest_first() -> None:
    one = bare(uniform(["a"], 16, all_wrap=False), w1=GENERIC, w2=GENERIC)
    spans, _ = one.assign(0.0)
    later = max(spans, key=lambda span: span.first).worker
    for name in (later, *({"w1", "w2"} - {later})):
        one.lose_worker(name, killed=False)
    one.add_worker("w3", GENERIC, 0.0)
    assert events(one.assign(0.0)[0]) == list(range(16))


def test_events_that_are_leased_again_are_parted_where_an_epoch_begins() -> None:
    one = bare(uniform(["a"], 8, all_wrap=False), w1=GENERIC)
    one.plan_epoch(3, 1)
    one.assign(0.0)
    one.lose_worker("w1", killed=False)
    one.add_worker("w2", GENERIC, 0.0)
    again, _ = one.assign(0.0)
    assert [(span.first, span.count, span.epoch) for span in again] == [(0, 3, 0), (3, 5, 1)]


def test_constraints_that_are_inherited_together_stay_with_their_heir() -> None:
    one = bare(cells([{"constraint": 0}], [{"constraint": 1}], [{"constraint": 1}]), w1=GENERIC)
    one.limit = 2
    one.assign(0.0)
    one.lose_worker("w1", killed=False)
    one.add_worker("w2", GENERIC, 0.0)
    one.assign(0.0)
    one.limit = None
    one.add_worker("w3", GENERIC, 0.0)
    assert [(span.first, span.worker) for span in one.assign(0.0)[0]] == [(2, "w2")]


def test_nothing_is_leased_again_to_a_worker_while_it_holds_a_suspect() -> None:
    one = bare(batched(["a"], 100, 100, all_wrap=False), w1=GENERIC)
    one.assign(0.0)
    one.lose_worker("w1", killed=True)
    one.add_worker("w2", GENERIC, 0.0)
    given: list[int] = []
    while spans := one.assign(0.0)[0]:
        given += events(spans)
        if one.workforce["w2"].careful is not None:
            assert one.workforce["w2"].outstanding == 1
        finish(one, spans)
    assert given == list(range(100))


def test_what_an_heir_is_to_get_waits_while_it_is_being_fenced() -> None:
    one = bare(batched(["a"], 50, 50, all_wrap=False), w1=GENERIC)
    one.assign(0.0)
    one.lose_worker("w1", killed=True)
    one.add_worker("w2", GENERIC, 0.0)
    finish(one, one.assign(0.0)[0])
    one.workforce.suspend("w2")
    one.add_worker("w3", GENERIC, 0.0)
    assert one.assign(0.0)[0] == []
    one.lose_worker("w2", killed=False)
    assert events(one.assign(0.0)[0], "w3") == [1]


def test_events_wait_until_a_worker_with_their_tags_comes() -> None:
    one = bare(cells([{"constraint": 0, "tags": ["debug"]}], [{"constraint": 1}]), w1=DEBUG)
    one.assign(0.0)
    one.lose_worker("w1", killed=False)
    one.add_worker("w2", GENERIC, 0.0)
    assert one.assign(0.0)[0] == []
    assert not one.idle
    one.add_worker("w3", DEBUG, 0.0)
    assert events(one.assign(0.0)[0], "w3")[0] == 0


def test_a_suspended_worker_gets_nothing_and_what_is_bound_to_it_waits() -> None:
    one = bare(batched(["a"], 2000, 2000, all_wrap=False), w1=GENERIC, w2=GENERIC)
    (span,), _ = one.assign(0.0)
    one.workforce.suspend(span.worker)
    finish(one, [span])
    assert one.assign(0.0) == ([], [])
    one.lose_worker(span.worker, killed=False)
    (again,), _ = one.assign(0.0)
    assert again.worker != span.worker
    assert again.first == span.stop


def test_a_suspect_is_leased_alone_to_an_idle_worker() -> None:
    one = bare(uniform(["a"], 100, all_wrap=False), w1=GENERIC, w2=GENERIC)
    first, _ = one.assign(0.0)
    one.lose_worker("w1", killed=True)
    assert one.assign(0.1) == ([], [])
    finish(one, [span for span in first if span.worker == "w2"], 0.1)
    (suspect,), _ = one.assign(0.1)
    assert (suspect.first, suspect.count, suspect.worker) == (0, 1, "w2")
    assert one.workforce["w2"].free == 0
    assert one.lose_worker("w2", killed=True) == [0]


def test_only_the_event_that_a_dead_worker_is_known_to_have_worked_on_is_leased_alone() -> None:
    one = bare(uniform(["a"], 100, all_wrap=False), w1=GENERIC)
    (held,), _ = one.assign(0.0)
    one.lose_worker("w1", killed=True, culprit=held.first + 2)
    one.add_worker("w2", GENERIC, 0.1)
    (before,), _ = one.assign(0.1)
    assert (before.first, before.stop) == (held.first, held.first + 2)
    finish(one, [before], 0.1)
    (alone,), _ = one.assign(0.1)
    assert (alone.first, alone.count, one.workforce["w2"].free) == (held.first + 2, 1, 0)
    assert one.lose_worker("w2", killed=True, culprit=alone.first) == [alone.first]


def test_a_suspect_whose_worker_was_only_fenced_is_not_poison() -> None:
    one = bare(uniform(["a"], 100, all_wrap=False), w1=GENERIC)
    one.assign(0.0)
    one.lose_worker("w1", killed=True)
    one.add_worker("w2", GENERIC, 0.0)
    one.assign(0.0)
    assert one.lose_worker("w2", killed=False) == []


def test_suspects_do_not_wait_for_ever_for_an_idle_worker() -> None:
    one = bare(uniform(["a"], 100, all_wrap=False), w1=GENERIC, w2=GENERIC)
    one.assign(5.0)
    one.assign(5.0)
    one.lose_worker("w1", killed=True)
    assert one.assign(5.0 + PATIENCE) == ([], [])
    assert events(one.assign(5.1 + PATIENCE)[0], "w2") == [0]
    assert one.workforce["w2"].careful is None
    assert one.lose_worker("w2", killed=True) == []


def test_a_suspect_waits_for_a_worker_that_still_holds_lower_events() -> None:
    one = bare(uniform(["a"], 100, all_wrap=False), w1=GENERIC, w2=GENERIC)
    one.assign(5.0)
    one.assign(5.0)
    one.lose_worker("w2", killed=True)
    assert one.assign(5000.0) == ([], [])


# ---- the cut -------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("event", [3, 8, 9, 4096, 5000, 10_000])
def test_an_open_ended_run_that_is_cut_gives_out_all_events_up_to_there(event: int) -> None:
    trigger_map = open_ended(["a"], all_wrap=False)
    one = bare(trigger_map, w1=GENERIC)
    spans, _ = one.assign(0.0)
    end = uniform(["a"], 1, all_wrap=False)
    one.cut(event, (i._replace(first=event) for i in itertools.islice(end.instances(), 1)))
    finish(one, spans)
    rest = run_through(one)
    assert sorted(set(events(spans) + events(rest))) == sorted({*range(max(event, FIRST_CREDIT)), event})
    assert events(rest) == list(range(min(event, FIRST_CREDIT), event + 1))
    assert [span.attempt for span in rest if span.stop > event] == [2]


def test_an_event_behind_a_cut_is_another_event_than_the_one_that_was_lost_there() -> None:
    one = bare(open_ended(["a"], all_wrap=False), w1=GENERIC)
    one.drop(5, 20)
    end = uniform(["a"], 1, all_wrap=False)
    one.cut(5, (i._replace(first=5) for i in itertools.islice(end.instances(), 1)))
    assert events(run_through(one)) == list(range(6))


def test_what_comes_behind_a_cut_has_an_attempt_of_its_own_also_after_a_death() -> None:
    one = bare(open_ended(["a"], all_wrap=False), w1=GENERIC)
    one.assign(0.0)
    for lost, heir in (("w1", "w2"), ("w2", "w3")):
        one.lose_worker(lost, killed=False)
        one.add_worker(heir, GENERIC, 0.0)
        one.assign(0.0)
    end = uniform(["a"], 1, all_wrap=False)
    one.cut(4, (i._replace(first=4) for i in itertools.islice(end.instances(), 1)))
    (span,), _ = one.assign(0.0)
    assert (span.first, span.count, span.attempt) == (4, 1, 4)


def test_the_newest_epoch_holds_for_what_comes_behind_a_cut() -> None:
    one = bare(open_ended(["a"], all_wrap=False), w1=GENERIC)
    one.assign(0.0)
    assert one.begin_epoch(4) == FIRST_CREDIT
    one.cut(3, iter(()))
    assert [one.epoch_of(n) for n in range(5)] == [0, 0, 0, 4, 4]


# ---- memory --------------------------------------------------------------------------------------------------------------------


def test_what_is_behind_is_forgotten() -> None:
    one = bare(uniform(["a"], 50_000, all_wrap=False), w1=GENERIC)
    for first in range(0, 50_000, 1000):
        one.limit = first + 1000
        run_through(one)
        one.drop(first, first + 1000)
        one.forget_settled(one.cursor)
        assert len(one._bindings) <= 2
        assert len(one._skipped) == 0


def test_leases_of_events_that_fail_are_not_remembered_for_ever() -> None:
    one = bare(uniform(["a"], 400, all_wrap=False), w1=GENERIC)
    while spans := one.assign(0.0)[0]:
        for event in events(spans):
            assert one.fail("w1", 0, event)
    assert len(one.workforce["w1"]._leased_at) == 0
