"""What listens at an address: asked by ZeroMQ's own handshake, and left before the handshake is over.

ZMTP 3.1 (https://rfc.zeromq.org/spec/37): both sides send a greeting of 64 bytes, then each a READY command that names its socket's
type. We read the peer's and hang up without having sent ours, so the peer never counts us as a reader and no message goes astray.
"""

from __future__ import annotations

import contextlib
import re
import socket
import time
from dataclasses import dataclass
from typing import Final

import zmq

READ_BY: Final = {
    "PUB": int(zmq.SUB),
    "XPUB": int(zmq.SUB),
    "PUSH": int(zmq.PULL),
    "REP": int(zmq.REQ),
    "ROUTER": int(zmq.REQ),
}
"""By which pattern one reads from a socket of which type."""

_ADDRESS: Final = re.compile(
    r"tcp://(?P<host>\[[^\]\s]+\]|[^\s/:*]+):(?P<port>\d{1,5})/?|ipc://(?P<path>\S+)"
)
_SIGNATURE: Final = b"\xff" + b"\0" * 7 + b"\x01\x7f"
_GREETING: Final = _SIGNATURE + b"\x03\x00" + b"NULL".ljust(20, b"\0") + b"\0" * 32
_SIGNATURE_SIZE: Final = 10
_GREETING_SIZE: Final = 64
_LONG: Final = 2
"""The flag of a command whose size takes eight bytes instead of one."""


@dataclass(frozen=True)
class Peer:
    """What has answered."""

    zeromq: bool
    """False for a server that speaks something else over TCP."""
    socket_type: str | None = None
    """``PUB``, ``PUSH``, ...; None where it does not tell."""
    secured: bool = False
    """It asks for keys or a password."""

    @property
    def read_by(self) -> int | None:
        """By which pattern one reads from it; None where nothing can be read or it is not known."""
        return READ_BY.get(self.socket_type or "")


def greet(url: str, timeout: float) -> Peer | None:
    """Who listens at ``tcp://host:port`` or ``ipc://path``; None when nobody has within ``timeout`` seconds.

    Tries again while the connection is refused. Raises ValueError with a sentence for another address.
    """
    found = _ADDRESS.fullmatch(url)
    if found is None:
        raise ValueError(
            f"{url!r} is no address that can be asked; write it like tcp://host.example.org:9999"
        )
    end = time.monotonic() + timeout
    while True:
        left = end - time.monotonic()
        # A name that no host can have is a UnicodeError.
        with contextlib.suppress(OSError, UnicodeError):
            with _connected(found, max(left, 0.01)) as connection:
                return _ask(connection, min(end, time.monotonic() + 1.0))
        if left <= 0:
            return None
        time.sleep(min(0.1, max(left, 0.0)))


def _connected(address: re.Match[str], timeout: float) -> socket.socket:
    if address["path"] is None:
        return socket.create_connection((address["host"].strip("[]"), int(address["port"])), timeout)
    path = address["path"]
    local = socket.socket(socket.AF_UNIX)
    try:
        local.settimeout(timeout)
        # ZeroMQ writes the abstract names of Linux with an @ in front.
        local.connect("\0" + path[1:] if path.startswith("@") else path)
    except OSError:
        local.close()
        raise
    return local


def _ask(connection: socket.socket, end: float) -> Peer:
    received = bytearray()
    try:
        # One by one: who is sent a mechanism that is not its own hangs up at once, and what it had said may be lost by that.
        connection.sendall(_GREETING[:_SIGNATURE_SIZE])
        _receive(connection, received, _SIGNATURE_SIZE, end)
        if not _is_signature(received):
            return Peer(zeromq=False)
        connection.sendall(_GREETING[_SIGNATURE_SIZE:])
        _receive(connection, received, _GREETING_SIZE, end)
        if received[12:32].rstrip(b"\0") != b"NULL":
            return Peer(zeromq=True, secured=True)
        _receive(connection, received, _GREETING_SIZE + 1, end)
        width = 8 if received[_GREETING_SIZE] & _LONG else 1
        body = _GREETING_SIZE + 1 + width
        _receive(connection, received, body, end)
        size = int.from_bytes(received[_GREETING_SIZE + 1 : body], "big")
        _receive(connection, received, body + min(size, 4096), end)
        return Peer(zeromq=True, socket_type=_socket_type(bytes(received[body : body + size])))
    except TimeoutError:
        # An old ZeroMQ says its signature, and waits for what we do not send.
        return Peer(zeromq=_is_signature(received))
    except (OSError, EOFError):
        # libzmq hangs up on a greeting that names another mechanism than its own, often before it has sent its own.
        return Peer(zeromq=_is_signature(received), secured=_is_signature(received))


def _is_signature(received: bytes | bytearray) -> bool:
    return len(received) >= _SIGNATURE_SIZE and received[0] == 0xFF and bool(received[9] & 1)


def _receive(connection: socket.socket, received: bytearray, size: int, end: float) -> None:
    """Append to ``received`` until it has at least ``size`` bytes. Raises TimeoutError, EOFError."""
    while len(received) < size:
        connection.settimeout(max(end - time.monotonic(), 0.01))
        more = connection.recv(4096)
        if not more:
            raise EOFError
        received += more


def _socket_type(command: bytes) -> str | None:
    """The property Socket-Type of a READY command: for each property a short name, four bytes of size, a value."""
    name_size = command[0] if command else 0
    if command[1 : 1 + name_size] != b"READY":
        return None
    rest = command[1 + name_size :]
    while rest:
        name, rest = rest[1 : 1 + rest[0]], rest[1 + rest[0] :]
        size = int.from_bytes(rest[:4], "big")
        value, rest = rest[4 : 4 + size], rest[4 + size :]
        if name.lower() == b"socket-type":
            return value.decode("ascii", "replace")
    return None
