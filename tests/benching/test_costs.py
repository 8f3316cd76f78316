"""What follows from measured costs."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from beamloom.benching.costs import LiveRun, ProcessCost, UserCosts, limits, process_cost
from beamloom.benching.durations import Durations
from beamloom.benching.findings import Findings, advice, predict
from beamloom.benching.plain_loop import Hook, PlainLoop

MICRO = 1e-6


def process(name: str, role: str, micros: float, cpu: float | None = None, events: int = 1000) -> ProcessCost:
    busy = micros * MICRO * events
    return ProcessCost(name, role, 1.0, busy, busy if cpu is None else cpu * MICRO * events, {}, 10)


def run(*processes: ProcessCost, workers: int = 2, cores: int = 8) -> LiveRun:
    return LiveRun(1000, 0.1, workers, cores, 0, 0, list(processes))


def usual(worker: float, reducer: float = 3.0, cores: int = 8, cpu: float | None = None) -> LiveRun:
    return run(
        process("controller", "controller", 2),
        process("camera-ingester", "ingester", 8),
        process("worker-1", "worker", worker / 2, None if cpu is None else cpu / 2),
        process("worker-2", "worker", worker / 2, None if cpu is None else cpu / 2),
        process("reducer", "reducer", reducer),
        cores=cores,
    )


def plain(worker: float, reducer: float) -> PlainLoop:
    hooks = {
        name: Hook(name, Durations(1000, micros * MICRO, micros * MICRO, micros * MICRO), 1.0)
        for name, micros in (("worker", worker), ("reducer", reducer))
    }
    return PlainLoop(1000, 1, MICRO, hooks, 10.0, 0, None)


def found(live: LiveRun, alone: PlainLoop) -> Findings:
    user = UserCosts(alone.seconds("worker"), alone.seconds("reducer"))
    return Findings(
        version="1",
        events=1000,
        streams={"camera": 1024.0},
        plain=alone,
        live=live,
        limits=limits(live, user, live.workers),
        without_analysis=limits(live, user, live.workers, without_analysis=True)[0].rate,
        one_more=predict(live, alone),
    )


def test_slow_workers_are_the_bottleneck_and_one_more_gives_its_share() -> None:
    live, alone = usual(1000), plain(980, 1)
    lowest = limits(live, UserCosts(980 * MICRO, 1 * MICRO), 2)[0]
    assert lowest.what == "workers"
    assert lowest.rate == pytest.approx(2000)
    assert lowest.user_share == pytest.approx(0.98)
    more = predict(live, alone)
    assert more.rate == pytest.approx(1.5 * live.rate)
    told = " ".join(advice(found(live, alone)))
    assert "The analysis is the limit, not the transport: 98 %" in told
    assert "One more worker gives 50 % more" in told


def test_a_prediction_that_did_not_come_true_is_owned_up_to() -> None:
    told = found(usual(1000), plain(980, 1))
    assert told.one_more is not None
    for measured, wrong in ((told.one_more.rate, False), (0.5 * told.one_more.rate, True)):
        tried = replace(told, one_more=replace(told.one_more, measured=measured))
        assert ("trust what was tried" in " ".join(advice(tried))) is wrong


def test_where_the_machine_is_full_one_more_worker_gives_nothing() -> None:
    live, alone = usual(1000, cores=2), plain(980, 1)
    # 1013 us of processor for each event, two processors.
    lowest = limits(live, UserCosts(980 * MICRO, 1 * MICRO), 2)[0]
    assert lowest.what == "machine"
    assert lowest.rate == pytest.approx(2 / 1013e-6)
    told = " ".join(advice(found(live, alone)))
    assert "all 2 processors" in told
    assert "One more worker gives nothing here: the limit with 3 is the machine." in told


def test_where_the_machine_is_full_of_ingesters_streams_are_to_share_one() -> None:
    streams = [process(f"motor{number}-ingester", "ingester", 20) for number in range(3)]
    others = [process("worker-1", "worker", 3), process("reducer", "reducer", 3)]
    told = " ".join(advice(found(run(*streams, *others, cores=2), plain(1, 1))))
    assert "there are 3 ingesters, more than processors; let small streams share one" in told
    told = " ".join(advice(found(run(*streams[:2], *others, cores=2), plain(1, 1))))
    assert "batch events in the trigger map" in told


def test_workers_that_wait_keep_no_processor_busy() -> None:
    live = usual(1000, cores=2, cpu=20)
    assert limits(live, UserCosts(980 * MICRO, 0), 2)[0].what == "workers"
    assert predict(live, plain(980, 1)).rate == pytest.approx(1.5 * live.rate)


def test_a_reducer_that_does_too_much_is_named_with_what_may_be_done() -> None:
    live, alone = usual(100, reducer=400), plain(50, 390)
    told = found(live, alone)
    assert told.bottleneck is not None
    assert told.bottleneck.what == "reducer"
    assert told.analysis_is_the_limit
    assert told.without_analysis == pytest.approx(2 / 50e-6)
    assert "combine = True" in advice(told)[-1]


def test_an_analysis_that_does_next_to_nothing_is_not_the_limit() -> None:
    told = found(usual(7, cores=64), plain(1, 0.5))
    assert told.bottleneck is not None
    assert told.bottleneck.what == "camera-ingester"
    assert told.analysis_is_the_limit is False
    assert "The transport is the limit" in " ".join(advice(told))
    assert "split the stream" in advice(told)[-1]


def test_time_in_which_no_processor_was_free_is_no_cost() -> None:
    told = {
        "role": "worker",
        "seconds": 10.0,
        "stages": {"waiting": 2.0, "user": 5.0, "other": 3.0},
        "loop_cpu_seconds": 4.0,
        "cpu_seconds": 4.5,
        "queued_seconds": 3.0,
        "messages": {"messages_received": 7},
    }
    assert process_cost("worker-1", told).busy == pytest.approx(5.0)
    # What waited for a processor after a message had come is in both; the time on a processor is certain.
    assert process_cost("worker-1", {**told, "queued_seconds": 7.0}).busy == pytest.approx(4.0)
    assert process_cost("worker-1", {**told, "loop_cpu_seconds": 0.0}).busy == pytest.approx(8.0)
