"""What a worker's map returns for each event goes out as it was returned, whatever it returns for the events beside it."""

from __future__ import annotations

import math
import time
from typing import Any

import hypothesis.strategies as st
import numpy as np
from hypothesis import given

from beamloom.engine.assembling.ready import ReadyRun
from beamloom.events import Event, Packet
from beamloom.services.reducer.batches import Batch
from beamloom.services.shell.epochs import Epochs
from beamloom.services.shell.evidence import Evidence
from beamloom.services.shell.guard import Notes
from beamloom.services.worker.event_calls import EventCalls
from beamloom.services.worker.failures import WorkerFailures
from beamloom.services.worker.outbox import Outbox
from beamloom.services.worker.outgoing import Outgoing
from beamloom.services.worker.user_map import Map
from beamloom.transport.codec import Decoder, Encoder
from beamloom.transport.memory import Exchange
from beamloom.transport.messages import CONTROLLER, Failed, Results
from beamloom.transport.shared_memory import Borrowing

WHAT = ["nothing", "plain", "array", "two arrays", "surrogate", "raise", "exit", "set of objects"]
LARGE = 1 << 14
"""Numbers in an array that travels beside the result."""

WAIT = 0.5
"""Seconds that an event takes."""


class Varied:
    """Does for each event what its packet says, and goes on changing its arrays."""

    def __init__(self) -> None:
        self.array = np.zeros(LARGE)
        self.seen: list[tuple[int, bool]] = []

    def process_event(self, event: Event, parameters: object, tick: bool) -> Any:
        self.seen.append((event.event_number, tick))
        self.array += 1
        what = event.streams["s"].frames[0].decode()
        match what:
            case "nothing":
                return None
            case "array":
                return self.array
            case "two arrays":
                return {"a": self.array, "b": (self.array, event.event_number)}
            case "surrogate":
                return {"\ud800": [np.float32(1.5), self.array]}
            case "raise":
                raise ZeroDivisionError("planted")
            case "exit":
                raise SystemExit(1)
            case "wait":
                over = time.monotonic() + WAIT
                while time.monotonic() < over:
                    pass
            case "set of objects":
                return {"a": self.array, "b": {object()}}
        return {"event": event.event_number}


def expected(what: str, event: int, calls: int) -> Any:
    array = [float(calls)] * LARGE
    match what:
        case "nothing":
            return None
        case "array":
            return array
        case "two arrays":
            return {"a": array, "b": (array, event)}
        case "surrogate":
            return {"\ud800": [1.5, array]}
    return {"event": event}


def plain(value: Any) -> Any:
    """The same with lists in the place of arrays."""
    if isinstance(value, dict):
        return {name: plain(one) for name, one in value.items()}
    if isinstance(value, tuple | list):
        return type(value)(map(plain, value))
    return value.tolist() if isinstance(value, np.ndarray | np.generic) else value


class Desk:
    """The calls of one worker, and who gets what comes of them."""

    def __init__(self) -> None:
        exchange = Exchange()
        self.reducer = exchange.channel("reducer")
        self.controller = exchange.channel(CONTROLLER)
        channel = exchange.channel("w")
        for peer in (self.reducer, self.controller):
            channel.connect(peer.peer, peer.address)
        self.epochs = Epochs([])
        self.epochs.restart(0, {})
        user = Map(Varied)
        user.start(self.epochs.latest, None)  # type: ignore[arg-type]
        assert user.analysis is not None
        self.instance: Varied = user.analysis.instance
        failures = WorkerFailures("run", user, channel, Evidence())
        self.outgoing = Outgoing(Outbox(channel, "reducer", "run"), Encoder(), failures, combines=False)
        self.notes = Notes()
        self.calls = EventCalls(user, self.outgoing, {}, self.notes, Evidence(), failures, Borrowing())

    def work_off(self, runs: list[ReadyRun], seconds: float = math.inf) -> list[ReadyRun]:
        left = self.calls.work_off(runs, self.epochs, seconds, 0.0, last=False)
        assert self.notes.at_work[0] is None
        return left

    def results(self) -> dict[tuple[int, int], Any]:
        """By slot and event, what the reducer gets."""
        self.outgoing.send(0, 0.0)
        found: dict[tuple[int, int], Any] = {}
        for received in self.reducer.receive(0.0):
            message = received.message
            assert isinstance(message, Results)
            batch = Batch(message, received.buffers)
            events = [(slot, event) for slot, _, a, b in message.spans for event in range(a, b)]
            assert len(events) == len(batch.heads)
            for place, key in enumerate(events):
                head = batch.heads[place]
                found[key] = plain(Decoder().decode(head, batch.large(place))) if head else None
        return found

    def failed(self) -> list[tuple[int, int | None]]:
        return [
            (one.message.slot, one.message.event)
            for one in self.controller.receive(0.0)
            if isinstance(one.message, Failed)
        ]


