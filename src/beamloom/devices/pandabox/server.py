"""A simulated data port of a PandABox: a TCP server that sends each client what it plays, in the form that the client asks for.

As the box does, it remembers the last rows of the arm that goes on. A client that comes in the middle of it gets at once the header, with
the number of rows that are not remembered any more, and all others from there on. An arm that ends while nobody is connected is gone.
"""

from __future__ import annotations

import re
import select
import socket
import threading
import time
from collections import deque
from collections.abc import Iterable, Sequence
from typing import Final
from xml.sax.saxutils import quoteattr

import numpy as np

from beamloom.devices.fields import MalformedPacket
from beamloom.devices.pandabox.layout import Layout, read_layout
from beamloom.devices.simulating.pace import Pace

_ADDRESS: Final = re.compile(r"tcp://(?P<host>[^\s/:]+):(?P<port>\d{1,5}|\*)")

_TURN_SECONDS: Final = 0.05
"""How long one wait lasts; between two, the simulator may be closed."""

_OPTIONS: Final = frozenset({"", "ASCII", "FRAMED", "SCALED", "XML", "DEFAULT"})

_TYPES: Final = {"int32": "<i4", "uint32": "<u4", "int64": "<i8", "double": "<f8"}

QUEUE_BYTES: Final = 64 * 1024
"""What the operating system holds for a client that does not read; then the simulator waits."""

KEPT_BYTES: Final = 64 << 20
"""What is remembered of an arm, as text; a box has 256 MB, of which late clients get three quarters."""


