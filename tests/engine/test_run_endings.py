"""How a run ends when devices, people and processes do not play along: it ends, and every event has its state."""

from __future__ import annotations

import pytest

from beamloom.engine.accounts.ledger import Counts, EventState, Loss
from beamloom.engine.accounts.reducers_account import ResultAccount
from beamloom.engine.runs.run import Run, RunPhase, RunSettings
from beamloom.engine.runs.stock import Stock
from beamloom.engine.streams.retention import Retention
from beamloom.engine.streams.router import StreamRouter
from beamloom.events import Packet, PacketKind
from beamloom.triggermap import TriggerMap, open_ended, sparse, uniform
from engine.mill import Mill, numbered

GENERIC = frozenset({"generic"})
SOLO = {"w1": GENERIC}


def repeating(*cells: object) -> TriggerMap:
    """An open-ended map of stream ``a`` with these cells."""
    return TriggerMap.from_json(
        {"parts": {"main": {"a": list(cells)}}, "sequence": [{"part": "main", "repeat": None}]}
    )


def read(mill: Mill, stream: str, first: int, stop: int, last: int) -> None:
    mill.read(stream, [numbered(stream, item, last) for item in range(first, stop)])


def wait(mill: Mill, seconds: float) -> None:
    mill.now += seconds
    mill.settle()


def settled(mill: Mill) -> tuple[int, int, int]:
    counts: Counts = mill.run.ledger.counts()
    return counts.reduced, counts.failed, counts.lost


def causes(mill: Mill) -> list[str]:
    return [cause for cause, _ in mill.run.losses_by_cause()]


# ---- open-ended runs ------------------------------------------------------------------------------------------------------------


def test_an_open_ended_run_whose_devices_were_far_ahead_of_the_leases_is_worked_off_to_its_end() -> None:
    mill = Mill(open_ended(["a"]), SOLO)
    read(mill, "a", 0, 10_000, 9_999)
    mill.settle()
    assert mill.complete
    assert settled(mill) == (10_000, 0, 0)
    assert mill.workers["w1"].seen == list(range(10_000))


def test_an_open_ended_run_that_is_stopped_far_ahead_of_the_leases_reduces_all_that_had_come() -> None:
    mill = Mill(open_ended(["a"]), {})
    read(mill, "a", 0, 10_000, 99_999)
    mill.run.stop("enough")
    mill.join("w1", GENERIC)
    mill.settle()
    assert mill.complete
    assert settled(mill) == (10_000, 0, 0)


def test_events_for_all_workers_are_not_leased_further_ahead_than_the_slowest_may_be_given() -> None:
    mill = Mill(repeating([{"tags": ["generic"]}]), {"w1": GENERIC, "w2": GENERIC})
    mill.settle()
    assert mill.run.last_assigned <= 8
    read(mill, "a", 0, 100, 99)
    mill.settle()
    assert mill.complete
    assert settled(mill) == (100, 0, 0)
    assert [worker.seen for worker in mill.workers.values()] == [list(range(100))] * 2


def test_frames_that_nobody_wants_are_settled_only_when_an_open_ended_run_has_come_to_them() -> None:
    mill = Mill(repeating([{"constraint": 0}], [], []), SOLO)
    mill.settle()
    assert settled(mill) == (0, 0, 0)
    read(mill, "a", 0, 12, 11)
    mill.settle()
    assert mill.complete
    assert settled(mill) == (12, 0, 0)
    assert mill.workers["w1"].seen == [0, 1, 4, 7, 10, 11]


@pytest.mark.parametrize("series", range(2, 9))
def test_an_open_ended_run_may_end_at_any_event_of_its_part(series: int) -> None:
    mill = Mill(repeating([{"constraint": 0}], None, [], [{"constraint": 1}], [{"tags": ["generic"]}]), SOLO)
    mill.settle()
    read(mill, "a", 0, series, series - 1)
    mill.settle()
    assert mill.complete
    assert settled(mill) == (mill.run.ledger.total, 0, 0)


def test_an_open_ended_run_ends_when_one_stream_has_ended_and_the_other_fell_silent() -> None:
    mill = Mill(open_ended(["a", "b"]), SOLO)
    read(mill, "a", 0, 10, 9)
    read(mill, "b", 0, 3, 9)
    mill.settle()
    assert not mill.complete
    wait(mill, 10.5)
    wait(mill, 10.5)
    assert mill.complete
    assert settled(mill) == (3, 0, 7)
    # The first is the ingester's sentence for what was not there when the run was closed, the second is about the closing packet.
    assert causes(mill) == [
        "stream 'b' ended early: other streams went on",
        "stream 'b' fell silent: no packet for 10 s after another stream had ended",
    ]


