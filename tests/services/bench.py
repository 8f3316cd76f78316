"""A pipeline of real services over channels in memory, with a clock that the test turns.

Unlike ``InlinePipeline`` it lets a test take single processes away, hold them still, bring others later, and look at what was sent.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from beamloom.analysis import ReducerAnalysis
from beamloom.control.views.runs import RunRecord
from beamloom.devices.device import Sharing, Source
from beamloom.events import Event, Malformed, Packet, PacketKind, Result
from beamloom.parameters import IntParameter, ParameterSet
from beamloom.services.controller.active_run import ActiveRun
from beamloom.services.controller.service import ControllerService
from beamloom.services.controller.statekeeping import StateKeeper
from beamloom.services.ingester.lending import Lending
from beamloom.services.ingester.service import IngesterService
from beamloom.services.reducer.leaves.links import LeafLink
from beamloom.services.reducer.safekeeping import Safekeeping
from beamloom.services.reducer.service import ReducerService
from beamloom.services.reducer.snapshots import SnapshotDesk
from beamloom.services.shell.loop import Service
from beamloom.services.shell.membership import new_peer_id
from beamloom.services.worker.service import WorkerService
from beamloom.services.worker.user_map import Map
from beamloom.settings import (
    ControllerSettings,
    IngesterSettings,
    ReducerSettings,
    StreamSettings,
    WorkerSettings,
)
from beamloom.transport.channel import Received
from beamloom.transport.memory import Exchange, MemoryChannel
from beamloom.transport.messages import CONTROLLER, AnyMessage, Heartbeat
from beamloom.triggermap import TriggerMap

STEP_SECONDS = 0.01
LAST_STEP = 20_000


class Died(BaseException):
    """The user's code takes the whole process down, as a segmentation fault does."""


class Feed:
    """A device that sends what the test gives it."""

    def __init__(self, arrivals: Iterable[Packet | Malformed] = ()) -> None:
        self.arrivals: deque[Packet | Malformed] = deque(arrivals)
        self.problem: str | None = None
        self.opened = 0
        self.closed = 0

    def open(self) -> None:
        self.opened += 1

    def connected(self) -> bool:
        return self.problem is None

    def connection_problem(self) -> str | None:
        return self.problem

    @property
    def pollable(self) -> int:
        return 0

    def read(self, limit: int) -> list[Packet | Malformed]:
        return [self.arrivals.popleft() for _ in range(min(limit, len(self.arrivals)))]

    def close(self) -> None:
        self.closed += 1

    def send(self, arrivals: Iterable[Packet | Malformed]) -> None:
        self.arrivals.extend(arrivals)


def series(frames: int) -> list[Packet]:
    """A whole series of a device: its start, ``frames`` frames numbered from 1, its end."""
    return [start(), *(frame(number) for number in range(1, frames + 1)), end(frames + 1)]


def start() -> Packet:
    return Packet("test", [b"0"], 0, PacketKind.START)


def frame(number: int) -> Packet:
    return Packet("test", [str(number).encode()], number)


def end(number: int) -> Packet:
    return Packet("test", [str(number).encode()], number, PacketKind.END)


class Doubling:
    """A worker class: the frame's own number, doubled, and the gain that held for it."""

    @staticmethod
    def describe_parameters() -> list[IntParameter]:
        return [IntParameter(name="gain", default=1, min=0, max=100)]

    def process_event(self, event: Event, parameters: ParameterSet) -> dict[str, int] | None:
        numbers = {stream: int(packet.frames[0]) for stream, packet in event.streams.items()}
        return {"double": 2 * min(numbers.values()), "gain": int(parameters["gain"])}


class Gathering:
    """A reducer class that publishes every result by its event."""

    def __init__(self) -> None:
        self.publish: dict[str, Any] = {"results": {}, "count": 0, "finished": 0}

    def process_result(self, result: Result) -> None:
        self.publish["results"][result.event_number] = result.payload
        self.publish["count"] += 1

    def finish(self) -> None:
        self.publish["finished"] += 1


