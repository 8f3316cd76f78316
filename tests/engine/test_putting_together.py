"""The worker's, the reducer's and the account's small machines: assembler, collector, deliveries, faults."""

from __future__ import annotations

import hypothesis.strategies as st
from hypothesis import given

from beamloom.engine.accounts.collector import Collector
from beamloom.engine.accounts.faults import MOST_GROUPS, Failure, Faults
from beamloom.engine.assembling.assembler import Assembler
from beamloom.engine.assembling.ready import ReadyRun
from beamloom.engine.assignment import Span
from beamloom.engine.scheduling.deliveries import Deliveries, Unit
from beamloom.events import Packet

GENERIC = frozenset({"generic"})
ALL = frozenset({GENERIC})


def packets(stream: str, *events: int) -> list[Packet]:
    return [Packet("test", [f"{stream}{event}".encode()]) for event in events]


def frames(ready: list[ReadyRun]) -> list[tuple[int, dict[str, bytes]]]:
    return [
        (one.event, {stream: packet.frames[0] for stream, packet in one.streams.items()})
        for run in ready
        for one in run
    ]


# ---- assembler -----------------------------------------------------------------------------------------------------------------


def test_what_is_leased_again_to_the_worker_that_has_it_is_not_waited_for_under_the_earlier_attempt() -> None:
    one = Assembler()
    one.lease([Span(0, 4, "w")])
    one.lease([Span(1, 2, "w", attempt=2)])
    one.add("a", 0, 1, 0, 1, packets("a", 0, 1, 2, 3))
    one.add("a", 0, 2, 1, 1, packets("a", 1, 2))
    ready = one.take_ready(9)
    assert [(run.first, run.stop, run.attempt) for run in ready] == [(0, 1, 1), (1, 3, 2), (3, 4, 1)]
    assert (one.leased, one.kept, one.awaited) == (0, 0, None)


def test_an_event_is_ready_when_the_packets_of_all_its_streams_are_here() -> None:
    one = Assembler()
    one.lease([Span(0, 2, "w")])
    one.add("a", 0, 1, 0, 2, packets("a", 0, 1))
    assert one.take_ready(9) == []
    assert one.awaited == (0, ["a"])
    one.add("b", 0, 1, 0, 2, packets("b", 0))
    assert frames(one.take_ready(9)) == [(0, {"a": b"a0", "b": b"b0"})]
    one.add("b", 0, 1, 1, 2, packets("b", 1))
    assert frames(one.take_ready(9)) == [(1, {"a": b"a1", "b": b"b1"})]
    assert one.awaited is None


def test_packets_may_come_before_their_lease() -> None:
    one = Assembler()
    one.add("a", 0, 1, 3, 1, packets("a", 3, 4))
    assert one.take_ready(9) == []
    one.lease([Span(3, 2, "w")])
    assert [ready.event for run in one.take_ready(1) for ready in run] == [3]
    assert [ready.event for run in one.take_ready(9) for ready in run] == [4]


def test_deliveries_are_told_apart_by_slot_and_attempt() -> None:
    one = Assembler()
    one.lease([Span(0, 1, "w", slot=1, attempt=2, epoch=5)])
    one.add("a", 0, 2, 0, 1, packets("wrong slot", 0))
    one.add("a", 1, 1, 0, 1, packets("wrong attempt", 0))
    assert one.take_ready(9) == []
    one.add("a", 1, 2, 0, 1, packets("a", 0))
    (ready,) = one.take_ready(9)[0]
    assert (ready.slot, ready.attempt, ready.epoch) == (1, 2, 5)


