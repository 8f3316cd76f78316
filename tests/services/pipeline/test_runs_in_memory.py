"""A run from arming to its end: what every process confirms, what is refused and with which words, what comes out."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from beamloom.analysis import ReducerAnalysis
from beamloom.engine.runs.run import RunPhase
from beamloom.events import Malformed, Packet
from beamloom.parameters import ParameterError
from beamloom.services.controller.arming import ArmingRefused, NotThere
from beamloom.services.inline import InlinePipeline, InlineWorker
from beamloom.services.worker.user_map import Map
from beamloom.settings import ControllerSettings
from beamloom.transport.channel import Received
from beamloom.transport.messages import Orders
from beamloom.triggermap import TriggerMap, TriggerMapError, overlapping, uniform
from services.bench import Bench, Doubling, Feed, Gathering, counts, frame, inject, series, start


def test_every_event_of_a_run_is_reduced_once_with_the_frame_of_its_number() -> None:
    with Bench({"eiger": Feed(series(50)), "orca": Feed(series(50))}) as bench:
        active = bench.play(uniform(["eiger", "orca"], 50))
        assert counts(active) == (52, 0, 0)
        # The start and the end event go to both workers.
        assert bench.published["count"] == 50 + 2 * 2
        assert bench.published["results"] == {n: {"double": 2 * n, "gain": 1} for n in range(52)}
        assert bench.published["finished"] == 1


def test_the_inline_pipeline_runs_the_same_services_to_the_same_end() -> None:
    analysis = ReducerAnalysis(Gathering)
    feed = Feed(series(50))
    workers = [InlineWorker(name, ("generic",), lambda: Map(Doubling)) for name in ("worker-1", "worker-2")]
    with InlinePipeline({"eiger": lambda: feed}, workers, lambda: analysis) as pipeline:
        active = pipeline.play(uniform(["eiger"], 50))
    assert counts(active) == (52, 0, 0)
    assert analysis.publish["results"] == {n: {"double": 2 * n, "gain": 1} for n in range(52)}


def test_one_pipeline_runs_one_map_after_the_other() -> None:
    feed = Feed(series(10))
    with Bench({"eiger": feed}) as bench:
        first = bench.play(uniform(["eiger"], 10))
        feed.send(series(20))
        second = bench.play(uniform(["eiger"], 20))
        assert counts(second) == (22, 0, 0)
        assert first.run.run_id != second.run.run_id
        assert [past.run_id for past in bench.controller.past] == [first.run.run_id]
        assert feed.opened == feed.closed == 2


def test_a_run_is_not_armed_before_every_device_is_there() -> None:
    feed = Feed(series(3))
    feed.problem = "nobody answers at tcp://detector:9999"
    outcome: list[str | Exception] = []
    with Bench({"eiger": feed}) as bench:
        bench.controller.arm(uniform(["eiger"], 3), outcome.append, bench.now)
        bench.steps(20)
        assert outcome == []
        feed.problem = None
        bench.until(lambda: bool(outcome), 5)
        assert outcome == [bench.active.run.run_id]


def test_a_device_that_does_not_come_refuses_the_run_with_its_stream_and_its_reason() -> None:
    feed = Feed()
    feed.problem = "nobody answers at tcp://detector:9999"
    with Bench({"eiger": feed}) as bench:
        refusal = bench.try_to_arm(uniform(["eiger"], 3))
        assert isinstance(refusal, ArmingRefused)
        assert str(refusal) == (
            "the run was not armed: stream 'eiger': nobody answers at tcp://detector:9999"
        )
        assert feed.closed == 1


def test_a_process_that_does_not_confirm_is_named() -> None:
    with Bench({"eiger": Feed()}) as bench:
        bench.still.add("worker-2")
        refusal = bench.try_to_arm(uniform(["eiger"], 3))
        assert isinstance(refusal, NotThere)
        assert "no answer in time from worker-2" in str(refusal)


def test_a_worker_that_dies_while_a_run_is_armed_is_left_out() -> None:
    with Bench({"eiger": Feed(series(3))}) as bench:
        bench.still.add("worker-2")
        outcome: list[str | Exception] = []
        bench.controller.arm(uniform(["eiger"], 3), outcome.append, bench.now)
        bench.end("worker-2")
        bench.until(lambda: bool(outcome), 10)
        assert isinstance(outcome[0], str)
        bench.until(lambda: bench.active.finished)
        assert counts(bench.active) == (5, 0, 0)


def test_a_worker_that_the_map_needs_and_that_dies_while_it_is_armed_refuses_the_run() -> None:
    with Bench({"eiger": Feed()}) as bench:
        bench.still.add("worker-2")
        outcome: list[str | Exception] = []
        needs_two = TriggerMap.from_mapping({"eiger": [[{"constraint": 0}, {"constraint": 1}]]})
        bench.controller.arm(needs_two, outcome.append, bench.now)
        bench.end("worker-2")
        bench.until(lambda: bool(outcome), 10)
        assert "'worker-2' died while the run was armed: " in str(outcome[0])
        assert "2" in str(outcome[0])


def test_a_refused_run_leaves_the_pipeline_ready_for_the_next() -> None:
    feed = Feed(series(3))
    feed.problem = "the detector is switched off"
    with Bench({"eiger": feed}) as bench:
        assert isinstance(bench.try_to_arm(uniform(["eiger"], 3)), ArmingRefused)
        feed.problem = None
        assert counts(bench.play(uniform(["eiger"], 3))) == (5, 0, 0)


def test_a_map_with_a_stream_that_nobody_has_is_refused_before_anyone_is_asked() -> None:
    with Bench({"eiger": Feed()}) as bench:
        refusal = bench.try_to_arm(uniform(["eigre"], 3))
        assert isinstance(refusal, TriggerMapError)
        assert "did you mean 'eiger'?" in str(refusal)


def test_a_map_that_needs_more_workers_than_there_are_is_refused() -> None:
    with Bench({"eiger": Feed()}) as bench:
        refusal = bench.try_to_arm(overlapping(["eiger"], 10, share=2))
        assert "needs 3 different workers" in str(refusal)


def test_without_a_reducer_no_run_is_armed() -> None:
    with Bench({"eiger": Feed()}, reducer=None) as bench:
        refusal = bench.try_to_arm(uniform(["eiger"], 3))
        assert str(refusal) == "there is no reducer; start one with 'beamloom reducer'"


def test_a_second_map_that_is_armed_at_once_wins_over_the_first() -> None:
    with Bench({"eiger": Feed(series(3))}) as bench:
        bench.still.add("worker-1")
        first: list[str | Exception] = []
        bench.controller.arm(uniform(["eiger"], 9), first.append, bench.now)
        bench.still.clear()
        active = bench.play(uniform(["eiger"], 3))
        assert str(first[0]) == "another trigger map was armed before this one was ready"
        assert counts(active) == (5, 0, 0)


def test_a_run_that_is_stopped_while_it_is_armed_does_not_begin() -> None:
    with Bench({"eiger": Feed(series(3))}) as bench:
        bench.still.add("worker-1")
        told: list[str | Exception] = []
        bench.controller.arm(uniform(["eiger"], 3), told.append, bench.now)
        bench.step()
        bench.controller.stop("asked to stop over HTTP")
        bench.still.clear()
        assert str(told[0]) == "the run was not armed: asked to stop over HTTP"
        bench.steps(20)
        assert bench.controller.active is None
        assert counts(bench.play(uniform(["eiger"], 3))) == (5, 0, 0)


def test_a_run_that_is_replaced_while_it_goes_on_says_what_it_lost_and_why() -> None:
    feed = Feed([start(), *map(frame, range(1, 5))])
    with Bench({"eiger": feed}) as bench:
        first = bench.arm(uniform(["eiger"], 10))
        bench.until(lambda: bench.reduced() == 5)
        feed.arrivals.clear()
        feed.send(series(3))
        second = bench.play(uniform(["eiger"], 3))
        assert first.finished
        assert counts(first) == (5, 0, 7)
        assert first.run.ledger.losses[-1].cause == "a new trigger map was armed"
        assert counts(second) == (5, 0, 0)


def test_a_gap_in_a_stream_loses_that_event_alone() -> None:
    packets = series(20)
    del packets[7]
    with Bench({"eiger": Feed(packets), "orca": Feed(series(20))}) as bench:
        active = bench.play(uniform(["eiger", "orca"], 20))
        assert counts(active) == (21, 0, 1)
        assert list(active.run.ledger.lost) == [(7, 8)]
        assert bench.published["results"] == {n: {"double": 2 * n, "gain": 1} for n in range(22) if n != 7}


def test_an_unreadable_packet_is_counted_and_costs_its_own_event_only() -> None:
    packets: list[Packet | Malformed] = [*series(20)]
    packets[7] = Malformed("the header is not JSON", [b"{"])
    with Bench({"eiger": Feed(packets)}) as bench:
        active = bench.play(uniform(["eiger"], 20))
        assert counts(active) == (21, 0, 1)
        assert active.reports.by_stream["eiger"].counts.malformed == 1
        assert "the header is not JSON" in active.run.ledger.losses[0].cause


def test_frames_that_nobody_wants_are_read_and_passed_over() -> None:
    cells = [None, [], [{"constraint": 1}], [{"constraint": 1}]]
    trigger_map = TriggerMap.from_mapping({"eiger": cells}, all_wrap=False)
    feed = Feed([frame(0), frame(1), frame(2)])
    with Bench({"eiger": feed}) as bench:
        active = bench.play(trigger_map)
        assert counts(active) == (4, 0, 0)
        assert bench.published["results"] == {
            2: {"double": 2, "gain": 1},
            3: {"double": 4, "gain": 1},
        }


def test_a_stopped_run_works_off_what_has_arrived_and_loses_the_rest() -> None:
    with Bench({"eiger": Feed([start(), *map(frame, range(1, 8))])}) as bench:
        active = bench.arm(uniform(["eiger"], 100))
        bench.until(lambda: bench.reduced() == 8)
        bench.controller.stop("the beam is gone")
        bench.until(lambda: active.finished, 200)
        assert counts(active) == (8, 0, 94)
        assert active.run.ledger.losses[0].cause == "the run was stopped: the beam is gone"
        assert active.run.stop_cause == "the beam is gone"
        assert bench.published["finished"] == 1


def test_an_open_ended_run_ends_with_the_series_of_its_streams() -> None:
    part = {"eiger": [[{"constraint": 0}], [{"constraint": 1}]]}
    open_map = TriggerMap.from_json({"parts": {"line": part}, "sequence": [{"part": "line", "repeat": None}]})
    with Bench({"eiger": Feed(series(7))}) as bench:
        active = bench.play(open_map)
        assert counts(active) == (9, 0, 0)
        assert sorted(bench.published["results"]) == list(range(9))


def test_the_run_ends_when_the_reducer_dies_and_none_takes_its_place() -> None:
    settings = ControllerSettings(reducer_timeout=3.0)
    with Bench({"eiger": Feed([start(), *map(frame, range(1, 5))])}, settings=settings) as bench:
        active = bench.arm(uniform(["eiger"], 10))
        bench.until(lambda: bench.reduced() == 5)
        bench.kill("reducer")
        bench.until(lambda: active.finished, 2000)
        assert counts(active) == (5, 0, 7)
        cause = active.run.ledger.losses[-1].cause
        assert cause.startswith("the reducer is gone")
        assert "no sign of life for" in cause


def test_the_run_ends_when_an_ingester_dies_and_none_takes_its_place() -> None:
    feeds = {"eiger": Feed(series(10)), "orca": Feed([start(), *map(frame, range(1, 5))])}
    with Bench(feeds, settings=ControllerSettings(ingester_timeout=2.0)) as bench:
        active = bench.arm(uniform(["eiger", "orca"], 10))
        bench.until(lambda: bench.reduced() == 5)
        bench.kill("orca-ingester")
        bench.until(lambda: active.finished, 2000)
        assert counts(active) == (5, 0, 7)
        assert "the ingester of stream 'orca' is gone" in active.run.ledger.losses[-1].cause


def test_messages_of_an_old_run_are_ignored() -> None:
    feed = Feed(series(10))
    with Bench({"eiger": feed}, workers=["worker-1"]) as bench:
        kept: list[tuple[str, Received]] = []

        def keep(name: str, received: Received) -> bool:
            kept.append((name, received))
            return True

        bench.tap = keep
        first = bench.play(uniform(["eiger"], 10))
        old = [(name, one) for name, one in kept if getattr(one.message, "run", None) == first.run.run_id]
        assert {type(one.message).__name__ for _, one in old} >= {
            "Orders", "Packets", "Results", "Taken", "Reduced", "Progress", "Finish", "Finished",
        }  # fmt: skip
        bench.tap = lambda name, received: True
        feed.send(series(4)[:1])
        second = bench.arm(uniform(["eiger"], 4))
        bench.until(lambda: bench.reduced() == 1)
        for name, one in old:
            if type(one.message).__name__ != "Arm":
                bench.services[name].receive(one, bench.now)
        inject(bench, "worker-1", "controller", Orders(first.run.run_id, dropped=[(0, 6)]))
        feed.send(series(4)[1:])
        bench.until(lambda: second.finished)
        assert counts(second) == (6, 0, 0)
        assert bench.published["results"] == {n: {"double": 2 * n, "gain": 1} for n in range(6)}
        assert bench.published["count"] == 6


def test_results_that_arrive_twice_are_taken_once() -> None:
    with Bench({"eiger": Feed(series(30))}) as bench:

        def twice(name: str, received: Received) -> bool:
            if type(received.message).__name__ == "Results":
                bench.services[name].receive(received, bench.now)
            return True

        bench.tap = twice
        active = bench.play(uniform(["eiger"], 30))
        assert counts(active) == (32, 0, 0)
        assert bench.published["count"] == 30 + 2 * 2
        assert bench.services["reducer"].figures()["duplicates"] == 34  # type: ignore[attr-defined]


def test_parameters_hold_from_one_event_on_for_every_worker() -> None:
    feed = Feed([start(), *map(frame, range(1, 21))])
    with Bench({"eiger": feed}) as bench:
        active = bench.arm(uniform(["eiger"], 100))
        bench.until(lambda: bench.reduced() == 21)
        change_at = active.run.last_assigned
        bench.controller.set_parameters({"gain": b"7"})
        feed.send(series(100)[21:])
        bench.until(lambda: active.finished)
        gains = {n: result["gain"] for n, result in bench.published["results"].items()}
        assert 21 <= change_at < 102
        assert gains == {n: 1 if n < change_at else 7 for n in range(102)}


def test_a_wrong_parameter_changes_nothing() -> None:
    with Bench({"eiger": Feed()}) as bench:
        before = bench.controller.parameters.current.hash
        with pytest.raises(ParameterError, match="gain"):
            bench.controller.set_parameters({"gain": b"lots", "other": b"1"})
        assert bench.controller.parameters.current.hash == before
        assert bench.controller.epochs.number == 1  # the descriptions' defaults were the first change


def test_a_worker_waits_for_parameters_that_are_still_under_way() -> None:
    feed = Feed([start(), *map(frame, range(1, 11))])
    held: list[Received] = []
    with Bench({"eiger": feed}, workers=["worker-1"]) as bench:
        active = bench.arm(uniform(["eiger"], 60))
        bench.until(lambda: bench.reduced() == 11)

        def hold(name: str, received: Received) -> bool:
            if name == "worker-1" and type(received.message).__name__ == "Parameters":
                held.append(received)
                return False
            return True

        bench.tap = hold
        change_at = active.run.last_assigned
        bench.controller.set_parameters({"gain": b"5"})
        feed.send(series(60)[11:])
        bench.steps(100)
        assert bench.reduced() == change_at
        bench.services["worker-1"].receive(held[0], bench.now)
        bench.until(lambda: active.finished, 500)
        assert counts(active) == (62, 0, 0)
        assert active.run.phase is RunPhase.COMPLETE


def test_a_reader_sees_the_latest_results_while_the_run_goes_on() -> None:
    feed = Feed([start(), *map(frame, range(1, 4))])

    def read(bench: Bench) -> Any:
        async def reader() -> Any:
            asked = asyncio.ensure_future(bench.desk.snapshot())
            await asyncio.sleep(0)
            bench.steps(100)
            return (await asked).publish

        return asyncio.run(reader())

    with Bench({"eiger": feed}) as bench:
        active = bench.arm(uniform(["eiger"], 10))
        bench.until(lambda: bench.reduced() == 4)
        assert sorted(read(bench)["results"]) == [0, 1, 2, 3]
        feed.send(series(10)[4:6])
        bench.until(lambda: bench.reduced() == 6)
        assert sorted(read(bench)["results"]) == [0, 1, 2, 3, 4, 5]
        feed.send(series(10)[6:])
        bench.until(lambda: active.finished)
        assert read(bench)["finished"] == 1