def run_of(first: int, slot: int, doings: list[str], epoch: int = 0) -> ReadyRun:
    packets = [Packet("test", [what.encode()]) for what in doings]
    return ReadyRun(first, first + len(doings), slot, 1, epoch, {"s": packets})


@given(st.lists(st.tuples(st.integers(0, 2), st.lists(st.sampled_from(WHAT), min_size=1, max_size=6))))
def test_each_event_gets_its_own_result_or_its_own_failure(runs: list[tuple[int, list[str]]]) -> None:
    desk = Desk()
    ready: list[ReadyRun] = []
    results: dict[tuple[int, int], Any] = {}
    failed: list[tuple[int, int | None]] = []
    event = 0
    for gap, doings in runs:
        event += gap
        slot = gap % 2
        ready.append(run_of(event, slot, doings))
        for what in doings:
            if what in ("raise", "exit", "set of objects"):
                failed.append((slot, event))
            else:
                calls = sum(len(run) for run in ready[:-1]) + event - ready[-1].first + 1
                results[slot, event] = expected(what, event, calls)
            event += 1
    assert desk.work_off(ready) == []
    assert desk.results() == results
    assert desk.failed() == failed


def test_no_event_is_begun_after_the_time_of_a_turn_and_none_is_left_out() -> None:
    desk = Desk()
    desk.calls.tick = True
    ready = [run_of(0, 0, ["plain"] * 3), run_of(5, 0, ["plain"] * 2)]
    assert desk.work_off(ready, -1.0) == ready
    assert desk.instance.seen == []
    assert desk.work_off(ready) == []
    assert desk.instance.seen == [(event, event == 0) for event in (0, 1, 2, 5, 6)]
    assert desk.calls.last_event == 6


def test_an_event_whose_parameters_have_not_come_yet_holds_up_those_behind_it() -> None:
    desk = Desk()
    ready = [run_of(0, 0, ["plain"] * 2), run_of(2, 0, ["plain"], epoch=7), run_of(3, 0, ["plain"])]
    assert desk.work_off(ready) == ready[1:]
    assert [event for event, _ in desk.instance.seen] == [0, 1]
    desk.epochs.begin(7, {})
    assert desk.work_off(ready[1:]) == []
    assert list(desk.results()) == [(0, 0), (0, 1), (0, 2), (0, 3)]


def test_what_is_left_when_the_time_of_a_turn_is_over_is_worked_off_in_the_next_one() -> None:
    desk = Desk()
    ready = [run_of(0, 0, ["plain", "wait", "plain", "plain"]), run_of(9, 0, ["plain"])]
    left = desk.work_off(ready, WAIT / 2)
    assert [(run.first, run.stop) for run in left] == [(2, 4), (9, 10)]
    assert desk.work_off(left) == []
    assert [event for event, _ in desk.instance.seen] == [0, 1, 2, 3, 9]
    assert list(desk.results()) == [(0, 0), (0, 1), (0, 2), (0, 3), (0, 9)]
