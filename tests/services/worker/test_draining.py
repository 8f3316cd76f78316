"""Workers that leave in order: what they have begun is finished, the rest goes to others, and nothing counts as a death."""

from __future__ import annotations

from collections import Counter

import pytest

from beamloom.events import Event
from beamloom.parameters import ParameterSet
from beamloom.services.worker.service import WorkerService
from beamloom.settings import ControllerSettings
from beamloom.transport.channel import Received
from beamloom.transport.messages import CONTROLLER, Arm, Drain, Orders, Unknown
from beamloom.triggermap import TriggerMap, batched, uniform
from services.bench import Bench, Doubling, Feed, counts, frame, inject, series, start

EVENTS = 100


def ask_to_leave(bench: Bench, name: str) -> WorkerService:
    """Ask a worker to leave, and have it go as its process does when it has drained."""
    service = bench.services[name]
    assert isinstance(service, WorkerService)
    assert bench.controller.departures.ask(name, "the test wants it gone")
    bench.until(lambda: service.drained(bench.now))
    bench.end(name)
    return service


def leased(bench: Bench, name: str) -> int:
    return bench.active.run.outstanding(bench.member(name).peer)


def test_what_a_worker_that_leaves_has_not_begun_goes_to_another_and_nothing_is_done_twice() -> None:
    made: Counter[int] = Counter()

    class Counting(Doubling):
        def process_event(self, event: Event, parameters: ParameterSet) -> dict[str, int] | None:
            made[event.event_number] += 1
            return super().process_event(event, parameters)

    feed = Feed([start(), *map(frame, range(1, 31))])
    with Bench({"eiger": feed}, Counting) as bench:
        active = bench.arm(uniform(["eiger"], EVENTS))
        bench.until(lambda: bench.reduced() == 31 and leased(bench, "worker-1") > 0)
        ask_to_leave(bench, "worker-1")
        feed.send(series(EVENTS)[31:])
        bench.until(lambda: active.finished)
        assert counts(active) == (EVENTS + 2, 0, 0)
        assert (active.run.redelivered, list(active.run.faults.quarantined)) == (0, [])
        assert active.run.handed_back > 0
        # The start is for each worker.
        assert made == Counter(range(EVENTS + 2)) + Counter([0])
        assert bench.published["results"] == {n: {"double": 2 * n, "gain": 1} for n in range(EVENTS + 2)}