def test_events_that_are_leased_again_come_before_those_that_were_leased_ahead() -> None:
    one = Assembler()
    one.lease([Span(8, 4, "w")])
    one.add("a", 0, 1, 8, 1, packets("a", 8))
    assert [ready.event for run in one.take_ready(9) for ready in run] == [8]
    one.lease([Span(2, 3, "w", attempt=2), Span(12, 2, "w")])
    one.add("a", 0, 2, 2, 1, packets("a", 2, 3, 4))
    assert [ready.event for run in one.take_ready(9) for ready in run] == [2, 3, 4]
    one.add("a", 0, 1, 9, 1, packets("a", 9, 10, 11, 12, 13))
    assert [ready.event for run in one.take_ready(9) for ready in run] == [9, 10, 11, 12, 13]


@given(st.data())
def test_whatever_is_dropped_the_rest_becomes_ready_in_order(data: st.DataObject) -> None:
    one, left = Assembler(), set(range(20))
    taken: list[int] = []
    one.lease([Span(0, 6, "w"), Span(6, 1, "w", slot=1), Span(7, 13, "w")])
    for event in range(20):
        one.add("a", int(event == 6), 1, event, 1, packets("a", event))
        if data.draw(st.integers(0, 3)) == 0:
            first, stop = data.draw(st.tuples(st.integers(0, 20), st.integers(0, 20)))
            one.drop(first, stop)
            left -= set(range(first, stop)) - set(taken)
        taken += [ready.event for run in one.take_ready(data.draw(st.integers(0, 4))) for ready in run]
    taken += [ready.event for run in one.take_ready(99) for ready in run]
    assert taken == sorted(left)
    assert (one.awaited, one.kept) == (None, 0)


# ---- collector -----------------------------------------------------------------------------------------------------------------


def test_a_delivery_is_taken_once_whoever_sends_it() -> None:
    one = Collector()
    assert [one.take(worker, slot, 5, 6) for worker, slot in [("w1", 0), ("w2", 0), ("w1", 1), ("w1", 0)]] == [
        [(5, 6)], [], [(5, 6)], [],
    ]  # fmt: skip
    assert one.duplicates == 2


def test_of_consecutive_deliveries_those_are_taken_that_were_not_before() -> None:
    one = Collector()
    assert one.take("w1", 0, 2, 4) == [(2, 4)]
    assert one.take("w2", 0, 6, 7) == [(6, 7)]
    assert one.take("w1", 0, 0, 8) == [(0, 2), (4, 6), (7, 8)]
    assert one.taken == {0: [(0, 8)]}
    assert one.duplicates == 3


def test_nothing_is_taken_from_a_fenced_worker() -> None:
    one = Collector()
    one.fence("w1")
    assert not one.admits("w1")
    assert not one.take("w1", 0, 5, 6)
    assert one.take("w2", 0, 5, 6)
    assert (one.fenced_results, one.duplicates) == (1, 0)
    assert one.take_together("w1", 0, [(6, 7)]) == (False, [])
    assert (one.fenced_results, one.duplicates) == (2, 0)
    assert one.fenced == ["w1"]


def test_one_result_of_several_events_is_taken_as_a_whole_or_not_at_all() -> None:
    one = Collector()
    assert one.take_together("w1", 0, [(0, 3), (5, 7)]) == (True, [])
    assert one.taken == {0: [(0, 3), (5, 7)]}
    assert one.take_together("w2", 0, [(0, 3), (5, 7)]) == (False, [])
    assert one.duplicates == 1
    assert one.take_together("w2", 1, [(0, 3)]) == (True, [])
    assert one.take_together("w2", 0, [(2, 6), (8, 9)]) == (False, [(3, 5), (8, 9)]), (
        "these can no longer be had"
    )
    assert one.taken == {0: [(0, 7), (8, 9)], 1: [(0, 3)]}
    assert one.duplicates == 2


def test_another_collector_goes_on_from_what_one_had_taken() -> None:
    one, other = Collector(), Collector()
    one.take("w1", 0, 2, 4)
    one.fence("w2")
    other.restore(one.taken, one.fenced)
    assert (other.taken, other.fenced) == ({0: [(2, 4)]}, ["w2"])
    assert other.take("w1", 0, 1, 4) == [(1, 2)]
    assert one.taken == {0: [(2, 4)]}
    assert not other.admits("w2")


