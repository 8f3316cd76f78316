"""Simulated time, processes that are busy or not, and the network between their hosts."""

from __future__ import annotations

import heapq
import math
from collections import deque
from collections.abc import Callable
from typing import Any, NamedTuple

from beamloom.transport.messages import CONTROLLER

LATENCY = 50e-6
"""Seconds from one host to another."""
HEAD = 200
"""Bytes of a message without content."""


class Letter(NamedTuple):
    """A message on its way."""

    sender: str
    message: Any
    nbytes: int = HEAD


class Host:
    """A machine, with one line to the network."""

    def __init__(self, bits_per_second: float) -> None:
        self._byte = 8 / bits_per_second
        self._out_until = self._in_until = 0.0
        self.bytes_out = self.bytes_in = 0

    def leaves(self, nbytes: int, now: float) -> float:
        """When so many bytes have gone out that are ready at ``now``."""
        self.bytes_out += nbytes
        self._out_until = max(self._out_until, now) + nbytes * self._byte
        return self._out_until

    def enters(self, nbytes: int, now: float) -> float:
        """When the last of so many bytes is in that comes to the line at ``now``."""
        self.bytes_in += nbytes
        self._in_until = max(self._in_until + nbytes * self._byte, now)
        return self._in_until


class World:
    """What happens, in its order."""

    def __init__(self) -> None:
        self.now = 0.0
        self.processes: dict[str, Process] = {}
        """By their addresses."""
        self._due: list[tuple[float, int, Callable[[], None]]] = []
        self._number = 0

    def at(self, when: float, call: Callable[[], None]) -> None:
        """Have this called then."""
        self._number += 1
        heapq.heappush(self._due, (when, self._number, call))

    def run(self, until: float, over: Callable[[], bool] = lambda: False) -> None:
        """Let time pass."""
        while self._due and self._due[0][0] <= until and not over():
            self.now, _, call = heapq.heappop(self._due)
            call()

    def send(self, host: Host, address: str, letter: Letter, when: float) -> None:
        """Put a message onto the network; it is gone where nobody has the address by the time."""
        there = self.processes.get(address)
        if there is not None:
            arrives = there.host.enters(letter.nbytes, host.leaves(letter.nbytes, when) + LATENCY)
            self.at(arrives, lambda: there.hear(letter))


class Process:
    """One that does one thing after the other: what comes while it is busy waits."""

    def __init__(self, world: World, name: str, host: Host) -> None:
        self.world, self.name, self.host = world, name, host
        self.inbox: deque[Letter] = deque()
        self.alive = True
        self.busy = 0.0
        """Seconds in which it has worked."""
        self.heard = self.sent = 0
        self._busy_until = 0.0
        self._wakes_at = math.inf
        self._outgoing: list[tuple[str, Letter]] = []
        world.processes[f"sim://{name}"] = self

    def hear(self, letter: Letter) -> None:
        """A message has come."""
        if self.alive:
            self.inbox.append(letter)
            self.wake(self.world.now)

    def wake(self, when: float) -> None:
        """It has something to do then, or as soon as it is free; infinite: nothing."""
        when = max(when, self._busy_until)
        if when < self._wakes_at and when < math.inf:
            self._wakes_at = when
            self.world.at(when, lambda: self._look(when))

    def _look(self, when: float) -> None:
        if when != self._wakes_at or not self.alive:
            return
        self._wakes_at = math.inf
        cost = self.turn(when)
        self.busy += cost
        self._busy_until = when + cost
        for peer, letter in self._outgoing:
            self.world.send(self.host, f"sim://{peer}", letter, self._busy_until)
        self.sent += len(self._outgoing)
        self._outgoing = []
        self.wake(self._busy_until + self.rest(self._busy_until))

    def take(self, most: int = 512) -> list[Letter]:
        """What has come."""
        taken = [self.inbox.popleft() for _ in range(min(most, len(self.inbox)))]
        self.heard += len(taken)
        return taken

    def post(self, peer: str, message: Any, nbytes: int = HEAD) -> None:
        """Send a message when this turn is over."""
        self._outgoing.append((peer, Letter(self.name, message, nbytes)))

    def tell(self, message: Any) -> None:
        """The same to the controller."""
        self.post(CONTROLLER, message)

    def die(self) -> None:
        """Nothing comes of it any more, nor of what it has begun."""
        self.alive = False
        self.inbox.clear()
        del self.world.processes[f"sim://{self.name}"]

    def turn(self, now: float) -> float:
        """Do what is to be done; returns the seconds that it takes."""
        raise NotImplementedError

    def rest(self, now: float) -> float:
        """Seconds until there is something to do though nothing has come."""
        raise NotImplementedError
