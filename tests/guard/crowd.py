"""A controller with many workers, all in one process and in simulated time, whose steps are counted as it leases and settles events."""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Callable
from types import FrameType
from typing import Any

from beamloom.engine.streams.losses import StreamCounts
from beamloom.services.controller.service import ControllerService
from beamloom.settings import ControllerSettings
from beamloom.transport.memory import Exchange, MemoryChannel
from beamloom.transport.messages import (
    CONTROLLER,
    AnyMessage,
    Armed,
    Orders,
    Progress,
    Reduced,
    Register,
)
from beamloom.triggermap import batched

BATCH = 50
"""Consecutive events that go to one worker: a lease at least."""
LEASES_A_STEP = 10
"""So many are done, the oldest, and as many are given out."""
STEP = 0.015
"""Seconds: about the look-ahead, so that a quick worker is not given more and more at once."""


class Crowd:
    """The controller, and all others as far as it can tell."""

    def __init__(self, workers: int, streams: int) -> None:
        self._exchange = Exchange()
        channel = self._exchange.channel(CONTROLLER)
        self._inbox = channel
        self.controller = ControllerService(
            ControllerSettings(max_processes=workers + streams + 1), channel, watches_silence=False
        )
        self._now = 0.0
        self._streams = [f"camera{number}" for number in range(streams)]
        self._channels: dict[str, MemoryChannel] = {}
        for stream in self._streams:
            self._join(f"{stream}-ingester", "ingester", {stream: "generator"})
        self._join("reducer", "reducer")
        for number in range(workers):
            self._join(f"worker{number}", "worker")
        self._under_way: deque[tuple[str, int, int, int]] = deque()
        self._leased = 0
        self.leases = 0
        """So many were given out."""
        self._arm()

    def _join(self, name: str, role: str, streams: dict[str, str] | None = None) -> None:
        channel = self._channels[name] = self._exchange.channel(name)
        channel.connect(CONTROLLER, f"memory://{CONTROLLER}")
        tags = ["generic"] if role == "worker" else []
        register = Register(name, role, channel.address, "here", 1, "0", streams or {}, tags=tags)
        channel.send(CONTROLLER, register)

    def _arm(self) -> None:
        self._turn()
        said: list[str | Exception] = []
        self.controller.arm(batched(self._streams, 100_000_000 // BATCH, BATCH), said.append, self._now)
        run = self.controller._arming.run.run_id if self.controller._arming else ""
        for channel in self._channels.values():
            channel.receive(0.0)
            channel.send(CONTROLLER, Armed(run))
        self._turn()
        assert said == [run], said
        self._run = run

    def _turn(self) -> None:
        self._now += STEP
        for received in self._inbox.receive(0.0):
            self.controller.receive(received, self._now)
        self.controller.turn(self._now)

    def step(self, counted: Callable[[Callable[[], None]], None] = lambda call: call()) -> None:
        """The oldest leases are done, and who is free by that is given others."""
        counted(self._turn)
        told: dict[str, list[AnyMessage]] = {
            name: [one.message for one in channel.receive(0.0)] for name, channel in self._channels.items()
        }
        for message in told[f"{self._streams[0]}-ingester"]:
            for span in message.spans if isinstance(message, Orders) else ():
                self.leases += 1
                self._leased = max(self._leased, span.stop)
                self._under_way.append((span.worker, span.slot, span.first, span.stop))
        for stream in self._streams:
            progress = Progress(self._run, stream, self._leased, self._leased, False, [], StreamCounts())
            self._channels[f"{stream}-ingester"].send(CONTROLLER, progress)
        done = [self._under_way.popleft() for _ in range(min(LEASES_A_STEP, len(self._under_way)))]
        self._channels["reducer"].send(CONTROLLER, Reduced(self._run, done))


class Operations:
    """Counts what the interpreter does: that depends on nothing but the code and what it is given."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self, call: Callable[[], None]) -> None:
        """Count what one call does."""
        sys.settrace(self._enter)
        try:
            call()
        finally:
            sys.settrace(None)

    def _enter(self, frame: FrameType, what: str, argument: Any) -> Any:
        frame.f_trace_opcodes = True
        frame.f_trace_lines = False
        return self._count

    def _count(self, frame: FrameType, what: str, argument: Any) -> Any:
        self.count += what == "opcode"
        return self._count


def operations_per_lease(workers: int, streams: int, warm: int, steps: int) -> float:
    """Steps of the interpreter in the controller for each lease that is given out and done."""
    crowd, operations = Crowd(workers, streams), Operations()
    for _ in range(warm):
        crowd.step()
    before = crowd.leases
    for _ in range(steps):
        crowd.step(operations)
    return operations.count / (crowd.leases - before)