class Bench:
    """Controller, ingesters, workers and a reducer; ``step`` gives each of them a turn."""

    def __init__(
        self,
        streams: dict[str, Feed],
        worker: type = Doubling,
        reducer: type | None = Gathering,
        *,
        workers: Sequence[str] = ("worker-1", "worker-2"),
        settings: ControllerSettings | None = None,
        clock: Callable[[], float] | None = None,
        keeper: StateKeeper | None = None,
    ) -> None:
        """``clock``: real time instead of the bench's own, for a bench that a thread drives."""
        self._clock = clock
        self.now = 1000.0 if clock is None else clock()
        self.exchange = Exchange()
        self.services: dict[str, Service] = {}
        self.channels: dict[str, MemoryChannel] = {}
        self.still: set[str] = set()
        """Names of processes that live but have no turns."""
        self.unheard: set[str] = set()
        """Names of processes whose signs of life do not arrive."""
        self.tap: Callable[[str, Received], bool] = lambda name, received: True
        """Sees each message before the process ``name`` does; False takes it away."""
        self.figures: dict[str, dict[str, float]] = {}
        self.notes: dict[str, dict[str, Any]] = {}
        """What processes are to say of themselves besides what they do, by their names."""
        self.worker_class = worker
        channel = self.exchange.channel(CONTROLLER)
        self.controller = ControllerService(settings or ControllerSettings(), channel, keeper=keeper)
        self._add("controller", self.controller, channel)
        for stream, feed in streams.items():
            self.add_ingester(stream, feed)
        for name in workers:
            self.add_worker(name)
        self.desk = SnapshotDesk(lambda: None)
        self.analysis: ReducerAnalysis | None = None
        if reducer is not None:
            self.add_reducer(reducer)
        self.until(self.everyone_known)

    # ---- processes ------------------------------------------------------------------------------------------------------

    def _add(self, name: str, service: Service, channel: MemoryChannel) -> None:
        self.services[name] = service
        self.channels[name] = channel

    def add_ingester(
        self,
        stream: str,
        feed: Source,
        *,
        name: str | None = None,
        arms: bool = False,
        ingesters: int = 1,
        sharing: Sharing | None = None,
        lends: int = 0,
        **more: Any,
    ) -> None:
        """Start an ingester of a stream; one of ``ingesters`` that share it when its device allows that; it ``lends`` so many bytes."""
        name = name or f"{stream}-ingester"
        more.setdefault("record_prefix", self.controller.settings.record_prefix)
        one = StreamSettings(device="feed", arms=arms, ingesters=ingesters)
        settings = IngesterSettings(name=name, streams={stream: one}, **more)
        channel = self.exchange.channel(new_peer_id(name))
        service = IngesterService(
            settings,
            channel,
            f"memory://{CONTROLLER}",
            lambda *_: feed,
            sharing=lambda device: sharing,
            lending=Lending(channel, lends),
        )
        self._add(name, service, channel)

    def add_worker(
        self,
        name: str,
        cls: type | None = None,
        tags: tuple[str, ...] = ("generic",),
        *,
        load: Callable[[], Map] | None = None,
        role: str = "worker",
        edition: int = 0,
    ) -> WorkerService:
        """Start a worker; its map can be given whole."""
        channel = self.exchange.channel(new_peer_id(name))
        settings = WorkerSettings(name=name, tags=tags, edition=edition)
        make = load or (lambda: Map(cls or self.worker_class))
        # How many events a turn has must not depend on how fast this machine is at the moment.
        service = WorkerService(
            settings, channel, f"memory://{CONTROLLER}", make, role, turn_seconds=math.inf
        )
        self._add(name, service, channel)
        return service

    def add_reducer(
        self,
        cls: type,
        journal: Safekeeping | None = None,
        settings: ReducerSettings | None = None,
        leaves: Sequence[LeafLink] = (),
    ) -> ReducerService:
        self.analysis = ReducerAnalysis(cls)
        channel = self.exchange.channel(new_peer_id("reducer"))
        service = ReducerService(
            settings or ReducerSettings(),
            channel,
            f"memory://{CONTROLLER}",
            lambda: self.analysis,
            self.desk,
            journal=journal,
            leaves=leaves,
        )
        self._add("reducer", service, channel)
        return service

    def kill(self, name: str) -> None:
        """The process is gone without a word, with all that is under way to it."""
        del self.services[name]
        self.channels.pop(name).close()
        self.still.discard(name)

    def end(self, name: str) -> None:
        """The process is told to end, and says goodbye."""
        self.services.pop(name).leave("told to end")
        self.channels.pop(name).close()

    def member(self, name: str) -> Any:
        return next(member for member in self.controller.ensemble if member.name == name)

    def everyone_known(self) -> bool:
        known = {member.name for member in self.controller.ensemble}
        return known == set(self.services) - {"controller"}

    # ---- time -----------------------------------------------------------------------------------------------------------

    def step(self) -> None:
        """A hundredth of a second passes; everyone who lives gives a sign of it and has a turn."""
        self.now = self.now + STEP_SECONDS if self._clock is None else self._clock()
        for name, channel in self.channels.items():
            service: Any = self.services[name]
            if name != "controller" and service.member.welcome and name not in self.unheard:
                beat = Heartbeat(channel.address, self._figures(name), self._notes(name))
                self.controller.receive(Received(channel.peer, beat, ()), self.now)
        for name, service in list(self.services.items()):
            if name in self.still or name not in self.services:
                continue
            try:
                for received in self.channels[name].receive(0.0):
                    if self.tap(name, received):
                        service.receive(received, self.now)
                service.turn(self.now)
            except Died:
                self.kill(name)

    def _notes(self, name: str) -> dict[str, Any]:
        notes = getattr(self.services[name], "notes", None)
        told: dict[str, Any] = {} if notes is None else notes(self.now)
        return told | self.notes.get(name, {})

    def _figures(self, name: str) -> dict[str, float]:
        service = self.services[name]
        counted: dict[str, float] = service.figures()  # type: ignore[attr-defined]
        return counted | self.channels[name].meter.figures() | self.figures.get(name, {})

    def until(self, reached: Callable[[], bool], steps: int = LAST_STEP) -> None:
        for _ in range(steps):
            if reached():
                return
            self.step()
        raise AssertionError(f"not reached within {steps} steps")

    def steps(self, count: int) -> None:
        for _ in range(count):
            self.step()

    # ---- runs -----------------------------------------------------------------------------------------------------------

    def try_to_arm(self, trigger_map: TriggerMap) -> str | Exception:
        outcome: list[str | Exception] = []
        self.controller.arm(trigger_map, outcome.append, self.now)
        self.until(lambda: bool(outcome))
        return outcome[0]

    def arm(self, trigger_map: TriggerMap) -> ActiveRun:
        outcome = self.try_to_arm(trigger_map)
        if isinstance(outcome, Exception):
            raise outcome
        return self.active

    def play(self, trigger_map: TriggerMap) -> ActiveRun:
        active = self.arm(trigger_map)
        self.until(lambda: active.finished)
        return active

    @property
    def active(self) -> ActiveRun:
        active = self.controller.active
        assert active is not None
        return active

    @property
    def published(self) -> dict[Any, Any]:
        assert self.analysis is not None
        return self.analysis.publish

    def reduced(self) -> int:
        return self.active.run.ledger.counts().reduced

    def close(self) -> None:
        for name, service in reversed(self.services.items()):
            service.leave("the test ends")
            self.channels[name].close()

    def __enter__(self) -> Bench:
        return self

    def __exit__(self, *exception: Any) -> None:
        self.close()


def inject(bench: Bench, to: str, sender: str, message: AnyMessage, buffers: Sequence[Any] = ()) -> None:
    """Have a message arrive at the process ``to`` as if ``sender`` had sent it."""
    bench.services[to].receive(Received(sender, message, buffers), bench.now)


def counts(active: RunRecord) -> tuple[int, int, int]:
    """Events reduced, failed and lost."""
    found = active.run.ledger.counts()
    return found.reduced, found.failed, found.lost