# ---- deliveries ----------------------------------------------------------------------------------------------------------------


def test_an_event_is_finished_with_its_last_delivery() -> None:
    one = Deliveries()
    one.add(4, [Unit(("a",), (0,)), Unit(("b",), (1,))])
    assert one.split_within(0, 3) == one.split_within(5, 9) == []
    assert one.split_within(0, 9) == one.split_within(4, 5) == [4]
    assert one.close(4, 1) is None
    assert one.close(4, 0) is False
    assert one.split_within(0, 9) == []
    assert one.of(4) is None


def test_a_delivery_that_somebody_else_has_been_given_as_well_need_not_be_given_again() -> None:
    one = Deliveries()
    one.add(4, [Unit(("a",), (), ALL), Unit(("a",), (), ALL), Unit(("a",), (7,), ALL)])
    assert not one.void(4, 2)
    assert one.void(4, 0)
    assert one.void(4, 1)
    assert one.close(4, 2) is False
    one.add(5, [Unit(("a",), (), ALL), Unit(("a",), (), ALL)])
    assert one.close(5, 0, failed=True) is None
    assert one.void(5, 1)
    assert one.ended() == [(5, True)]
    assert one.ended() == []


def test_the_start_event_is_given_to_those_who_come_late_if_they_have_its_tags() -> None:
    one = Deliveries()
    debug = frozenset({"debug"})
    one.add(0, [Unit(("a", "b"), (), frozenset({GENERIC, debug}))])
    assert one.join_start(GENERIC) == (1, ("a", "b"))
    assert one.join_start(frozenset({"other"})) is None
    assert one.start_kept
    one.drop(0, 3)
    assert not one.start_kept
    assert one.join_start(GENERIC) is None


def test_the_first_event_of_a_map_that_is_not_for_all_workers_is_split_as_any_other() -> None:
    one = Deliveries()
    one.add(0, [Unit(("a",), (0,)), Unit(("b",), (1,))])
    assert not one.start_kept
    assert one.split_within(0, 5) == [0]
    assert one.close(0, 0) is None
    assert one.close(0, 1, failed=True) is True


# ---- faults --------------------------------------------------------------------------------------------------------------------


def failure(line: str, message: str = "no beam") -> Failure:
    trace = (
        f'Traceback (most recent call last):\n  File "/x/worker.py", line {line}, in process_event\n    code\n'
        f"ValueError: {message}\n"
    )
    return Failure("process_event", "ValueError", message, trace)


def test_failures_at_the_same_line_are_one_group_with_all_events() -> None:
    faults = Faults()
    for event in (3, 4, 9):
        faults.add(failure("7", f"no beam at {event}"), "w1", event)
    faults.add(failure("8"), "w2", 5)
    faults.add(failure("8"), "w2", None)
    groups = faults.groups
    assert [(list(group.events), group.count, group.worker) for group in groups] == [
        ([(3, 5), (9, 10)], 3, "w1"),
        ([(5, 6)], 2, "w2"),
    ]
    assert groups[0].failure.message == "no beam at 3"
    assert faults.count == 5


def test_failures_without_traceback_are_told_apart_by_their_message() -> None:
    faults = Faults()
    for message in ("a", "b", "a"):
        faults.add(Failure("process", "WorkerDied", message), "w", 1)
    assert [group.count for group in faults.groups] == [2, 1]


def test_the_number_of_groups_is_bounded_and_no_failed_event_is_left_out() -> None:
    faults = Faults()
    for event in range(3 * MOST_GROUPS):
        faults.add(failure(str(event)), "w", event)
    assert len(faults.groups) == MOST_GROUPS + 1
    assert sum(len(group.events) for group in faults.groups) == 3 * MOST_GROUPS