class _Client:
    """One connection; ``options`` are known once it has sent its line."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        self.options: frozenset[str] | None = None
        self.queue = bytearray()
        """What is still to be sent to it."""
        self._line = b""

    def send_on(self) -> None:
        """Send as much as the system takes. Raises OSError when the client is gone."""
        while self.queue:
            try:
                del self.queue[: self.connection.send(self.queue)]
            except BlockingIOError:
                return

    def take_options(self) -> None:
        """Read on; answers a whole line. Raises ConnectionError when the client is gone or asks for what is not there."""
        received = self.connection.recv(256)
        if not received:
            raise ConnectionError
        self._line += received
        if b"\n" not in self._line:
            return
        options = frozenset(self._line.partition(b"\n")[0].decode(errors="replace").split(" "))
        if not options <= _OPTIONS:
            self.connection.sendall(b"ERR Invalid data capture option\n")
            raise ConnectionError
        self.connection.sendall(b"OK\n")
        self.options = options


def _has_gone(connection: socket.socket) -> bool:
    """Whether the other side has closed a connection, or died."""
    poller = select.poll()
    poller.register(connection, select.POLLRDHUP)
    return bool(poller.poll(0))


class PandaServer:
    """Binds to ``url``, port 0 or ``*`` picking a free one, and welcomes clients from then on.

    ``play`` and ``close`` may be called from different threads.
    """

    def __init__(self, url: str, kept_bytes: int = KEPT_BYTES) -> None:
        """``kept_bytes``: how much of an arm is remembered for clients that come late. Raises ValueError for a wrong address."""
        found = _ADDRESS.fullmatch(url)
        if found is None:
            raise ValueError(f"a simulator cannot bind to {url!r}; write it like tcp://127.0.0.1:8889")
        host = found["host"].replace("*", "0.0.0.0")
        try:
            self._listener = socket.create_server((host, int(found["port"].replace("*", "0"))))
        except OSError as error:
            raise ValueError(f"a simulator cannot bind to {url!r}: {error.strerror}") from None
        port = self._listener.getsockname()[1]
        self._url = f"tcp://{host.replace('0.0.0.0', '127.0.0.1')}:{port}"
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._welcomed = threading.Event()
        self._clients: list[_Client] = []
        self._layout: Layout | None = None
        self._header = b""
        self._kept_bytes = kept_bytes
        self._armed = False
        self._kept: deque[bytes] = deque()
        self._kept_size = 0
        self._missed = 0
        self._thread = threading.Thread(target=self._welcome, name=f"simulated PandABox at {self._url}")
        self._thread.start()

    @property
    def url(self) -> str:
        """Where an ingester connects to, with the port that was really bound."""
        return self._url

    @property
    def clients(self) -> int:
        """How many have sent their options and are there."""
        with self._lock:
            for client in [one for one in self._clients if _has_gone(one.connection)]:
                self._part_with(client)
            return sum(client.options is not None for client in self._clients)

    def wait_for_client(self, timeout: float) -> None:
        """Return when somebody listens, not counting who has gone meanwhile; raises TimeoutError after ``timeout`` seconds."""
        until = time.monotonic() + timeout
        while not self.clients:
            if not self._welcomed.wait(until - time.monotonic()):
                raise TimeoutError(f"nobody connected to {self._url} within {timeout:g} s")

    def play(self, messages: Iterable[Sequence[bytes]], *, rate: float | None = None) -> int:
        """Send headers, rows of text and ENDs, at most ``rate`` rows per second; returns how many were sent.

        Fewer than all only if ``close`` was called meanwhile.
        """
        sent = 0
        pace = None if rate is None else Pace(rate, self._closing.wait)
        for message in messages:
            if pace is not None and message[0][:1] == b" ":
                pace.wait()
            if self._closing.is_set() or not self._send_to_all(message[0]):
                break
            sent += 1
        return sent

    def drop_clients(self) -> None:
        """Break all connections, as a box that restarts does."""
        with self._lock:
            for client in self._clients:
                client.connection.close()
            self._clients.clear()
            self._welcomed.clear()

    def close(self) -> None:
        """Send out what is queued, then release the sockets. May be called twice."""
        self._closing.set()
        if self._thread.is_alive():
            self._thread.join()
        self._listener.close()
        self.drop_clients()

    # ---- clients ----------------------------------------------------------------------------------------------------------

    def _welcome(self) -> None:
        while not self._closing.is_set():
            poller = select.poll()
            poller.register(self._listener, select.POLLIN)
            with self._lock:
                clients = {client.connection.fileno(): client for client in self._clients}
                for number, client in clients.items():
                    if client.options is None:
                        poller.register(number, select.POLLIN)
                    elif client.queue:
                        poller.register(number, select.POLLOUT)
            for number, _ in poller.poll(_TURN_SECONDS * 1000):
                if number == self._listener.fileno():
                    connection, _ = self._listener.accept()
                    connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, QUEUE_BYTES)
                    with self._lock:
                        self._clients.append(_Client(connection))
                elif clients[number].options is None:
                    self._take_options(clients[number])
                else:
                    self._send_on(clients[number])

    def _take_options(self, client: _Client) -> None:
        with self._lock:
            if client not in self._clients:
                return
            try:
                client.take_options()
            except OSError:
                self._part_with(client)
            if client.options is not None:
                client.connection.setblocking(False)
                if self._armed and self._layout is not None:
                    client.queue += self._header_for(client.options, self._layout)
                    client.queue += b"".join(self._form(client.options, message) for message in self._kept)
                self._welcomed.set()

    def _send_on(self, client: _Client) -> bool:
        """Send what waits for a client, as far as it goes; whether that, or the client, is no more."""
        with self._lock:
            if client not in self._clients:
                return True
            try:
                client.send_on()
            except OSError:
                self._part_with(client)
            return not client.queue or client not in self._clients

    def _part_with(self, client: _Client) -> None:
        client.connection.close()
        self._clients.remove(client)
        if not any(other.options is not None for other in self._clients):
            self._welcomed.clear()

    # ---- what is sent -----------------------------------------------------------------------------------------------------

    def _send_to_all(self, message: bytes) -> bool:
        """Send one message, also one that no box would send; False when the simulator was closed before it was out."""
        is_end, is_header = message[:4] == b"END ", b"fields:\n" in message
        with self._lock:
            if is_header:
                self._header, self._layout = message, read_layout(message)
                self._forget()
            listening = [client for client in self._clients if client.options is not None]
            for client in listening:
                client.queue += self._form(client.options or frozenset(), message)
            self._armed = not is_end and (is_header or self._armed)
            if is_end:
                self._forget()
            elif not is_header:
                self._remember(message)
        return all(self._send_out(client) for client in listening)

    def _remember(self, message: bytes) -> None:
        self._kept.append(message)
        self._kept_size += len(message)
        while self._kept_size > self._kept_bytes:
            oldest = self._kept.popleft()
            self._kept_size -= len(oldest)
            self._missed += oldest[:1] == b" "

    def _forget(self) -> None:
        """The arm is over, or another one begins."""
        self._kept.clear()
        self._kept_size = self._missed = 0

    def _form(self, options: frozenset[str], message: bytes) -> bytes:
        """The message as a client of these options asked for it."""
        if self._layout is None:
            return message
        if message is self._header:
            return self._header_for(options, self._layout)
        return _packed(message, self._layout) if "FRAMED" in options and message[:1] == b" " else message

    def _header_for(self, options: frozenset[str], layout: Layout) -> bytes:
        head = {**layout.head, "missed": str(self._missed)}
        if "FRAMED" in options:
            size = sum(np.dtype(_TYPES[column.type]).itemsize for column in layout.columns)
            head |= {"format": "Framed", "sample_bytes": str(size)}
        if "XML" in options:
            return _xml(head, layout)
        fields = self._header.partition(b"fields:\n")[2]
        return "".join(f"{key}: {value}\n" for key, value in head.items()).encode() + b"fields:\n" + fields

    def _send_out(self, client: _Client) -> bool:
        """Send all that waits for a client, unless it goes; False when the simulator was closed before."""
        while not self._send_on(client):
            poller = select.poll()
            with self._lock:
                if self._closing.is_set():
                    return False
                if client in self._clients:
                    poller.register(client.connection, select.POLLOUT)
            # Not held meanwhile: whoever closes has to get in.
            poller.poll(_TURN_SECONDS * 1000)
        return True


def _packed(row: bytes, layout: Layout) -> bytes:
    """A block of one row; what cannot be packed stays what it is."""
    types = [(f"f{place}", _TYPES[column.type]) for place, column in enumerate(layout.columns)]
    try:
        values = tuple(layout.values(row).values())
    except MalformedPacket:
        return row
    packed = np.array(values, types).tobytes()
    return b"BIN " + (len(packed) + 8).to_bytes(4, "little") + packed


def _xml(head: dict[str, str], layout: Layout) -> bytes:
    lines = [
        "<header>",
        f"<data {' '.join(f'{key}={quoteattr(value)}' for key, value in head.items())} />",
        "<fields>",
    ]
    for column in layout.columns:
        written = {"name": column.name, "type": column.type, "capture": column.capture}
        if column.scale is not None:
            written |= {"scale": f"{column.scale:g}", "offset": f"{column.offset:g}", "units": column.units}
        lines.append(f"<field {' '.join(f'{key}={quoteattr(value)}' for key, value in written.items())} />")
    return "\n".join([*lines, "</fields>", "</header>", "", ""]).encode()
