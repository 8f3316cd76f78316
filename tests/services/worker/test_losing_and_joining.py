"""Workers that die, come late, come back or fall behind: no event is lost by it, and none is reduced twice."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from beamloom.events import Event, Result
from beamloom.parameters import ParameterSet
from beamloom.services.shell.membership import new_peer_id
from beamloom.settings import ControllerSettings
from beamloom.transport.channel import Received
from beamloom.transport.messages import Heartbeat, Register, Results, Unknown
from beamloom.triggermap import TriggerMap, uniform
from services.bench import Bench, Died, Doubling, Feed, counts, frame, inject, series, start

Killing = Callable[[Bench, str], None]


def die_in_silence(bench: Bench, name: str) -> None:
    bench.kill(name)


def say_goodbye(bench: Bench, name: str) -> None:
    bench.end(name)


def be_replaced(bench: Bench, name: str) -> None:
    bench.kill(name)
    bench.add_worker(name)


@pytest.mark.parametrize("lose", [die_in_silence, say_goodbye, be_replaced])
def test_the_events_of_a_worker_that_is_lost_in_the_middle_go_to_another(lose: Killing) -> None:
    feed = Feed([start(), *map(frame, range(1, 31))])
    with Bench({"eiger": feed}) as bench:
        active = bench.arm(uniform(["eiger"], 100))
        bench.until(lambda: bench.reduced() > 10)
        bench.still.add("worker-1")
        feed.send(series(100)[31:])
        bench.steps(20)
        lose(bench, "worker-1")
        bench.until(lambda: active.finished, 5000)
        assert counts(active) == (102, 0, 0)
        assert active.run.redelivered > 0
        assert bench.published["results"] == {n: {"double": 2 * n, "gain": 1} for n in range(102)}


def test_results_that_a_dead_worker_had_sent_are_not_made_again() -> None:
    made: list[int] = []

    class Counting(Doubling):
        def process_event(self, event: Event, parameters: ParameterSet) -> dict[str, int] | None:
            made.append(event.event_number)
            return super().process_event(event, parameters)

    with Bench({"eiger": Feed([start(), *map(frame, range(1, 21))])}, Counting) as bench:
        active = bench.arm(uniform(["eiger"], 40))
        bench.until(lambda: bench.reduced() == 21)
        bench.kill("worker-1")
        bench.until(lambda: not bench.everyone_known() or len(bench.controller.ensemble.workers) == 1)
        feed = series(40)[21:]
        bench_feed = bench.services["eiger-ingester"]._streams["eiger"].source  # type: ignore[attr-defined]
        bench_feed.send(feed)
        bench.until(lambda: active.finished, 5000)
        assert counts(active) == (42, 0, 0)
        assert sorted(made) == sorted([*range(42), 0])


def test_what_a_fenced_worker_sends_afterwards_is_not_taken() -> None:
    feed = Feed([start(), *map(frame, range(1, 11))])
    held: list[tuple[str, Received]] = []
    with Bench({"eiger": feed}) as bench:
        active = bench.arm(uniform(["eiger"], 30))
        bench.until(lambda: bench.reduced() == 11)
        slow = bench.channels["worker-1"].peer

        def hold(name: str, received: Received) -> bool:
            if received.sender == slow and isinstance(received.message, Results):
                held.append((name, received))
                return False
            return True

        bench.tap = hold
        feed.send(series(30)[11:])
        bench.steps(20)
        bench.end("worker-1")
        bench.until(lambda: active.finished, 5000)
        assert held
        for name, late in held:
            bench.services[name].receive(late, bench.now)
        assert counts(active) == (32, 0, 0)
        assert bench.published["results"] == {n: {"double": 2 * n, "gain": 1} for n in range(32)}


def test_the_last_worker_may_die_and_another_one_take_over() -> None:
    feed = Feed([start(), *map(frame, range(1, 11))])
    with Bench({"eiger": feed}, workers=["worker-1"]) as bench:
        active = bench.arm(uniform(["eiger"], 30))
        bench.until(lambda: bench.reduced() == 11)
        bench.kill("worker-1")
        feed.send(series(30)[11:])
        bench.steps(1000)
        assert not active.finished
        bench.add_worker("worker-3")
        bench.until(lambda: active.finished, 5000)
        assert counts(active) == (32, 0, 0)


def test_a_worker_that_comes_late_gets_the_start_event_and_its_share() -> None:
    seen: list[int] = []

    class Noting(Doubling):
        def process_event(self, event: Event, parameters: ParameterSet) -> dict[str, int] | None:
            seen.append(event.event_number)
            return super().process_event(event, parameters)

    feed = Feed([start(), *map(frame, range(1, 11))])
    with Bench({"eiger": feed}, workers=["worker-1"]) as bench:
        active = bench.arm(uniform(["eiger"], 200))
        bench.until(lambda: bench.reduced() == 11)
        bench.add_worker("worker-2", Noting)
        bench.until(lambda: seen == [0])
        feed.send(series(200)[11:])
        bench.until(lambda: active.finished)
        assert counts(active) == (202, 0, 0)
        assert len(seen) > 10
        assert seen[-1] == 201


def test_a_worker_that_comes_late_knows_the_parameters_of_events_before_it_came() -> None:
    feed = Feed([start(), *map(frame, range(1, 11))])
    with Bench({"eiger": feed}, workers=["worker-1"]) as bench:
        active = bench.arm(uniform(["eiger"], 30))
        bench.until(lambda: bench.reduced() == 11)
        bench.still.add("worker-1")
        change_at = active.run.last_assigned
        feed.send(series(30)[11:])
        bench.controller.set_parameters({"gain": b"3"})
        bench.steps(5)
        bench.kill("worker-1")
        bench.add_worker("worker-2")
        bench.until(lambda: active.finished, 5000)
        assert counts(active) == (32, 0, 0)
        gains = {n: result["gain"] for n, result in bench.published["results"].items()}
        assert change_at > 11
        assert gains == {n: 1 if n < change_at else 3 for n in range(32)}


def test_a_worker_that_comes_while_the_run_is_armed_takes_part_or_waits_but_holds_up_nothing() -> None:
    feed = Feed(series(40))
    feed.problem = "still booting"
    outcome: list[str | Exception] = []
    with Bench({"eiger": feed}, workers=["worker-1"]) as bench:
        bench.controller.arm(uniform(["eiger"], 40), outcome.append, bench.now)
        bench.steps(3)
        bench.add_worker("worker-2")
        bench.until(bench.everyone_known)
        bench.steps(3)
        feed.problem = None
        bench.until(lambda: bool(outcome))
        active = bench.active
        bench.until(lambda: active.finished, 2000)
        assert counts(active) == (42, 0, 0)


def test_a_late_worker_whose_class_fails_does_not_join_and_the_run_goes_on(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Broken(Doubling):
        def __init__(self) -> None:
            raise ValueError("no calibration file")

    feed = Feed([start(), *map(frame, range(1, 11))])
    with Bench({"eiger": feed}, workers=["worker-1"]) as bench:
        active = bench.arm(uniform(["eiger"], 30))
        bench.until(lambda: bench.reduced() == 11)
        with caplog.at_level("CRITICAL", logger="beamloom.services.controller.invitations"):
            bench.add_worker("worker-2", Broken)
            bench.until(bench.everyone_known)
            bench.steps(5)
        feed.send(series(30)[11:])
        bench.until(lambda: active.finished)
        assert counts(active) == (32, 0, 0)


def test_a_constraint_of_a_lost_worker_moves_as_a_whole_and_in_order() -> None:
    cells = [[{"constraint": n // 10}] for n in range(40)]
    order: dict[str, list[int]] = {}

    class Noting:
        def __init__(self, state: Any) -> None:
            self.seen = order.setdefault(state.name, [])

        def process_event(self, event: Event) -> int:
            self.seen.append(event.event_number)
            return event.event_number

    class Naming:
        def __init__(self) -> None:
            self.publish: dict[str, Any] = {"workers": {}, "results": {}}

        def process_result(self, result: Result) -> None:
            self.publish["workers"].setdefault(result.event_number, []).append(result.worker)

    feed = Feed([start(), *map(frame, range(1, 16))])
    with Bench({"eiger": feed}, Noting, Naming) as bench:
        active = bench.arm(TriggerMap.from_mapping({"eiger": cells}))
        bench.until(lambda: bench.reduced() == 16)
        bench.end("worker-1")
        feed.send(series(40)[16:])
        bench.until(lambda: active.finished, 5000)
        assert counts(active) == (42, 0, 0)
        # The end event had been leased to it before the other one was gone: it comes before what is leased again.
        in_scan = [event for event in order["worker-2"] if event != 41]
        assert in_scan == sorted(in_scan)
        makers = bench.published["workers"]
        for group in range(4):
            late = {makers[event][0] for event in range(1 + 10 * group, 11 + 10 * group) if event > 15}
            assert len(late) <= 1


def test_an_event_that_kills_two_workers_has_failed_and_all_others_are_reduced() -> None:
    class Deadly(Doubling):
        def process_event(self, event: Event, parameters: ParameterSet) -> dict[str, int] | None:
            if event.event_number == 8:
                raise Died
            return super().process_event(event, parameters)

    names = ["worker-1", "worker-2", "worker-3"]
    with Bench({"eiger": Feed(series(20))}, Deadly, workers=names) as bench:
        active = bench.play(uniform(["eiger"], 20))
        assert counts(active) == (21, 1, 0)
        assert list(active.run.ledger.failed) == [(8, 9)]
        (group,) = active.run.faults.groups
        assert group.failure.error == "WorkerDied"
        assert group.failure.message.endswith("when it died, the second worker to do so")
        assert len(bench.controller.ensemble.workers) == 1


def test_a_stranger_is_asked_to_register() -> None:
    with Bench({"eiger": Feed()}) as bench:
        stranger = bench.exchange.channel(new_peer_id("worker-9"))
        inject(bench, "controller", stranger.peer, Heartbeat(stranger.address))
        assert [one.message for one in stranger.receive(0)] == [Unknown(stranger.peer)]


def test_a_controller_that_forgot_a_worker_gets_it_back_under_a_new_peer_id() -> None:
    with Bench({"eiger": Feed(series(5))}) as bench:
        before = bench.channels["worker-1"].peer
        inject(bench, "worker-1", "controller", Unknown(before))
        bench.until(lambda: bench.channels["worker-1"].peer != before)
        bench.until(lambda: bench.member("worker-1").peer != before)
        assert len(bench.controller.ensemble.workers) == 2
        assert counts(bench.play(uniform(["eiger"], 5))) == (7, 0, 0)


def test_a_worker_that_is_slow_but_alive_is_not_taken_for_dead() -> None:
    with Bench({"eiger": Feed(series(20))}) as bench:
        active = bench.arm(uniform(["eiger"], 20))
        bench.still.add("worker-1")
        bench.steps(3000)
        assert not active.finished
        bench.still.clear()
        bench.until(lambda: active.finished)
        assert counts(active) == (22, 0, 0)
        assert active.run.redelivered == 0


def test_registering_twice_changes_nothing() -> None:
    with Bench({"eiger": Feed(series(5))}) as bench:
        channel = bench.channels["worker-1"]
        again = Register(
            "worker-1", "worker", channel.address, host="here", pid=1, version="0", tags=["generic"]
        )
        inject(bench, "controller", channel.peer, again)
        assert len(bench.controller.ensemble.workers) == 2
        assert counts(bench.play(uniform(["eiger"], 5))) == (7, 0, 0)


@pytest.mark.parametrize("who", ["reducer", "orca-ingester"])
def test_a_process_that_dies_after_it_confirmed_refuses_the_run_all_the_same(who: str) -> None:
    slow = Feed()
    slow.problem = "still booting"
    outcome: list[str | Exception] = []
    with Bench({"eiger": slow, "orca": Feed()}) as bench:
        bench.controller.arm(uniform(["eiger", "orca"], 5), outcome.append, bench.now)
        bench.steps(5)
        bench.kill(who)
        bench.until(bench.everyone_known)
        slow.problem = None
        bench.until(lambda: bool(outcome), 2000)
        assert f"{who!r} died while the run was armed" in str(outcome[0])


def test_a_worker_that_comes_when_the_reducer_has_just_died_does_no_harm() -> None:
    settings = ControllerSettings(reducer_timeout=2.0)
    with Bench({"eiger": Feed([start(), *map(frame, range(1, 5))])}, settings=settings) as bench:
        active = bench.arm(uniform(["eiger"], 10))
        bench.until(lambda: bench.reduced() == 5)
        bench.still.add("worker-1")
        bench.end("reducer")
        bench.steps(2)
        assert not active.finished
        bench.add_worker("worker-3")
        bench.until(bench.everyone_known)
        bench.still.clear()
        bench.until(lambda: active.finished, 500)


def test_results_of_a_late_worker_may_be_quicker_than_the_word_of_it() -> None:
    feed = Feed([start(), *map(frame, range(1, 11))])
    held: list[Received] = []
    with Bench({"eiger": feed}, workers=["worker-1"]) as bench:
        active = bench.arm(uniform(["eiger"], 30))
        bench.until(lambda: bench.reduced() == 11)

        def hold(name: str, received: Received) -> bool:
            if name == "reducer" and type(received.message).__name__ == "Joined":
                held.append(received)
                return False
            return True

        bench.tap = hold
        bench.add_worker("worker-2")
        bench.until(lambda: bool(held))
        feed.send(series(30)[11:20])
        bench.steps(20)
        bench.services["reducer"].receive(held[0], bench.now)
        feed.send(series(30)[20:])
        bench.until(lambda: active.finished)
        assert counts(active) == (32, 0, 0)


def test_a_worker_that_was_started_again_takes_the_place_of_its_former_life_at_once() -> None:
    with Bench({"eiger": Feed()}) as bench:
        before = bench.member("worker-1").peer
        bench.kill("worker-1")
        bench.add_worker("worker-1")
        bench.until(lambda: bench.channels["worker-1"].peer in bench.controller.ensemble, 10)
        assert before not in bench.controller.ensemble
        assert len(bench.controller.ensemble.workers) == 2
