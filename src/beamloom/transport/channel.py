"""What a process needs of a transport: a mailbox of its own, and a way to those of others."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

from beamloom.transport.messages import AnyMessage
from beamloom.transport.metering import Meter


class Received(NamedTuple):
    """One message as it came in."""

    sender: str
    message: AnyMessage
    buffers: Sequence[Any]
    """The frames that came with it, each with the buffer protocol."""


class Channel(Protocol):
    """The mailbox of one process.

    Messages from one process to another arrive in the order in which they were sent, or not at all when one of them dies. Sending never
    waits: how much may be under way is bounded by the leases, not by the transport.
    """

    @property
    def peer(self) -> str:
        """The id under which this process sends."""

    @property
    def address(self) -> str:
        """Where others reach this mailbox."""

    def rename(self, peer: str) -> None:
        """From now on this process sends as ``peer``."""

    def connect(self, peer: str, address: str) -> None:
        """From now on ``peer`` can be sent to; does nothing when it is known at this address already."""

    def disconnect(self, peer: str) -> None:
        """Forget ``peer``; what is under way to it may be lost."""

    def refusal(self) -> str | None:
        """Why the controller does not let this process in, as a sentence; None while it does, or may."""

    @property
    def meter(self) -> Meter:
        """How much was sent and received here, and how long that was waited for."""

    @property
    def strangers(self) -> int:
        """Messages and connections that came from something that is no process of this pipeline."""

    def send(self, peer: str, message: AnyMessage, buffers: Sequence[Any] = ()) -> None:
        """Send to ``peer``; raises KeyError when it is not connected."""

    def receive(self, timeout: float) -> list[Received]:
        """What has arrived, oldest first. Waits up to ``timeout`` seconds for the first message, a watched source or a wake-up."""

    def watch(self, pollable: Any) -> None:
        """Let ``receive`` return early whenever this socket or file descriptor becomes readable."""

    def unwatch(self, pollable: Any) -> None:
        """Stop watching."""

    def wake(self) -> None:
        """Let a waiting ``receive`` return at once; may be called from any thread."""

    def close(self) -> None:
        """Send out what is under way, for a short while, and release the mailbox."""
