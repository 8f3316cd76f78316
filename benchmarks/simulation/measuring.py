"""Measures on this machine what a simulation takes for granted: sockets, the services without them, the controller among many.

Each part is real code on a small scale: two channels over loopback; a whole pipeline in one process, with few and with many events in a
message; the real controller among as many as are to be simulated. The median of three counts.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import msgspec
import numpy as np

from beamloom.analysis import ReducerAnalysis
from beamloom.benching.material import Extent
from beamloom.benching.played import PlayedSource
from beamloom.engine.assignment import Span
from beamloom.engine.streams.layout import stream_layout
from beamloom.engine.streams.packet_rows import PacketRow
from beamloom.engine.streams.retention import Retention
from beamloom.engine.streams.router import StreamRouter
from beamloom.events import Event, Packet, PacketKind, Result
from beamloom.services.ingester.service import IngesterService
from beamloom.services.inline import InlinePipeline, InlineWorker
from beamloom.services.shell.loop import Service
from beamloom.services.worker.user_map import Map
from beamloom.settings import ControllerSettings
from beamloom.transport.channel import Channel
from beamloom.transport.messages import Orders
from beamloom.transport.zeromq import ZmqChannel
from beamloom.triggermap import batched, uniform
from simulation.costs import GIVEN, Costs
from simulation.scenario import Scenario, Simulation

TIMES = 3
MESSAGES = 2000
LARGE = 1 << 20
EVENTS = 10_000
ROLES = ("ingester", "worker", "reducer")


def measure(say: Callable[[str], None], scenario: Scenario) -> Costs:
    """All of it, in about half a minute; the controller among the processes of ``scenario``."""
    say("sockets")
    sockets = [_sockets() for _ in range(TIMES)]
    send, again, receive, byte = np.median(sockets, axis=0).tolist()
    say("services")
    shells = [_shells() for _ in range(TIMES)]
    each = {name: float(np.median([one[name] for one in shells])) for name in shells[0]}
    costs = msgspec.structs.replace(
        GIVEN,
        send=send,
        send_again=again,
        receive=receive,
        byte=byte,
        ingester_range=min(_release() for _ in range(TIMES)),
        **each,
    )
    say("controller")
    fitted = [_controller(scenario, costs, seed) for seed in range(TIMES)]
    return msgspec.structs.replace(
        costs, **{name: float(np.median([one[name] for one in fitted])) for name in fitted[0]}
    )


# ---- sockets ----------------------------------------------------------------------------------------------------------------


def _sockets() -> tuple[float, float, float, float]:
    """Seconds to send a message, to send it once more, to receive it, and for each byte of a large one."""
    here, there = ZmqChannel("here"), ZmqChannel("there")
    try:
        here.connect("there", there.address)
        one = [Orders("run", [Span(n, 10, "worker", 0, 1, 0)]) for n in range(MESSAGES)]
        _passed(here, there, one[:100])
        send, receive = _passed(here, there, one)
        again, _ = _passed(here, there, one[:1] * MESSAGES)
        large = [bytes(LARGE)]
        sent, received = _passed(here, there, one[:1] * 100, large)
        byte = max(sent - again + received - receive, 0.0) / (2 * LARGE)
        return send, again, receive, byte
    finally:
        here.close()
        there.close()


def _passed(
    here: ZmqChannel, there: ZmqChannel, messages: list[Orders], buffers: list[bytes] | None = None
) -> tuple[float, float]:
    """Seconds for each to send and to receive it; half of what the threads of the sockets take is on each side."""
    whole, begun = time.process_time(), time.thread_time()
    for message in messages:
        here.send("there", message, buffers or ())
    sending = time.thread_time() - begun
    begun, left = time.thread_time(), len(messages)
    while left:
        left -= len(there.receive(1.0))
    receiving = time.thread_time() - begun
    threads = max(time.process_time() - whole - sending - receiving, 0.0) / 2
    return (sending + threads) / len(messages), (receiving + threads) / len(messages)


# ---- services ---------------------------------------------------------------------------------------------------------------


class Trivial:
    """Returns a small result for each event."""

    def process_event(self, event: Event) -> dict[str, int]:
        return {"number": event.event_number}


class Taking:
    """Takes it."""

    def __init__(self) -> None:
        self.publish = {"sum": 0}

    def process_result(self, result: Result) -> None:
        self.publish["sum"] += result.payload["number"]


def _shells() -> dict[str, float]:
    """What the services take for each event and for each message, from runs with many and with few events in a message."""
    many, few = _played(batch=200, workers=2), _played(batch=2, workers=100, lookahead=1e-4)
    found = {}
    for role, unit in zip(ROLES, ("packet", "event", "event"), strict=True):
        (messages_a, seconds_a), (messages_b, seconds_b) = many[role], few[role]
        message = max((seconds_b - seconds_a) / max(messages_b - messages_a, 1), 0.0)
        found[f"{role}_message"] = message
        found[f"{role}_{unit}"] = max(seconds_a - message * messages_a, 0.0) / EVENTS
    return found


def _played(batch: int, workers: int, lookahead: float = 0.02) -> dict[str, tuple[int, float]]:
    """By role, the messages of a run in one process (with packets or results), and the seconds that its service took."""
    packet = Packet("plain", [bytes(1000)])

    def source() -> PlayedSource:
        return PlayedSource({0: packet}, Extent(0, 1, 0), wrapped=False)

    crew = [InlineWorker(f"worker-{number}", ("generic",), lambda: Map(Trivial)) for number in range(workers)]
    settings = ControllerSettings(lookahead_seconds=lookahead)
    with InlinePipeline({"stream": source}, crew, lambda: ReducerAnalysis(Taking), settings) as pipeline:
        clocks = {id(service): _Clock(service, channel) for service, channel in pipeline._services}
        pipeline.play(batched(["stream"], EVENTS, batch, all_wrap=False))
        named: dict[str, tuple[int, float]] = {}
        for clock in clocks.values():
            role = type(clock.service).__name__.removesuffix("Service").lower()
            messages, seconds = named.get(role, (0, 0.0))
            named[role] = (messages + clock.messages, seconds + clock.seconds)
        return named


class _Clock:
    """How long a service has been at work; an idle look around does not count."""

    def __init__(self, service: Service, channel: Channel) -> None:
        self.service, self.seconds = service, 0.0
        receive, turn, meter = service.receive, service.turn, channel.meter
        heard = False

        def receiving(received: object, now: float) -> None:
            nonlocal heard
            begun = time.thread_time()
            receive(received, now)  # type: ignore[arg-type]
            self.seconds += time.thread_time() - begun
            heard = True

        def turning(now: float) -> None:
            nonlocal heard
            sent, begun = meter.sent, time.thread_time()
            turn(now)
            if heard or meter.sent > sent:
                self.seconds += time.thread_time() - begun
            heard = False

        service.receive, service.turn = receiving, turning  # type: ignore[method-assign]
        self._meter, self._begun = meter, (meter.sent, meter.received)

    @property
    def messages(self) -> int:
        """Those that it sent, of an ingester; those that it heard, of the others."""
        sent, received = self._meter.sent - self._begun[0], self._meter.received - self._begun[1]
        return sent if isinstance(self.service, IngesterService) else received


def _release() -> float:
    """Seconds for a router to let go of the packets of two events."""
    router = StreamRouter(
        "stream", stream_layout(uniform(["stream"], EVENTS, all_wrap=False), "stream"), Retention(1 << 40)
    )
    for first in range(0, EVENTS, 100):
        router.arrive([PacketRow("plain", PacketKind.DATA, first, 100, 1, [b""] * 100, [1000])])
    begun = time.thread_time()
    for first in range(0, EVENTS, 4):
        router.release(first, first + 2)
    return (time.thread_time() - begun) / (EVENTS / 4)


# ---- the controller ---------------------------------------------------------------------------------------------------------


def _controller(scenario: Scenario, costs: Costs, seed: int) -> dict[str, float]:
    """What the controller's turns take, fitted to what they were about."""
    few = msgspec.structs.replace(
        scenario,
        streams=min(scenario.streams, 8),
        ingesters=min(scenario.ingesters, 8),
        # What is leased before the first packet comes is not in it: little, so that there are leases to be seen.
        batch=min(scenario.batch, 5),
        seconds=min(scenario.seconds, 0.3),
        dies_at=None,
        seed=seed,
    )
    simulation = Simulation(few, costs)
    simulation.run()
    turns = simulation.controller.turns
    usual = np.percentile([one.seconds for one in turns], 98)
    rows = [one for one in turns if one.seconds <= usual]
    about = np.array([(1, one.heard, one.ranges, one.leases) for one in rows], np.float64)
    seconds = np.array([one.seconds for one in rows])
    names = ["controller_turn", "controller_message", "controller_range", "controller_lease"]
    used = list(range(len(names)))
    found = np.zeros(len(names))
    while used:
        found[:] = 0
        found[used] = np.linalg.lstsq(about[:, used], seconds, rcond=None)[0]
        if (found >= 0).all():
            break
        # What is below nothing by chance is nothing.
        used.remove(int(np.argmin(found)))
    return dict(zip(names, found.tolist(), strict=True))
