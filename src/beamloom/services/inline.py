"""A whole pipeline in one process: the same services over channels in memory, driven in turn by one thread.

This is the oracle that every distributed behaviour is measured against, and what replay runs. Nothing here depends on timing: the
services have their turns in a fixed order, so that the same packets give the same leases and the same results each time.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from beamloom.analysis import ReducerAnalysis
from beamloom.devices.device import Source
from beamloom.errors import UserError
from beamloom.services.active_run import ActiveRun
from beamloom.services.controller import ControllerService
from beamloom.services.ingester import IngesterService
from beamloom.services.loop import Service
from beamloom.services.membership import new_peer_id
from beamloom.services.reducer import ReducerService
from beamloom.services.snapshots import SnapshotDesk
from beamloom.services.worker import Map, WorkerService
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

READ_PACE_SECONDS = 0.001


class InlinePipeline:
    """Controller, ingesters, workers and reducer that share this thread."""

    def __init__(
        self,
        streams: Mapping[str, Callable[[], Source]],
        worker: Callable[[], Map],
        reducer: Callable[[], ReducerAnalysis | None],
        *,
        workers: Iterable[tuple[str, tuple[str, ...]]] = (
            ("worker-1", ("generic",)),
            ("worker-2", ("generic",)),
        ),
        settings: ControllerSettings | None = None,
    ) -> None:
        """``streams`` gives for each stream how its source is made; ``worker`` and ``reducer`` make the user's part of each process."""
        self._exchange = Exchange()
        self._services: list[tuple[Service, Channel]] = []
        self.desk = SnapshotDesk(lambda: None)
        channel = self._exchange.channel(CONTROLLER)
        self.controller = ControllerService(settings or ControllerSettings(), channel, watches_silence=False)
        self._add(self.controller, channel)
        for stream, make_source in streams.items():
            self._add_ingester(stream, make_source)
        for name, tags in workers:
            channel = self._exchange.channel(new_peer_id(name))
            worker_settings = WorkerSettings(name=name, tags=tags)
            self._add(WorkerService(worker_settings, channel, f"memory://{CONTROLLER}", worker), channel)
        channel = self._exchange.channel(new_peer_id("reducer"))
        self.reducer = ReducerService(
            ReducerSettings(), channel, f"memory://{CONTROLLER}", reducer, self.desk
        )
        self._add(self.reducer, channel)
        self._until(lambda: len(list(self.controller.ensemble)) == len(self._services) - 1)

    def _add(self, service: Service, channel: Channel) -> None:
        self._services.append((service, channel))

    def _add_ingester(self, stream: str, make_source: Callable[[], Source]) -> None:
        settings = IngesterSettings(
            name=f"{stream}-ingester", streams={stream: StreamSettings(device="recording")}
        )
        channel = self._exchange.channel(new_peer_id(settings.name))
        service = IngesterService(
            settings, channel, f"memory://{CONTROLLER}", lambda name, options: make_source()
        )
        self._add(service, channel)

    def step(self) -> bool:
        """Each service has one turn; returns whether any of them had something to read."""
        heard = False
        for service, channel in self._services:
            for received in channel.receive(0.0):
                heard = True
                service.receive(received, time.monotonic())
            service.turn(time.monotonic())
        return heard

    def _until(self, reached: Callable[[], bool], patience: float = 30.0) -> None:
        deadline = time.monotonic() + patience
        while not reached():
            if not self.step() and not self._exchange.busy:
                time.sleep(READ_PACE_SECONDS)
            if time.monotonic() > deadline:
                raise UserError("the pipeline came to a stop; run it with --debug and look at the log")

    def arm(self, trigger_map: TriggerMap) -> ActiveRun:
        """Begin a run. Raises TriggerMapError or ArmingRefused."""
        outcome: list[str | Exception] = []
        self.controller.arm(trigger_map, outcome.append, time.monotonic())
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
            if not self.step() and not self._exchange.busy:
                time.sleep(READ_PACE_SECONDS)
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
