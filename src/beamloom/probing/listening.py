"""Receiving whatever a ZeroMQ socket sends, as it is."""

from __future__ import annotations

import time
from types import TracebackType
from typing import Any, Final, Self

import zmq

from beamloom.devices.zeromq import ZmqSource
from beamloom.events import Malformed, Packet

PULL_QUEUE: Final = 100
"""Messages that wait in this process before the device has to wait. A SUB socket has no limit: it would drop without a trace."""

NEXT: Final = b"next"
"""What a reader sends to be answered with the next message; the Karabo bridge's word, and nobody else's yet."""

_TURN_MS: Final = 10

_AT_ONCE: Final = 64
"""Messages that are received without looking up."""


class _Everything:
    """A message reader that keeps every message and makes no packets."""

    def __init__(self) -> None:
        self.messages: list[list[Any]] = []

    def take(self, frames: list[Any], items: list[Packet | Malformed]) -> None:
        """Keep the message."""
        self.messages.append(frames)


class Listener:
    """A connection to ``url`` by one pattern: ``zmq.SUB`` (all topics), ``zmq.PULL`` or ``zmq.REQ``.

    Raises ValueError with a sentence for an address that cannot be right.
    """

    def __init__(self, url: str, pattern: int) -> None:
        self.pattern = pattern
        self._kept = _Everything()
        self._source = ZmqSource(url, pattern, PULL_QUEUE if pattern == zmq.PULL else 0, self._kept)
        self._source.open()
        self._asked = False
        if pattern == zmq.REQ:
            # A sender that is started anew has forgotten the request; it may then be sent again.
            self._source.pollable.set(zmq.REQ_RELAXED, 1)
            self._source.pollable.set(zmq.REQ_CORRELATE, 1)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def problem(self) -> str | None:
        """Why there is no connection, in a sentence; None when there is one."""
        return self._source.connection_problem()

    def wait_connected(self, timeout: float) -> bool:
        """Whether the connection stands, at latest after ``timeout`` seconds; False at once when the peer does not suit the pattern."""
        end = time.monotonic() + timeout
        while self.problem() is not None:
            if self._source.unsuitable or time.monotonic() > end:
                return False
            self._source.pollable.poll(_TURN_MS)
        return True

    def close(self) -> None:
        """Release the connection at once. May be called twice."""
        self._source.close()

    def receive(self, timeout: float) -> list[list[Any]]:
        """What has come, each message as its list of frames; waits at most ``timeout`` seconds for the first."""
        if self.pattern == zmq.REQ and not self._asked:
            try:
                self._source.pollable.send(NEXT, zmq.DONTWAIT)
                self._asked = True
            except zmq.Again:
                pass
        if not self._source.pollable.poll(max(0, int(timeout * 1000))):
            return []
        self._source.read(2 if self.pattern == zmq.REQ else _AT_ONCE)
        messages, self._kept.messages = self._kept.messages, []
        self._asked = self._asked and not messages
        return messages