def test_an_open_ended_run_loses_what_a_dead_ingester_cannot_send_while_the_others_go_on() -> None:
    mill = Mill(open_ended(["a", "b"]), SOLO)
    read(mill, "a", 0, 8, 20)
    read(mill, "b", 0, 3, 20)
    mill.settle()
    mill.ingester_dies("b", "out of memory")
    wait(mill, 1.5)
    assert mill.run.ledger.settled_until == 8
    read(mill, "a", 8, 21, 20)
    mill.settle()
    assert mill.complete
    assert settled(mill) == (3, 0, 18)
    assert causes(mill) == ["out of memory"]


@pytest.mark.parametrize("frames", [3, 4])
def test_the_end_event_is_lost_with_an_ingester_that_died_in_an_open_ended_run(frames: int) -> None:
    part = {"a": [[{"constraint": 0}], [{"constraint": 1}]], "b": [[{"constraint": 0}], None]}
    body = {"parts": {"main": part}, "sequence": [{"part": "main", "repeat": None}]}
    mill = Mill(TriggerMap.from_json(body), SOLO)
    read(mill, "b", 0, 2, 99)
    read(mill, "a", 0, 2, frames + 1)
    mill.settle()
    mill.ingester_dies("b", "gone")
    wait(mill, 1.5)
    read(mill, "a", 2, frames + 2, frames + 1)
    mill.settle()
    assert mill.complete
    assert list(mill.run.ledger.lost) == {3: [(3, 5)], 4: [(3, 4), (5, 6)]}[frames]


def test_events_that_do_not_need_a_dead_ingester_are_reduced_all_the_same() -> None:
    mill = Mill(sparse(["fast", "slow"], 20, every={"slow": 4}), SOLO)
    mill.ingester_dies("slow", "gone")
    read(mill, "fast", 0, 22, 21)
    wait(mill, 1.5)
    assert mill.complete
    assert settled(mill) == (15, 0, 7)


def test_a_run_without_streams_left_is_over() -> None:
    mill = Mill(open_ended(["a", "b"]), SOLO)
    mill.ingester_dies("a", "gone")
    assert mill.run.phase is RunPhase.RUNNING
    mill.ingester_dies("b", "gone, too")
    wait(mill, 1.5)
    assert mill.complete


def test_a_closing_packet_without_a_place_in_the_map_is_counted_as_surplus() -> None:
    mill = Mill(open_ended(["a"], all_wrap=False), SOLO)
    frames = [Packet("test", [b"a:%d" % item]) for item in range(4)]
    mill.read("a", [*frames, Packet("test", [b""], None, PacketKind.END)])
    mill.settle()
    assert mill.complete
    counts = mill.routers["a"].counts
    assert (counts.packets, counts.surplus) == (4, 1)


# ---- finite runs ----------------------------------------------------------------------------------------------------------------


def test_a_run_without_closing_packets_ends_when_one_stream_is_complete_and_the_other_fell_silent() -> None:
    mill = Mill(uniform(["a", "b"], 5, all_wrap=False), SOLO)
    read(mill, "a", 0, 5, 99)
    read(mill, "b", 0, 2, 99)
    mill.settle()
    wait(mill, 9)
    assert not mill.complete
    wait(mill, 2)
    assert mill.complete
    assert settled(mill) == (2, 0, 3)
    assert causes(mill) == ["stream 'b' fell silent: no packet for 10 s after another stream had ended"]


def test_a_stream_that_is_slow_but_not_silent_is_waited_for() -> None:
    mill = Mill(uniform(["a", "b"], 5), SOLO)
    read(mill, "a", 0, 7, 6)
    for item in range(7):
        wait(mill, 9)
        read(mill, "b", item, item + 1, 6)
        mill.settle()
    assert mill.complete
    assert settled(mill) == (7, 0, 0)


def test_nobody_is_a_straggler_while_no_stream_has_ended() -> None:
    mill = Mill(uniform(["a", "b"], 5), SOLO)
    read(mill, "a", 0, 6, 6)
    wait(mill, 1000)
    assert settled(mill) == (0, 0, 0)


def test_a_stopped_run_works_off_the_events_whose_packets_have_all_come() -> None:
    mill = Mill(uniform(["a", "b"], 50), SOLO)
    read(mill, "a", 0, 30, 51)
    read(mill, "b", 0, 20, 51)
    mill.run.stop("the sample fell off")
    mill.settle()
    assert mill.complete
    assert settled(mill) == (20, 0, 32)
    assert causes(mill) == ["the run was stopped: the sample fell off"]


def test_a_run_is_stopped_once() -> None:
    mill = Mill(uniform(["a"], 5), SOLO)
    mill.run.stop("first")
    mill.run.stop("second")
    mill.settle()
    assert mill.run.stop_cause == "first"


