"""Channels between processes, over ZeroMQ.

Each process binds one ROUTER socket, its mailbox, and connects one DEALER socket to the mailbox of each process that it sends to. So there
is one socket to wait on, no message passes through a third process, and a slow or dead receiver holds up nobody but itself. The queues are
unbounded on purpose: the leases bound what can be under way, and ZeroMQ never drops. What a mailbox has taken in and not yet
looked at is bounded, and so is the size of one frame; more waits where it is sent. The way back carries only how far the mailbox has come,
so that what a broken connection took with it is sent again (``links``). Signs of life are sent without numbers, and may get lost.

With keys only members of the pipeline are let in. Without, what is no message is dropped and counted.
"""

from __future__ import annotations

import contextlib
import logging
import os
import threading
import time
from collections.abc import Sequence
from typing import Any

import msgspec
import zmq

from beamloom.native import Receiver
from beamloom.transport.binding import MOST_WAITING, CannotBind, bind_one
from beamloom.transport.channel import Received
from beamloom.transport.doorkeeper import Doorkeeper
from beamloom.transport.handshakes import Handshakes
from beamloom.transport.keys import Keys
from beamloom.transport.links import KINDS, STAMP, Arrivals, Connection
from beamloom.transport.messages import CONTROLLER, AnyMessage, decode, encode
from beamloom.transport.metering import Meter
from beamloom.transport.nearby import Door
from beamloom.transport.outboxes import Outbox
from beamloom.transport.sense import makes_sense
from beamloom.transport.waiting import Waiter

logger = logging.getLogger(__name__)

TEND_EVERY = 0.1
"""Seconds between two looks at what is known to have arrived."""
DRAIN_LIMIT = 512
"""Most messages that one ``receive`` takes."""
LINGER_MILLISECONDS = 1000
LAST_WORDS_MILLISECONDS = 200
"""How long what is under way to a peer that is forgotten may still arrive."""
LARGEST_FRAME = (1 << 32) + (1 << 26)
"""Bytes of the largest frame that is taken; no result and no packet has as much in one piece (``codec`` refuses 4 GiB)."""
MESSAGES_WAITING = 10_000
"""Messages of one sender that a mailbox takes in before it has looked at them."""
HANDSHAKE_MILLISECONDS = 5000
"""How long somebody who has connected may take to say who he is."""