@pytest.mark.parametrize("events_before", [10, 35])
def test_the_state_of_a_constraint_moves_whole(events_before: int) -> None:
    class Summing:
        stateful = True

        def __init__(self) -> None:
            self.sum = 0

        def process_event(self, event: Event) -> int:
            self.sum += sum(int(packet.frames[0]) for packet in event.streams.values())
            return self.sum

    feed = Feed([start(), *map(frame, range(1, events_before + 1))])
    with Bench({"eiger": feed}, Summing) as bench:
        active = bench.arm(batched(["eiger"], 40, 20))
        bench.until(lambda: bench.reduced() == events_before + 1)
        holder = "worker-1" if leased(bench, "worker-1") else "worker-2"
        ask_to_leave(bench, holder)
        feed.send(series(40)[events_before + 1 :])
        bench.until(lambda: active.finished)
        assert counts(active) == (42, 0, 0)
        sums = {n: sum(range(20 * ((n - 1) // 20) + 1, n + 1)) for n in range(1, 41)}
        assert {n: bench.published["results"][n] for n in sums} == sums


def test_who_drains_is_given_nothing_more_and_is_shown_so() -> None:
    feed = Feed([start()])
    with Bench({"eiger": feed}) as bench:
        active = bench.arm(uniform(["eiger"], EVENTS))
        bench.until(lambda: bench.reduced() == 1)
        given: list[str] = []

        def look(name: str, received: Received) -> bool:
            if isinstance(received.message, Orders) and received.message.spans:
                given.append(name)
            return True

        bench.tap = look
        # It is in the middle of an event: a sign of life says that it will leave.
        bench.still.add("worker-1")
        bench.notes["worker-1"] = {"drains": "told to end by SIGTERM"}
        bench.until(lambda: bench.member("worker-1").drains is not None)
        bench.steps(3)
        given.clear()
        feed.send(series(EVENTS)[1:])
        bench.until(lambda: leased(bench, "worker-2") > leased(bench, "worker-1") and bench.reduced() > 1)
        assert "worker-1" not in given
        bench.end("worker-1")
        bench.until(lambda: active.finished)
        assert counts(active) == (EVENTS + 2, 0, 0)


def test_a_worker_that_does_not_get_away_counts_as_dead_and_does_not_come_back() -> None:
    settings = ControllerSettings(drain_timeout=1.0)
    feed = Feed([start(), *map(frame, range(1, 11))])
    with Bench({"eiger": feed}, settings=settings) as bench:
        active = bench.arm(uniform(["eiger"], EVENTS))
        bench.until(lambda: bench.reduced() == 11)
        slow = bench.services["worker-1"]
        assert isinstance(slow, WorkerService)
        bench.still.add("worker-1")
        bench.notes["worker-1"] = {"drains": "told to end by SIGTERM"}
        feed.send(series(EVENTS)[11:])
        bench.until(lambda: active.finished)
        assert counts(active) == (EVENTS + 2, 0, 0)
        assert active.run.redelivered > 0
        assert active.run.handed_back == 0
        assert "drain_timeout" in bench.controller.lately.departures[-1].cause
        # Now it wakes up: it has been told to end, and hears that it is not known any more.
        slow.drain("told to end by SIGTERM", bench.now)
        bench.still.discard("worker-1")
        bench.steps(200)
        assert [worker.name for worker in bench.controller.ensemble.workers] == ["worker-2"]
        assert slow.drained(bench.now)


def test_no_run_begins_with_a_worker_that_is_leaving() -> None:
    armed: list[str] = []
    with Bench({"eiger": Feed(series(10))}) as bench:
        bench.notes["worker-1"] = {"drains": "told to end by SIGTERM"}
        bench.until(lambda: bench.member("worker-1").drains is not None)

        def look(name: str, received: Received) -> bool:
            if isinstance(received.message, Arm):
                armed.append(name)
            return True

        bench.tap = look
        active = bench.play(uniform(["eiger"], 10))
        assert counts(active) == (12, 0, 0)
        assert "worker-2" in armed
        assert "worker-1" not in armed


def test_a_run_that_nobody_could_do_without_the_one_that_leaves_is_refused() -> None:
    with Bench({"eiger": Feed()}, workers=["worker-1"]) as bench:
        bench.notes["worker-1"] = {"drains": "told to end by SIGTERM"}
        bench.until(lambda: bench.member("worker-1").drains is not None)
        outcome = bench.try_to_arm(uniform(["eiger"], 10))
        assert isinstance(outcome, Exception)


def test_a_worker_that_leaves_while_a_run_is_armed_has_no_part_in_it() -> None:
    with Bench({"eiger": Feed(series(10))}) as bench:
        bench.still.add("worker-1")
        outcome: list[str | Exception] = []
        bench.controller.arm(uniform(["eiger"], 10), outcome.append, bench.now)
        bench.steps(5)
        assert not outcome
        bench.notes["worker-1"] = {"drains": "told to end by SIGTERM"}
        bench.until(lambda: bool(outcome))
        assert isinstance(outcome[0], str)
        bench.until(lambda: bench.active.finished)
        assert counts(bench.active) == (12, 0, 0)


def test_only_a_worker_is_asked_to_leave() -> None:
    with Bench({"eiger": Feed()}) as bench:
        assert not bench.controller.departures.ask("reducer", "no")
        assert not bench.controller.departures.ask("nobody", "no")
        worker = bench.services["worker-1"]
        assert isinstance(worker, WorkerService)
        inject(bench, "worker-1", CONTROLLER, Drain("once"))
        inject(bench, "worker-1", CONTROLLER, Drain("twice"))
        assert worker.notes(bench.now)["drains"] == "once"
        peer = bench.channels["worker-1"].peer
        inject(bench, "worker-1", CONTROLLER, Unknown(peer))
        assert bench.channels["worker-1"].peer == peer
        assert worker.drained(bench.now)


def test_who_comes_in_the_middle_of_a_run_gets_the_start_and_what_is_for_all_from_then_on() -> None:
    seen: dict[str, list[int]] = {}

    class Noting(Doubling):
        def __init__(self, parameters: ParameterSet, context: dict[str, str], state: object) -> None:
            self.seen = seen.setdefault(state.name, [])  # type: ignore[attr-defined]

        def process_event(self, event: Event, parameters: ParameterSet) -> dict[str, int] | None:
            self.seen.append(event.event_number)
            return super().process_event(event, parameters)

    alone, everybody = [{"constraint": 0}], [{"tags": ["generic"]}]
    cells = [*[alone] * 10, everybody, *[alone] * 100, everybody, alone]
    trigger_map = TriggerMap.from_json({"parts": {"main": {"eiger": cells}}, "sequence": ["main"]})
    last = trigger_map.total_events or 0
    for_all = [n for n in range(last) if trigger_map.cell("eiger", n) == trigger_map.cell("eiger", 0)]
    feed = Feed([start(), *map(frame, range(1, 15))])
    with Bench({"eiger": feed}, Noting, workers=["worker-1"]) as bench:
        active = bench.arm(trigger_map)
        bench.until(lambda: bench.reduced() == 15)
        bench.add_worker("late")
        bench.until(lambda: seen.get("late") == [0])
        feed.send(series(last - 2)[15:])
        bench.until(lambda: active.finished)
        assert counts(active) == (last, 0, 0)
        assert seen["worker-1"] == list(range(last))
        assert len(for_all) >= 3
        assert seen["late"] == [event for event in for_all if event == 0 or event > 15]