def test_a_stopped_run_does_not_wait_for_a_stream_whose_ingester_is_gone() -> None:
    mill = Mill(uniform(["a", "b"], 10), SOLO)
    read(mill, "a", 0, 5, 11)
    mill.settle()
    mill.ingester_dies("b", "gone")
    mill.run.stop("asked to")
    wait(mill, 1.5)
    assert mill.complete
    assert sum(settled(mill)) == 12


def test_an_ingester_that_dies_while_the_run_is_stopped_does_not_hold_it_up() -> None:
    mill = Mill(uniform(["a", "b"], 10), SOLO)
    mill.run.stop("asked to")
    mill.ingester_dies("b", "gone")
    wait(mill, 1.5)
    assert mill.complete
    assert settled(mill) == (0, 0, 12)


def test_what_workers_had_whole_before_an_ingester_died_is_reduced_however_long_that_takes() -> None:
    mill = Mill(uniform(["a"], 10), {})
    read(mill, "a", 0, 6, 11)
    mill.join("w1", GENERIC)
    mill.step()
    while busy := [key for key in mill.busy() if "controller" in key]:
        for key in busy:
            mill.deliver(*key)
    mill.ingester_dies("a", "the ingester died")
    for _ in range(100):
        # Its packets arrive, and it is asked what it lacks, but it does not come to an end with them.
        while busy := mill.busy():
            mill.deliver(*busy[0])
        mill.now += 1.0
        mill.step()
    assert settled(mill) == (0, 0, 6)
    mill.settle()
    assert settled(mill) == (6, 0, 6)
    assert mill.complete


def test_what_had_come_before_its_ingester_died_is_lost_when_no_worker_has_it() -> None:
    mill = Mill(uniform(["a"], 10), {})
    read(mill, "a", 0, 6, 11)
    mill.settle()
    mill.ingester_dies("a", "the ingester died")
    mill.join("w1", GENERIC)
    mill.settle()
    assert settled(mill) == (0, 0, 0)
    wait(mill, 1.5)
    assert mill.complete
    assert settled(mill) == (0, 0, 12)


def test_an_aborted_run_is_over_at_once_and_what_it_had_not_reduced_is_lost() -> None:
    mill = Mill(uniform(["a"], 10), SOLO)
    read(mill, "a", 0, 4, 11)
    mill.settle()
    mill.run.abort("the reducer is gone")
    assert mill.complete
    assert settled(mill) == (4, 0, 8)
    step = mill.run.advance(mill.now)
    assert step.spans == []
    assert step.settled == [(4, 12)]
    assert mill.run.advance(mill.now).spans == []


def test_an_aborted_open_ended_run_has_the_events_that_were_leased() -> None:
    mill = Mill(open_ended(["a"]), SOLO)
    read(mill, "a", 0, 4, 99)
    mill.settle()
    leased = mill.run.last_assigned
    mill.run.abort("enough")
    assert mill.run.ledger.total == leased
    assert settled(mill) == (4, 0, leased - 4)


def test_a_loss_is_cut_at_the_end_of_the_run_and_never_changes_a_settled_event() -> None:
    mill = Mill(uniform(["a"], 4), SOLO)
    read(mill, "a", 0, 3, 5)
    mill.settle()
    mill.run.lost([Loss(1, 99, "late news")])
    assert settled(mill) == (3, 0, 3)
    assert mill.run.ledger.state(2) is EventState.REDUCED


def test_a_stream_that_may_not_be_read_because_the_analysis_is_slow_is_not_silent() -> None:
    mill = Mill(uniform(["a", "b"], 30), {}, budget=40)
    mill.read("a", [numbered("a", item, 31) for item in range(20)])
    mill.routers["b"].retention.budget = 1 << 20
    read(mill, "b", 0, 32, 31)
    mill.settle()
    wait(mill, 1000)
    assert settled(mill) == (0, 0, 0)
    mill.join("w1", GENERIC)
    mill.settle()
    read(mill, "a", 20, 32, 31)
    mill.settle()
    assert settled(mill) == (32, 0, 0)


def test_a_report_that_says_nothing_new_is_no_sign_of_life() -> None:
    mill = Mill(uniform(["a", "b"], 5), SOLO)
    read(mill, "a", 0, 7, 6)
    mill.settle()
    for _ in range(4):
        mill.now += 3
        mill.run.progress("b", 0, 0, ended=False, now=mill.now)
    mill.settle()
    assert settled(mill) == (0, 0, 7)


