"""Sources that read from a device over TCP, without ever waiting.

What is the same for all of them lives here: finding the host, connecting, greeting, knowing that one is connected, connecting again. What
the bytes mean, the device's own ``ByteReader`` says.
"""

from __future__ import annotations

import errno
import os
import re
import select
import socket
import threading
import time
from collections import deque
from collections.abc import Sequence
from enum import Enum, auto
from typing import Any, Final, Protocol

from beamloom.devices.device import ResumableReader
from beamloom.devices.zeromq import KEEPALIVE_COUNT, KEEPALIVE_IDLE, KEEPALIVE_INTERVAL
from beamloom.events import Bearing, Malformed, Packet

RETRY_SECONDS: Final = 0.2
"""How long after a failed attempt, or a broken connection, the next is made."""

PATIENCE_SECONDS: Final = 5.0
"""How long one attempt may take, the greeting included."""

RECEIVE_BYTES: Final = 1 << 16
"""Bytes that are taken from the socket at once."""

_ADDRESS: Final = re.compile(r"tcp://(?P<host>\[[0-9A-Fa-f:.%\w]+\]|[^\s/:*]+):(?P<port>\d{1,5})")

_KEEPALIVE: Final = (
    (socket.TCP_KEEPIDLE, KEEPALIVE_IDLE),
    (socket.TCP_KEEPINTVL, KEEPALIVE_INTERVAL),
    (socket.TCP_KEEPCNT, KEEPALIVE_COUNT),
)


class LostTrack(Exception):
    """The bytes do not follow the protocol any more; only a new connection helps. The text says why."""


class ByteReader(Protocol):
    """Knows what the bytes of one device mean; made anew for each run."""

    @property
    def greeting(self) -> bytes:
        """What is sent first on each connection."""

    def refusal(self, answer: bytes) -> str | None:
        """Why the line ``answer`` does not welcome us, as the end of a sentence that begins with the address; None when it does."""

    def feed(self, received: bytes, items: list[Packet | Malformed]) -> None:
        """Append what the bytes complete. Raises LostTrack."""

    def connection_lost(self) -> None:
        """The connection has ended; another may come."""


class _State(Enum):
    CLOSED = auto()
    RESOLVING = auto()
    CONNECTING = auto()
    GREETING = auto()
    READY = auto()
    RESTING = auto()


