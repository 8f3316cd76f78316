"""The real controller: its decisions, and what they take of a real processor."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any, NamedTuple

from beamloom.services.controller.service import ControllerService
from beamloom.settings import ControllerSettings
from beamloom.transport.channel import Received
from beamloom.transport.messages import CONTROLLER, AnyMessage, Orders, Reduced, decode, encode
from beamloom.transport.metering import Meter
from simulation.costs import Costs
from simulation.world import HEAD, Host, Process, World


class Line:
    """The channel of the controller: what it sends goes into the simulated network, encoded as it would be."""

    def __init__(self, process: Controller) -> None:
        self.peer, self.address, self.strangers, self.meter = CONTROLLER, f"sim://{CONTROLLER}", 0, Meter()
        self.leases = 0
        """In all messages."""
        self._process = process
        self._said: AnyMessage | None = None
        self._nbytes = HEAD
        self._connected: set[str] = set()

    def rename(self, peer: str) -> None:
        self.peer = peer

    def connect(self, peer: str, address: str) -> None:
        self._connected.add(peer)

    def disconnect(self, peer: str) -> None:
        self._connected.discard(peer)

    def refusal(self) -> None:
        return None

    def send(self, peer: str, message: AnyMessage, buffers: Sequence[Any] = ()) -> None:
        if peer not in self._connected:
            raise KeyError(peer)
        if message is not self._said:
            # As on a real channel: what is told to several is encoded once.
            self._said, self._nbytes = message, HEAD + len(encode(self.peer, message))
            if isinstance(message, Orders):
                self.leases += len(message.spans)
        self._process.post(peer, message, self._nbytes)

    def receive(self, timeout: float) -> list[Received]:
        return []

    def watch(self, pollable: Any) -> None:
        """Nothing."""

    def unwatch(self, pollable: Any) -> None:
        """Nothing."""

    def wake(self) -> None:
        """Nothing."""

    def close(self) -> None:
        """Nothing."""


class Turn(NamedTuple):
    """What one turn was about, and the seconds of a real processor that it took."""

    heard: int
    ranges: int
    leases: int
    seconds: float


class Controller(Process):
    """The controller."""

    def __init__(self, world: World, host: Host, settings: ControllerSettings, costs: Costs) -> None:
        super().__init__(world, CONTROLLER, host)
        self.line = Line(self)
        self.service = ControllerService(settings, self.line)
        self.real_seconds = 0.0
        """Of a processor of this machine, without sockets."""
        self.longest_turn = 0.0
        """Simulated seconds."""
        self.turns: list[Turn] = []
        self._costs = costs

    def turn(self, now: float) -> float:
        written = [
            letter.message if isinstance(letter.message, bytes) else encode(letter.sender, letter.message)
            for letter in self.take()
        ]
        line, sent, leases, ranges = self.line, len(self._outgoing), self.line.leases, 0
        begun = time.process_time()
        for one in written:
            sender, message = decode(one)
            if isinstance(message, Reduced):
                ranges += len(message.deliveries)
            self.service.receive(Received(sender, message, ()), now)
        self.service.turn(now)
        took = time.process_time() - begun
        self.real_seconds += took
        # The ingesters are told all leases in one message, and each worker its own again.
        leases = (line.leases - leases) // 2
        self.turns.append(Turn(len(written), ranges, leases, took))
        costs = self._costs
        cost = (
            costs.controller_turn
            + len(written) * (costs.receive + costs.controller_message)
            + ranges * costs.controller_range
            + leases * costs.controller_lease
            + (len(self._outgoing) - sent) * costs.send_again
        )
        self.longest_turn = max(self.longest_turn, cost)
        return cost

    def rest(self, now: float) -> float:
        return 0.0 if self.inbox else self.service.wait(now)
