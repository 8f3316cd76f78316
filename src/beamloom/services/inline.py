"""A whole pipeline in one process: the same services over channels in memory, driven in turn by one thread.

This is the oracle that every distributed behaviour is measured against, and what replay runs. Nothing here depends on timing: the
services have their turns in a fixed order, so that the same packets give the same leases and the same results each time.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from beamloom.analysis import ReducerAnalysis
from beamloom.capsules import Shelf
from beamloom.devices.device import Source
from beamloom.errors import UserError
from beamloom.services.controller.active_run import ActiveRun
from beamloom.services.controller.service import ControllerService
from beamloom.services.ingester.service import IngesterService
from beamloom.services.reducer.keeping import Keeping
from beamloom.services.reducer.service import ReducerService
from beamloom.services.reducer.snapshots import SnapshotDesk
from beamloom.services.shell.evidence import Evidence
from beamloom.services.shell.loop import Service
from beamloom.services.shell.membership import new_peer_id
from beamloom.services.worker.run import EVENTS_PER_TURN
from beamloom.services.worker.service import WorkerService
from beamloom.services.worker.user_map import Map
from beamloom.settings import (
    ControllerSettings,
    IngesterSettings,
    ReducerSettings,
    StreamSettings,
    WorkerSettings,
)
from beamloom.transport.channel import Channel
from beamloom.transport.memory import Exchange
from beamloom.transport.messages import CONTROLLER
from beamloom.triggermap import TriggerMap

TURN_SECONDS = 0.001
"""The time that passes in one turn, as all services but the reducer see it: leases must not depend on how fast this machine is."""
IDLE_PAUSE_SECONDS = 0.001
IDLE_TURNS = 3
"""After so many turns in which nobody had anything to do, nothing more will happen by itself."""


class InlineWorker(NamedTuple):
    """One worker of an inline pipeline."""

    name: str
    tags: tuple[str, ...]
    make: Callable[[], Map]


TurnOrder = Callable[[Sequence[Service]], Iterable[int]]
"""Which services have a turn now, by their places, in which order; who is left out may not be left out for ever."""


class InlinePipeline:
    """Controller, ingesters, workers and reducer that share this thread."""

    def __init__(
        self,
        streams: Mapping[str, Callable[[], Source]],
        workers: Iterable[InlineWorker],
        reducer: Callable[[], ReducerAnalysis | None],
        settings: ControllerSettings | None = None,
        *,
        arms: Collection[str] = (),
        capsules: Path | None = None,
        analysis_path: str = ".",
        turns: TurnOrder | None = None,
        turn_events: int = EVENTS_PER_TURN,
    ) -> None:
        """``streams`` gives for each stream how its source is made, ``reducer`` makes the user's part of the reducer.

        Those in ``arms`` arm runs by themselves. ``capsules`` is the folder for calls that fail, of classes from ``analysis_path``.
        ``turns`` chooses who is next, as other machines would; without, all are, in one order. A worker has at most ``turn_events``
        in one turn.
        """
        self._turn_events = turn_events
        self.capsules = capsules
        self._analysis_path = analysis_path
        self._exchange = Exchange()
        self._services: list[tuple[Service, Channel]] = []
        self._turns = 0
        self._turn_order = turns
        self._idle_turns = 0
        self.desk = SnapshotDesk(lambda: None)
        channel = self._exchange.channel(CONTROLLER)
        self.controller = ControllerService(settings or ControllerSettings(), channel, watches_silence=False)
        self._add(self.controller, channel)
        for stream, make_source in streams.items():
            self._add_ingester(stream, make_source, arms=stream in arms)
        for worker in workers:
            self.add_worker(worker)
        channel = self._exchange.channel(new_peer_id("reducer"))
        self.reducer = ReducerService(
            ReducerSettings(allow_pickle=True),
            channel,
            f"memory://{CONTROLLER}",
            reducer,
            self.desk,
            # To look them up takes as long as to arm a run.
            keeping=Keeping(self.desk, tells_packages=False),
            evidence=self._evidence("reducer"),
            acknowledges_every=0.0,
        )
        self._add(self.reducer, channel)
        self._until(lambda: len(list(self.controller.ensemble)) == len(self._services) - 1)

    def _add(self, service: Service, channel: Channel) -> None:
        self._services.append((service, channel))

    def _add_ingester(self, stream: str, make_source: Callable[[], Source], *, arms: bool) -> None:
        settings = IngesterSettings(
            name=f"{stream}-ingester", streams={stream: StreamSettings(device="recording", arms=arms)}
        )
        channel = self._exchange.channel(new_peer_id(settings.name))
        service = IngesterService(
            settings,
            channel,
            f"memory://{CONTROLLER}",
            lambda name, options: make_source(),
            prepare=lambda settings: None,
            clock=lambda: self._turns * TURN_SECONDS,
            rests=False,
        )
        self._add(service, channel)

    def add_worker(self, worker: InlineWorker) -> WorkerService:
        """One more worker; it takes part once the services have had their turns."""
        channel = self._exchange.channel(new_peer_id(worker.name))
        settings = WorkerSettings(name=worker.name, tags=worker.tags)
        service = WorkerService(
            settings,
            channel,
            f"memory://{CONTROLLER}",
            worker.make,
            turn_seconds=math.inf,
            turn_events=self._turn_events,
            evidence=self._evidence(worker.name, worker.tags),
        )
        self._add(service, channel)
        return service

    def _evidence(self, name: str, tags: Sequence[str] = ()) -> Evidence:
        return Evidence(Shelf(self.capsules), name, tags, self._analysis_path)

    def _clock(self, service: Service) -> float:
        return time.monotonic() if isinstance(service, ReducerService) else self._turns * TURN_SECONDS

    def step(self) -> None:
        """Each service has one turn, or those that the order of turns chooses."""
        self._turns += 1
        now = self._services
        if self._turn_order is not None:
            now = [now[place] for place in self._turn_order([service for service, _ in now])]
        busy = len(now) < len(self._services)
        for service, channel in now:
            for received in channel.receive(0.0):
                busy = True
                service.receive(received, self._clock(service))
            service.turn(self._clock(service))
            busy = busy or (
                service.wait(self._clock(service)) == 0.0 and not isinstance(service, ReducerService)
            )
            busy = busy or (isinstance(service, IngesterService) and service.holding)
        self._idle_turns = 0 if busy or self._exchange.busy else self._idle_turns + 1
        if self._idle_turns > 1:
            time.sleep(IDLE_PAUSE_SECONDS)

    @property
    def idle(self) -> bool:
        """Whether nothing will happen any more by itself."""
        return self._idle_turns >= IDLE_TURNS

    def _until(self, reached: Callable[[], bool], patience: float = 30.0) -> None:
        deadline = time.monotonic() + patience
        while not reached():
            self.step()
            if time.monotonic() > deadline:
                raise UserError("the pipeline came to a stop; run it with --debug and look at the log")

    def arm(self, trigger_map: TriggerMap) -> ActiveRun:
        """Begin a run. Raises TriggerMapError or ArmingRefused."""
        outcome: list[str | Exception] = []
        self.controller.arm(trigger_map, outcome.append, self._turns * TURN_SECONDS)
        self._until(lambda: bool(outcome))
        if isinstance(outcome[0], Exception):
            raise outcome[0]
        active = self.controller.active
        if active is None:
            raise RuntimeError("the run was armed and is not there")
        return active

    def play(self, trigger_map: TriggerMap, after_step: Callable[[], None] = lambda: None) -> ActiveRun:
        """Run ``trigger_map`` to its end. ``after_step`` is called between the turns; it may raise to give up."""
        active = self.arm(trigger_map)
        while not active.finished:
            self.step()
            after_step()
        return active

    def close(self) -> None:
        """End all services."""
        for service, _ in reversed(self._services):
            service.leave("the pipeline ends")
        for _, channel in self._services:
            channel.close()

    def __enter__(self) -> InlinePipeline:
        return self

    def __exit__(self, *exception: Any) -> None:
        self.close()
