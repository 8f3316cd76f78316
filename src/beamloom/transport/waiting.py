"""Waits for any of several sockets and file descriptors, with one system call.

ZeroMQ's own poller asks each socket several times over: 22 of the 58 system calls that an ingester made for an event at 100 Hz were
its, half of them between the arrival of the packet and its being read. ZeroMQ gives each socket a descriptor that becomes readable when
something has happened to the socket; it says nothing of what came before the socket was last used. So a socket that has something
already is asked for once before the wait, and not used again until it is over.
"""

from __future__ import annotations

import math
import select
from collections.abc import Collection
from typing import Any

import zmq

EVENTS, READABLE = int(zmq.EVENTS), int(zmq.POLLIN)
"""As plain integers: to combine members of an enumeration costs as much as to ask a socket."""


POLL_RESOLUTION = 0.001
"""Seconds: ``poll`` waits for whole milliseconds, ``select`` for microseconds."""
SELECTABLE = 1024
"""Descriptors from this one on cannot be given to ``select``."""


class Waiter:
    """What one thread waits for."""

    def __init__(self) -> None:
        self._poll = select.poll()
        self._sockets: dict[int, zmq.Socket[Any]] = {}
        """By descriptor."""
        self._descriptors: list[int] = []
        self._highest = 0

    def add(self, pollable: Any) -> int:
        """From now on wait for this ZeroMQ socket or file descriptor, too; returns the descriptor."""
        descriptor = _descriptor(pollable)
        self._poll.register(descriptor, select.POLLIN)
        if isinstance(pollable, zmq.Socket):
            self._sockets[descriptor] = pollable
        if descriptor not in self._descriptors:
            self._changed([*self._descriptors, descriptor])
        return descriptor

    def remove(self, pollable: Any) -> None:
        """Wait for it no longer. Raises KeyError for what is not waited for."""
        descriptor = _descriptor(pollable)
        self._poll.unregister(descriptor)
        self._sockets.pop(descriptor, None)
        self._changed([one for one in self._descriptors if one != descriptor])

    def _changed(self, descriptors: list[int]) -> None:
        self._descriptors = descriptors
        self._highest = max(descriptors, default=0)

    def wait(self, timeout: float) -> Collection[int]:
        """The descriptors of those to which something has happened: at once, or within ``timeout`` seconds; empty when there are none.

        One may be named twice.
        """
        there = [
            descriptor for descriptor, socket in self._sockets.items() if int(socket.get(EVENTS)) & READABLE
        ]
        if there:
            timeout = 0.0
        if 0.0 < timeout < POLL_RESOLUTION and self._highest < SELECTABLE:
            return select.select(self._descriptors, (), (), timeout)[0]
        return there + [descriptor for descriptor, _ in self._poll.poll(math.ceil(max(0.0, timeout) * 1000))]


def tells_rest(pollable: Any) -> bool:
    """Whether a wait for this ends at once while anything is left there that was not read; a file descriptor knows only of its own."""
    return isinstance(pollable, zmq.Socket)


def _descriptor(pollable: Any) -> int:
    return pollable if isinstance(pollable, int) else int(pollable.fileno())
