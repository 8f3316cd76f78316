"""The socket that clients ask at: who asks, who is gone, who sleeps. What they ask for is not its business.

Of each client one question is open at a time. Nobody is sent anything that was not asked for, but those who are woken (see `sleepers`).

An answer to a client whose end ZeroMQ knows of fails, and is one to somebody else. Whose end it learns of only later, `look` names as gone.
"""

from __future__ import annotations

import time
from typing import NamedTuple

import zmq
from zmq.utils.monitor import parse_monitor_message

from beamloom.apps.crystallography.streaming.connections import DOUBT, Connections, Heard
from beamloom.apps.crystallography.streaming.sleepers import Sleepers

NOTHING_YET = b"nothing yet"

_LONGEST_REQUEST = 4096
_HEARTBEAT = 10_000
"""Milliseconds between looks whether the host of a client is still there."""
_HEARTBEAT_PATIENCE = 60_000
"""Milliseconds: a frame must reach a client behind a slow line in that time."""
_AT_ONCE = 256
"""Requests that are read before the rest gets its turn."""
_EVENTS = zmq.EVENT_ACCEPTED | zmq.EVENT_HANDSHAKE_SUCCEEDED | zmq.EVENT_DISCONNECTED


class Request(NamedTuple):
    """What a client asks for."""

    client: bytes
    what: bytes


class Reception:
    """One socket, used by one thread at a time. Raises zmq.ZMQError if it cannot listen at the address."""

    def __init__(self, context: zmq.Context[zmq.Socket[bytes]], address: str, wake_after: float) -> None:
        self._context = context
        self._connections = Connections()
        self._envelopes: dict[bytes, list[bytes]] = {}
        self._settling: dict[bytes, Request] = {}
        self._unsure: dict[bytes, float] = {}
        """Clients of whom it is not certain that they are there, and when they are told that there is nothing."""
        self._router = context.socket(zmq.ROUTER)
        self._router.linger = 0
        self._router.router_mandatory = True
        self._router.maxmsgsize = _LONGEST_REQUEST
        self._router.heartbeat_ivl = _HEARTBEAT
        self._router.heartbeat_timeout = _HEARTBEAT_PATIENCE
        self._monitor = self._router.get_monitor_socket(_EVENTS)
        try:
            self._sleepers = Sleepers(self._name_of_a_peer(), wake_after)
            self._router.bind(address)
        except zmq.ZMQError:
            self.close()
            raise
        self.sockets = (self._router, self._monitor)
        """To be polled."""

    def look(self) -> tuple[list[bytes], list[Request]]:
        """The clients that are gone, and what others ask."""
        # Messages are read first, and connections taken into account first: see connections.
        arrived = self._arrived()
        now = time.monotonic()
        gone = self._hear_connections(now)
        requests = [
            self._settling.pop(name) for name in self._sleepers.settled(now) if name in self._settling
        ]
        for frames, number in arrived:
            request = Request(frames[0], frames[-1])
            heard = Heard.HERE if number < 0 else self._connections.heard(request.client, number, now)
            if heard is Heard.GONE:
                continue
            self._envelopes[request.client] = frames[:-1]
            self._sleepers.heard(request.client)
            if heard is Heard.UNSURE:
                self._unsure.setdefault(request.client, now + DOUBT)
            elif self._sleepers.settles(request.client, now):
                self._settling[request.client] = request
            else:
                requests.append(request)
        displaced = self._connections.displaced()
        for client in displaced:
            self._forget(client)
        gone += displaced
        for client in [name for name, due in self._unsure.items() if due <= now]:
            del self._unsure[client]
            self.reply(client, NOTHING_YET)
        for client in self._sleepers.due(now):
            self._envelopes[client] = [client, b""]
            self.reply(client, NOTHING_YET)
        return gone, requests

    def reply(self, client: bytes, payload: bytes | memoryview) -> bool:
        """Answer the client; False if it is not there any more, or reads nothing."""
        envelope = self._envelopes.get(client)
        if envelope is None:
            return False
        # Else ZeroMQ looks for a millisecond at what it knew before, and takes messages for clients that it knows are gone.
        self._router.getsockopt(zmq.EVENTS)
        try:
            self._router.send_multipart([*envelope, payload], zmq.NOBLOCK, copy=False)
        except zmq.ZMQError:
            self._forget(client)
            return False
        return True

    def deadline(self) -> float | None:
        """When to look again though nothing has come; a time of ``time.monotonic``."""
        times = [*self._unsure.values(), self._sleepers.deadline()]
        return min((at for at in times if at is not None), default=None)

    def close(self) -> None:
        self._router.disable_monitor()
        self._monitor.close()
        self._router.close()

    def _name_of_a_peer(self) -> bytes:
        self._router.bind("inproc://hits")
        with self._context.socket(zmq.DEALER) as peer:
            peer.linger = 0
            peer.connect("inproc://hits")
            peer.send(b"")
            return self._router.recv_multipart()[0]

    def _arrived(self) -> list[tuple[list[bytes], int]]:
        found = []
        for _ in range(_AT_ONCE):
            try:
                frames = self._router.recv_multipart(zmq.NOBLOCK, copy=False)
            except zmq.Again:
                break
            found.append(([frame.bytes for frame in frames], _connection_of(frames[-1])))
        return found

    def _hear_connections(self, now: float) -> list[bytes]:
        gone: list[bytes] = []
        while self._monitor.poll(0):
            event = parse_monitor_message(self._monitor.recv_multipart())
            if event["event"] == zmq.EVENT_ACCEPTED:
                self._connections.opened(event["value"])
            elif event["event"] == zmq.EVENT_HANDSHAKE_SUCCEEDED:
                self._sleepers.connected(now)
            elif event["event"] == zmq.EVENT_DISCONNECTED:
                gone += self._connections.closed(event["value"])
        for client in gone:
            self._forget(client)
        return gone

    def _forget(self, client: bytes) -> None:
        self._envelopes.pop(client, None)
        self._settling.pop(client, None)
        self._unsure.pop(client, None)
        self._connections.forget(client)


def _connection_of(frame: zmq.Frame) -> int:
    """The number of the connection that a message came by; -1 if ZeroMQ does not tell."""
    try:
        return int(frame.get(zmq.SRCFD))
    except (zmq.ZMQError, ValueError):
        return -1