def test_a_run_that_is_told_to_stop_leases_nothing_new_while_its_streams_come_to_rest() -> None:
    run = Run("run", uniform(["a"], 100), RunSettings(), 0.0)
    run.add_worker("w1", ["generic"], 0.0)
    spans = run.advance(0.0).spans
    run.stop("enough")
    for span in spans:
        run.taken("w1", span.slot, span.first, span.stop, 0.0)
    step = run.advance(0.0)
    assert (step.spans, step.stop_sources) == ([], True)
    run.stopped("a", 30, 30, 0.0)
    assert run.advance(0.0).spans != []


@pytest.mark.parametrize("stopped", [False, True])
def test_the_end_event_comes_behind_all_others_also_when_a_run_is_stopped_that_has_everything(
    stopped: bool,
) -> None:
    run = Run("run", uniform(["a"], 9), RunSettings(), 0.0)
    for worker in ("w1", "w2"):
        run.add_worker(worker, ["generic"], 0.0)
    leases = run.advance(0.0).spans
    run.progress("a", 11, 11, ended=True, now=0.1)
    if stopped:
        run.stop("enough")
        run.stopped("a", 11, 11, 0.2)
    slow = next(span for span in leases if span.worker == "w2" and span.first > 0)
    for turn in range(10):
        for span in [span for span in leases if span is not slow]:
            leases.remove(span)
            run.taken(span.worker, span.slot, span.first, span.stop, 0.2, [(0, 1), (10, 11)])
        leases += run.advance(0.4 + turn).spans
    assert leases == [slow]
    run.taken("w2", 0, slow.first, slow.stop, 11.0)
    assert {(span.first, span.stop) for span in run.advance(12.0).spans} == {(10, 11)}


def test_a_series_that_ends_early_is_one_loss_however_differently_its_streams_are_wanted() -> None:
    run = Run("run", sparse(["a", "b"], 4000, every={"b": 4}), RunSettings(), 0.0)
    run.add_worker("w1", ["generic"], 0.0)
    run.advance(0.0)
    router = StreamRouter("a", run.layouts["a"], Retention(1 << 20))
    router.arrive(
        [Packet("test", [b""], None, PacketKind.START), Packet("test", [b""], None, PacketKind.END)]
    )
    losses = router.take_losses()
    assert [(loss.first, loss.stop) for loss in losses] == [(1, 4001)]
    given = run.last_assigned
    run.lost(losses)
    # Workers are told of what they may have alone.
    assert run.advance(0.1).dropped == [(1, given)]


def test_a_run_whose_store_was_behind_has_all_that_its_reducer_has() -> None:
    run, account = Run("run", open_ended(["a"]), RunSettings(), 0.0), ResultAccount("run", None)
    run.add_worker("w1", ["generic"], 0.0)
    run.advance(0.0)
    beyond = run.last_assigned + 5
    account.reduced(0, beyond)
    run.take_stock(Stock(taken={0: [(0, beyond)]}, reduced=[(0, beyond)]), 1.0)
    assert run.aborted
    account.learn(run.ledger.all_news, over=True)
    assert run.ledger.counts() == Counts(beyond, 0, 0, beyond, 0, 0)
    assert account.coverage.complete


def test_a_stopped_run_does_not_wait_for_packets_that_were_lost_with_their_ingester() -> None:
    mill = Mill(uniform(["a"], 10), SOLO)
    mill.quiet()
    read(mill, "a", 0, 6, 11)
    report = mill.channels["a", "controller"].pop()
    mill.ingester_dies("a", "gone", sent_arrives=False)
    report()
    mill.run.stop("asked to")
    wait(mill, 1.5)
    assert mill.complete
    assert settled(mill) == (0, 0, 12)


@pytest.mark.parametrize("stopped", [False, True])
def test_a_run_does_not_wait_for_a_start_event_that_was_lost_with_its_ingester(stopped: bool) -> None:
    mill = Mill(uniform(["a"], 10), SOLO)
    read(mill, "a", 0, 3, 11)
    mill.settle()
    mill.ingester_dies("a", "gone")
    mill.join("late", GENERIC)
    if stopped:
        mill.run.stop("asked to")
    mill.settle()
    wait(mill, 1.5)
    assert mill.complete
    assert settled(mill) == (3, 0, 9)
    assert not mill.run.keeps_start


def test_a_first_event_that_does_not_need_a_dead_ingester_is_still_given_to_those_who_come_late() -> None:
    cells = {"a": [[{"tags": ["generic"]}], [{"constraint": 0}]], "b": [None, [{"constraint": 0}]]}
    mill = Mill(TriggerMap.from_mapping(cells, all_wrap=False), SOLO)
    read(mill, "a", 0, 1, 99)
    mill.settle()
    mill.ingester_dies("b", "gone")
    wait(mill, 1.5)
    assert mill.run.keeps_start
    assert settled(mill) == (1, 0, 1)