class TcpSource:
    """A connection to one device over TCP, for one run. It connects in ``open``, not before, and again whenever the connection breaks."""

    def __init__(self, url: str, reader: ByteReader) -> None:
        self.connections = 0
        """How often the device has welcomed us."""
        self.discarded_before_start = 0
        """None: a connection is made for the run, and the device sends nothing before it is armed."""
        self.rearms = True
        self._url = url
        self._reader = reader
        self._state = _State.CLOSED
        self._since = 0.0
        self._problem: str | None = None
        self._socket: socket.socket | None = None
        self._epoll: select.epoll | None = None
        self._host, self._port = "", 0
        self._resolver: _Resolver | None = None
        self._addresses: list[Any] = []
        self._attempts = 0
        self._waiting: deque[Packet | Malformed] = deque()

    @property
    def bearing(self) -> Bearing | None:
        """What another source needs to number the packets that are still to come; None while no series has begun, or where none could."""
        return self._reader.bearing if isinstance(self._reader, ResumableReader) else None

    def resume(self, bearing: Bearing, *, one_series: bool) -> int:
        """Called before ``open``: the series has begun; as of a ResumableSource."""
        if not isinstance(self._reader, ResumableReader):
            raise ValueError("its packets have no numbers of their own that would tell their events")
        return self._reader.resume(bearing, one_series=one_series)

    # ---- what an ingester calls -------------------------------------------------------------------------------------------

    def open(self) -> None:
        """Begin to connect; returns at once. Raises ValueError with a sentence for an address that cannot be right."""
        if self._state is not _State.CLOSED:
            return
        found = _ADDRESS.fullmatch(self._url)
        if found is None or not 0 < int(found["port"]) < 65536:
            raise ValueError(
                f"{self._url!r} is no address of a device; write it like tcp://host.example.org:8889"
            )
        self._host, self._port = found["host"].strip("[]"), int(found["port"])
        self._epoll = select.epoll()
        self._look_up(self._epoll)

    def connected(self) -> bool:
        """Whether the device has welcomed us and will not send past us."""
        self._advance()
        return self._state is _State.READY

    def connection_problem(self) -> str | None:
        """Why there is no connection, in a sentence; None when there is one."""
        self._advance()
        if self._state is _State.READY:
            return None
        if self._state is _State.CLOSED:
            return f"the connection to {self._url} is not open"
        if self._problem is not None:
            return self._problem
        return (
            f"nothing has answered at {self._url} yet; check that the device is running and that no firewall is in between, "
            "or leave the stream out of the map"
        )

    @property
    def reconnects(self) -> int:
        """How often the device has welcomed us again."""
        return max(0, self.connections - 1)

    @property
    def pollable(self) -> int:
        """A file descriptor, the same for all connections of the run. Raises RuntimeError before ``open`` and after ``close``."""
        if self._epoll is None:
            raise RuntimeError(f"the connection to {self._url} is not open; call open() first")
        return self._epoll.fileno()

    def read(self, limit: int) -> Sequence[Packet | Malformed]:
        """At most ``limit`` items of what has arrived, in order of arrival; empty when nothing has. Never waits."""
        waiting = self._waiting
        while len(waiting) < limit:
            self._advance()
            if self._state is not _State.READY or not self._receive():
                break
        return [waiting.popleft() for _ in range(min(limit, len(waiting)))]

    def close(self) -> None:
        """Release the connection at once. May be called twice."""
        self._drop()
        if self._resolver is not None:
            self._resolver.forget()
        if self._epoll is not None:
            self._epoll.close()
        self._epoll = self._resolver = None
        self._addresses = []
        self._waiting.clear()
        self._enter(_State.CLOSED)

    # ---- the connection ---------------------------------------------------------------------------------------------------

    def _enter(self, state: _State) -> None:
        self._state = state
        self._since = time.monotonic()

    def _advance(self) -> None:
        """Do what can be done now towards a connection."""
        epoll, connection = self._epoll, self._socket
        if self._state is _State.READY or epoll is None:
            return
        if self._state is _State.RESTING and time.monotonic() - self._since >= RETRY_SECONDS:
            if self._addresses:
                self._connect(epoll)
            else:
                self._look_up(epoll)
        elif self._state is _State.RESOLVING and self._resolver is not None:
            self._take_addresses(epoll, self._resolver)
        elif connection is not None:
            if self._state is _State.CONNECTING:
                self._finish_connecting(epoll, connection)
            if self._state is _State.GREETING:
                self._read_answer(connection)
            if self._state in _ATTEMPTING and time.monotonic() - self._since >= PATIENCE_SECONDS:
                self._rest(
                    f"what listens at {self._url} does not answer; check the port and that the device is running"
                )

    def _look_up(self, epoll: select.epoll) -> None:
        self._resolver = _Resolver(self._host, self._port)
        epoll.register(self._resolver.event, select.EPOLLIN)
        self._enter(_State.RESOLVING)
        self._advance()

    def _take_addresses(self, epoll: select.epoll, resolver: _Resolver) -> None:
        if not resolver.done:
            return
        epoll.unregister(resolver.event)
        resolver.forget()
        self._resolver = None
        self._addresses = resolver.addresses
        if self._addresses:
            self._connect(epoll)
        else:
            self._rest(
                f"the host of {self._url} is not known ({resolver.problem}); check how it is written, "
                "or leave the stream out of the map"
            )

    def _connect(self, epoll: select.epoll) -> None:
        family, address = self._addresses[self._attempts % len(self._addresses)]
        self._attempts += 1
        try:
            connection = socket.socket(family, socket.SOCK_STREAM)
        except OSError as failure:
            # A name may have an address of a kind that this machine has been told not to use; the next one is tried.
            self._rest(self._refused(failure.errno or 0))
            return
        connection.setblocking(False)
        # A device that is switched off does not close its connection; only an unanswered keep-alive tells.
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for option, value in _KEEPALIVE:
            connection.setsockopt(socket.IPPROTO_TCP, option, value)
        self._socket = connection
        error = connection.connect_ex(address)
        if error not in (0, errno.EINPROGRESS):
            self._rest(self._refused(error))
            return
        epoll.register(connection, select.EPOLLOUT)
        self._enter(_State.CONNECTING)

    def _finish_connecting(self, epoll: select.epoll, connection: socket.socket) -> None:
        poller = select.poll()
        poller.register(connection, select.POLLOUT)
        if not poller.poll(0):
            return
        if error := connection.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
            self._rest(self._refused(error))
            return
        try:
            # A fresh socket has room for a line.
            connection.send(self._reader.greeting)
        except OSError as failure:
            self._rest(self._refused(failure.errno or 0))
            return
        epoll.modify(connection, select.EPOLLIN)
        self._state = _State.GREETING

    def _read_answer(self, connection: socket.socket) -> None:
        """Take the line of welcome, and nothing of what comes after it."""
        seen = self._take_bytes(connection, _LONGEST_ANSWER, socket.MSG_PEEK)
        if seen is None or (b"\n" not in seen and len(seen) < _LONGEST_ANSWER):
            return
        line = seen[: seen.find(b"\n") + 1] or seen
        connection.recv(len(line))
        refusal = self._reader.refusal(line.removesuffix(b"\n"))
        if refusal is not None:
            self._rest(f"{self._url} {refusal}")
            return
        self._problem = None
        self.connections += 1
        self._enter(_State.READY)

    def _receive(self) -> bool:
        """Take what has arrived; whether that was anything."""
        received = None if self._socket is None else self._take_bytes(self._socket, RECEIVE_BYTES)
        if received is None:
            return False
        items: list[Packet | Malformed] = []
        try:
            self._reader.feed(received, items)
        except LostTrack as lost:
            items.append(Malformed(str(lost), [received]))
            self._rest(f"what {self._url} sent could not be followed: {lost}")
        self._waiting.extend(items)
        return True

    def _take_bytes(self, connection: socket.socket, size: int, flags: int = 0) -> bytes | None:
        """At most ``size`` bytes; None when there are none now, or none any more."""
        try:
            received = connection.recv(size, flags)
        except BlockingIOError:
            return None
        except OSError as error:
            self._rest(
                f"the connection to {self._url} broke off ({_reason(error.errno)}); is the device still running?"
            )
            return None
        if not received:
            self._rest(f"{self._url} has closed the connection; is the device still running?")
            return None
        return received

    def _refused(self, error: int) -> str:
        return (
            f"nothing listens at {self._url} ({_reason(error)}; tried {self._attempts} times); "
            "start the device or leave the stream out of the map"
        )

    def _rest(self, problem: str) -> None:
        """Give this connection up, and try again later."""
        self._problem = problem
        self._drop()
        self._enter(_State.RESTING)

    def _drop(self) -> None:
        if self._socket is not None:
            # By that it is no longer polled either.
            self._socket.close()
            self._socket = None
            self._reader.connection_lost()


