"""Channels between processes, over ZeroMQ.

Each process binds one PULL socket, its mailbox, and connects one PUSH socket to the mailbox of each process that it sends to. So there is
one socket to wait on, no message passes through a third process, and a slow or dead receiver holds up nobody but itself. The queues are
unbounded on purpose: the leases bound what can be under way, and ZeroMQ never drops.
"""

from __future__ import annotations

import math
import os
import threading
from collections.abc import Sequence
from typing import Any

import msgspec
import zmq

from beamloom.events import frame_bytes
from beamloom.transport.channel import Received
from beamloom.transport.messages import AnyMessage, decode, encode

COPY_BYTES = 64 * 1024
"""Frames from this size on are handed to ZeroMQ without a copy; below it the copy is cheaper."""
DRAIN_LIMIT = 512
"""Most messages that one ``receive`` takes."""
LINGER_MILLISECONDS = 1000
LAST_WORDS_MILLISECONDS = 200
"""How long what is under way to a peer that is forgotten may still arrive."""


class ZmqChannel:
    """The mailbox of one process."""

    def __init__(self, peer: str, bind: str = "127.0.0.1", port: int = 0, advertise: str = "") -> None:
        """Binds at once; ``port`` 0 picks a free one. Raises OSError with a sentence when the address cannot be bound."""
        self._peer = peer
        self._context = zmq.Context()
        self._context.set(zmq.MAX_SOCKETS, 65000)
        self._inbox: zmq.Socket[bytes] = self._context.socket(zmq.PULL)
        self._inbox.set(zmq.RCVHWM, 0)
        self._inbox.set(zmq.LINGER, 0)
        try:
            self._inbox.bind(f"tcp://{bind}:{port or '*'}")
        except zmq.ZMQError as error:
            self._inbox.close()
            self._context.term()
            raise OSError(
                f"cannot listen at {bind}:{port} ({error}); is another controller or service running there?"
            ) from error
        bound = self._inbox.get_string(zmq.LAST_ENDPOINT)
        self._address = f"tcp://{advertise or bind}:{bound.rsplit(':', 1)[1]}"
        self._outboxes: dict[str, tuple[str, zmq.Socket[bytes]]] = {}
        self._poller = zmq.Poller()
        self._poller.register(self._inbox, zmq.POLLIN)
        self._wake_fd = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._poller.register(self._wake_fd, zmq.POLLIN)
        self._closing = threading.Lock()
        self._closed = False
        self.undecodable = 0
        """Messages that came from something that is no process of a pipeline."""

    @property
    def peer(self) -> str:
        """The id under which this process sends."""
        return self._peer

    @property
    def address(self) -> str:
        """Where others reach this mailbox."""
        return self._address

    def rename(self, peer: str) -> None:
        """From now on this process sends as ``peer``."""
        self._peer = peer

    def connect(self, peer: str, address: str) -> None:
        """From now on ``peer`` can be sent to; does nothing when it is known at this address already."""
        known = self._outboxes.get(peer)
        if known is not None:
            if known[0] == address:
                return
            known[1].close(0)
        outbox: zmq.Socket[bytes] = self._context.socket(zmq.PUSH)
        outbox.set(zmq.SNDHWM, 0)
        outbox.set(zmq.LINGER, LINGER_MILLISECONDS)
        outbox.set(zmq.RECONNECT_IVL, 50)
        outbox.connect(address)
        self._outboxes[peer] = (address, outbox)

    def disconnect(self, peer: str) -> None:
        """Forget ``peer``; what is under way to it may be lost."""
        known = self._outboxes.pop(peer, None)
        if known is not None:
            known[1].close(LAST_WORDS_MILLISECONDS)

    def send(self, peer: str, message: AnyMessage, buffers: Sequence[Any] = ()) -> None:
        """Send to ``peer``; raises KeyError when it is not connected."""
        outbox = self._outboxes[peer][1]
        head = encode(self._peer, message)
        if not buffers:
            outbox.send(head)
            return
        outbox.send(head, zmq.SNDMORE)
        last = len(buffers) - 1
        for i, buffer in enumerate(buffers):
            outbox.send(buffer, zmq.SNDMORE if i < last else 0, copy=frame_bytes(buffer) < COPY_BYTES)

    def receive(self, timeout: float) -> list[Received]:
        """What has arrived, oldest first."""
        received = self._drain()
        if received:
            return received
        for socket, _ in self._poller.poll(math.ceil(max(0, timeout) * 1000)):
            if socket == self._wake_fd:
                os.eventfd_read(self._wake_fd)
        return self._drain()

    def _drain(self) -> list[Received]:
        received: list[Received] = []
        receive = self._inbox.recv
        while len(received) < DRAIN_LIMIT:
            try:
                head = receive(zmq.DONTWAIT)
            except zmq.Again:
                break
            buffers: list[Any] = []
            while self._inbox.rcvmore:
                frame = receive(zmq.DONTWAIT, False)
                buffers.append(frame.bytes if len(frame) < COPY_BYTES else frame)
            try:
                sender, message = decode(head)
            except msgspec.DecodeError:
                self.undecodable += 1
                continue
            received.append(Received(sender, message, buffers))
        return received

    def watch(self, pollable: Any) -> None:
        """Let ``receive`` return early whenever this socket or file descriptor becomes readable."""
        self._poller.register(pollable, zmq.POLLIN)

    def unwatch(self, pollable: Any) -> None:
        """Stop watching."""
        self._poller.unregister(pollable)

    def wake(self) -> None:
        """Let a waiting ``receive`` return at once; may be called from any thread."""
        with self._closing:
            if not self._closed:
                os.eventfd_write(self._wake_fd, 1)

    def close(self) -> None:
        """Send out what is under way, for a short while, and release the mailbox."""
        with self._closing:
            if self._closed:
                return
            self._closed = True
        for _, outbox in self._outboxes.values():
            outbox.close()
        self._inbox.close(0)
        os.close(self._wake_fd)
        self._context.term()