class ZmqChannel:
    """The mailbox of one process."""

    def __init__(
        self,
        peer: str,
        bind: str = "127.0.0.1",
        port: int = 0,
        advertise: str = "",
        *,
        keys: Keys | None = None,
        largest_frame: int = LARGEST_FRAME,
        ports: Sequence[int] | None = None,
    ) -> None:
        """Binds at once; ``port`` 0 picks a free one, of ``ports`` where they are given.

        Raises CannotBind when the address cannot be bound.

        With ``keys`` only their holders are let in, and only their holders are sent to.
        """
        self._peer = peer
        self._keys = keys
        self.meter = Meter()
        self._context = zmq.Context()
        self._context.set(zmq.MAX_SOCKETS, 65000)
        self._inbox: zmq.Socket[bytes] = self._context.socket(zmq.ROUTER)
        self._receiver = Receiver(self._inbox)
        self._inbox.set(zmq.RCVHWM, MESSAGES_WAITING)
        self._inbox.set(zmq.LINGER, 0)
        self._inbox.set(zmq.MAXMSGSIZE, largest_frame)
        self._inbox.set(zmq.HANDSHAKE_IVL, HANDSHAKE_MILLISECONDS)
        self._doorkeeper: Doorkeeper | None = None
        if keys is not None:
            keys.guard(self._inbox)
            self._doorkeeper = Doorkeeper(self._context, self._inbox, keys)
        self._inbox.set(zmq.BACKLOG, MOST_WAITING)
        try:
            bind_one(self._inbox, bind, [port] if port or ports is None else ports)
        except CannotBind:
            self._inbox.close()
            self._end_context()
            raise
        bound = self._inbox.get_string(zmq.LAST_ENDPOINT)
        self._address = f"tcp://{advertise or bind}:{bound.rsplit(':', 1)[1]}"
        self._outboxes: dict[str, Outbox] = {}
        self._said: AnyMessage | None = None
        self._said_head = b""
        self._arrivals = Arrivals()
        self._tend_at = 0.0
        self._handshakes: Handshakes | None = None
        self._waiter = Waiter()
        self._inbox_fd = self._waiter.add(int(self._inbox.fileno()))
        self._inbox_read = False
        """Whether all that had come was read, and nothing was done with the inbox since: then its descriptor tells of what comes."""
        self._door = None
        if keys is None:
            self._door = Door.beside(bind, int(bound.rsplit(":", 1)[1]), self._waiter)
        self._wake_fd = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._waiter.add(self._wake_fd)
        self._closing = threading.Lock()
        self._closed = False
        self.undecodable = 0
        """Messages that came from something that is no process of a pipeline."""
        self._told_of = 0

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
        self._said = None

    def connect(self, peer: str, address: str) -> None:
        """From now on ``peer`` can be sent to; does nothing when it is known at this address already."""
        known = self._outboxes.get(peer)
        if known is not None:
            if known.address == address:
                return
            if peer == CONTROLLER:
                self._listen_no_more()
            known.close(0)
        outbox: zmq.Socket[bytes] = self._context.socket(zmq.DEALER)
        outbox.set(zmq.SNDHWM, 0)
        outbox.set(zmq.LINGER, LINGER_MILLISECONDS)
        outbox.set(zmq.RECONNECT_IVL, 50)
        if self._keys is not None:
            self._keys.present(outbox)
        if peer == CONTROLLER:
            self._listen_no_more()
            self._handshakes = Handshakes(outbox, address, self._keys)
        try:
            outbox.connect(address)
        except (zmq.ZMQError, ValueError) as error:
            # The address came over the wire: what is sent there goes nowhere, as with a process that has died.
            logger.warning(
                "%.100r says that it is to be reached at %.100r, which is no address (%s)",
                peer,
                address,
                error,
            )
        self._outboxes[peer] = Outbox(outbox, address, near=self._keys is None)

    def refusal(self) -> str | None:
        """Why the controller does not let this process in, as a sentence; None while it does, or may."""
        return None if self._handshakes is None else self._handshakes.refusal(time.monotonic())

    @property
    def unanswered(self) -> int:
        """Messages of this process that are not known to have arrived yet."""
        return sum(outbox.waiting for outbox in self._outboxes.values())

    @property
    def strangers(self) -> int:
        """Messages and connections that came from something that is no process of this pipeline."""
        return self.undecodable + (0 if self._doorkeeper is None else self._doorkeeper.turned_away)

    def _listen_no_more(self) -> None:
        if self._handshakes is not None:
            self._handshakes.close()
            self._handshakes = None

    def disconnect(self, peer: str) -> None:
        """Forget ``peer``; what is under way to it may be lost."""
        known = self._outboxes.pop(peer, None)
        if known is not None:
            if peer == CONTROLLER:
                self._listen_no_more()
            known.close(LAST_WORDS_MILLISECONDS)

    def send(self, peer: str, message: AnyMessage, buffers: Sequence[Any] = ()) -> None:
        """Send to ``peer``; raises KeyError when it is not connected."""
        if message is not self._said:
            # What is told to several, one after the other, is encoded once.
            self._said, self._said_head = message, encode(self._peer, message)
        self._outboxes[peer].send(self._said_head, buffers)
        self.meter.sent += 1

    def receive(self, timeout: float) -> list[Received]:
        """What has arrived, oldest first."""
        if (now := time.monotonic()) >= self._tend_at:
            self._tend_at = now + TEND_EVERY
            for outbox in self._outboxes.values():
                outbox.tend(now)
            self.meter.unanswered = self.unanswered
            self._inbox_read = False
        if not self._inbox_read:
            received, happened = self._look(0.0)
            if received or happened or timeout <= 0:
                return received
        if self.meter.unanswered:
            timeout = min(timeout, TEND_EVERY)
        begun = time.monotonic()
        received, _ = self._look(timeout)
        self.meter.waiting += time.monotonic() - begun
        return received

    def _look(self, timeout: float) -> tuple[list[Received], bool]:
        """What has come by all ways, or comes within ``timeout`` seconds; and whether anything has happened."""
        ready = self._waiter.wait(timeout)
        if self._wake_fd in ready:
            os.eventfd_read(self._wake_fd)
        if self.strangers > self._told_of:
            self._tell_of_strangers()
        received: list[Received] = []
        # The shorter way first: what came by it may be waited for by what came by the other one.
        if self._door is not None:
            for caller, frames in self._door.hear(ready):
                self._take(caller, frames, received)
        if self._inbox_fd in ready or not self._inbox_read:
            self._drain(received)
        self.meter.received += len(received)
        if self._arrivals.answers:
            self._answer()
        return received, bool(ready)

    def _tell_of_strangers(self) -> None:
        """One line for the first, one for ten times as many: nobody can fill the log from outside."""
        count = self.strangers
        if len(str(count)) > len(str(self._told_of)) or not self._told_of:
            refused = (
                "who hold no key of this pipeline"
                if self._keys is not None
                else "who are no process of a pipeline"
            )
            logger.warning(
                "the mailbox at %s has turned away %d messages or connections of strangers, %s; see who connects to this port",
                self._address,
                count,
                refused,
            )
        self._told_of = count

    def _drain(self, received: list[Received]) -> None:
        """Add what has come by ZeroMQ."""
        frames, counts = self._receiver.receive(DRAIN_LIMIT)
        self._inbox_read = len(counts) < DRAIN_LIMIT
        end = 0
        for count in counts:
            begin, end = end, end + count
            if count < 2:
                self.undecodable += 1
                continue
            self._take(bytes(frames[begin]), frames[begin + 1 : end], received)

    def _take(self, connection: Connection, frames: Sequence[Any], received: list[Received]) -> None:
        """Add this message to what was received, if it is its turn, and those that have waited for it."""
        head, size = bytes(frames[0]), sum(map(len, frames))
        if len(head) < STAMP.size or head[0] not in KINDS:
            self._read(head, frames[1:], size, received)
            return
        arrivals = self._arrivals
        if not arrivals.take(connection, head, size, frames):
            return
        self._read(memoryview(head)[STAMP.size :], frames[1:], size, received)
        while arrivals.released:
            released, arrivals.released = arrivals.released, []
            for _, late in released:
                self._read(memoryview(bytes(late[0]))[STAMP.size :], late[1:], sum(map(len, late)), received)

    def _read(self, head: Any, buffers: Sequence[Any], size: int, received: list[Received]) -> None:
        try:
            sender, message = decode(head)
        except msgspec.DecodeError:
            self.undecodable += 1
            return
        if not makes_sense(message, buffers):
            self.undecodable += 1
            return
        self.meter.bytes_received += size
        received.append(Received(sender, message, buffers))

    def _answer(self) -> None:
        for connection, answer in self._arrivals.answers:
            if not isinstance(connection, bytes):
                connection.answer(answer)
                continue
            self._inbox_read = False
            # Where the connection is gone, the question comes again by the next one.
            with contextlib.suppress(zmq.ZMQError):
                self._inbox.send_multipart((connection, answer), zmq.DONTWAIT)
        self._arrivals.answers.clear()

    def watch(self, pollable: Any) -> None:
        """Let ``receive`` return early whenever this socket or file descriptor becomes readable."""
        self._waiter.add(pollable)

    def unwatch(self, pollable: Any) -> None:
        """Stop watching."""
        self._waiter.remove(pollable)

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
        self._listen_no_more()
        for outbox in self._outboxes.values():
            outbox.close()
        if self._door is not None:
            self._door.close()
        self._inbox.close(0)
        os.close(self._wake_fd)
        self._end_context()

    def _end_context(self) -> None:
        self._context.term()
        if self._doorkeeper is not None:
            self._doorkeeper.join()