_ATTEMPTING: Final = (_State.CONNECTING, _State.GREETING)

_LONGEST_ANSWER: Final = 256


def _reason(error: int | None) -> str:
    return os.strerror(error or 0).lower()


class _Resolver:
    """Looks a host up in a thread of its own: the system's resolver may take many seconds."""

    def __init__(self, host: str, port: int) -> None:
        self.addresses: list[Any] = []
        self.problem = ""
        self.done = False
        self.event = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        """Becomes readable when ``done``."""
        self._lock = threading.Lock()
        try:
            self._look_up(host, port, socket.AI_NUMERICHOST)
        except socket.gaierror:
            threading.Thread(target=self._run, args=(host, port), name=f"look up {host}", daemon=True).start()

    def forget(self) -> None:
        """Nobody waits for the answer any more."""
        with self._lock:
            if self.event >= 0:
                os.close(self.event)
            self.event = -1

    def _run(self, host: str, port: int) -> None:
        try:
            self._look_up(host, port, 0)
        except (OSError, UnicodeError) as error:
            self.problem = str(getattr(error, "strerror", None) or error).lower()
            self._tell()

    def _look_up(self, host: str, port: int, flags: int) -> None:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=flags)
        self.addresses = [(family, address) for family, _, _, _, address in found]
        self._tell()

    def _tell(self) -> None:
        with self._lock:
            self.done = True
            if self.event >= 0:
                os.eventfd_write(self.event, 1)
