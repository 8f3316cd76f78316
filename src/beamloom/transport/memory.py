"""Channels between services that share one process: the inline pipeline's transport."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Any

from beamloom.transport.channel import Received
from beamloom.transport.messages import AnyMessage
from beamloom.transport.metering import Meter


class Exchange:
    """The mailboxes of one process, by address."""

    def __init__(self) -> None:
        self._boxes: dict[str, deque[Received]] = {}

    def channel(self, peer: str) -> MemoryChannel:
        """A new mailbox for a service that calls itself ``peer``."""
        box: deque[Received] = deque()
        self._boxes[f"memory://{peer}"] = box
        return MemoryChannel(peer, f"memory://{peer}", box, self._boxes)

    @property
    def busy(self) -> bool:
        """Whether any message waits in any mailbox."""
        return any(self._boxes.values())


class MemoryChannel:
    """A mailbox in memory. ``receive`` never waits: whoever drives the services decides who is next."""

    def __init__(
        self, peer: str, address: str, box: deque[Received], boxes: dict[str, deque[Received]]
    ) -> None:
        self._peer = peer
        self._address = address
        self._box = box
        self._boxes = boxes
        self._connected: dict[str, str] = {}
        self.meter = Meter()

    @property
    def peer(self) -> str:
        """The id under which this service sends."""
        return self._peer

    @property
    def address(self) -> str:
        """Where others reach this mailbox."""
        return self._address

    def rename(self, peer: str) -> None:
        """From now on this process sends as ``peer``."""
        self._peer = peer

    def connect(self, peer: str, address: str) -> None:
        """From now on ``peer`` can be sent to."""
        self._connected[peer] = address

    def disconnect(self, peer: str) -> None:
        """Forget ``peer``."""
        self._connected.pop(peer, None)

    def refusal(self) -> str | None:
        """Nobody is kept out."""
        return None

    @property
    def strangers(self) -> int:
        """There are none in this process."""
        return 0

    def send(self, peer: str, message: AnyMessage, buffers: Sequence[Any] = ()) -> None:
        """Put a message into the mailbox of ``peer``; it is gone when that mailbox has been closed."""
        box = self._boxes.get(self._connected[peer])
        self.meter.sent += 1
        if box is not None:
            box.append(Received(self._peer, message, buffers))

    def receive(self, timeout: float) -> list[Received]:
        """What is in the mailbox."""
        received = list(self._box)
        self.meter.received += len(received)
        self._box.clear()
        return received

    def watch(self, pollable: Any) -> None:
        """Nothing to wait for."""

    def unwatch(self, pollable: Any) -> None:
        """Nothing to wait for."""

    def wake(self) -> None:
        """Nothing waits."""

    def close(self) -> None:
        """Take the mailbox away."""
        self._boxes.pop(self._address, None)
