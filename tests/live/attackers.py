"""Somebody on the same machine who means harm: finds every port of a pipeline, and sends whatever might end, fill or fool its processes."""

from __future__ import annotations

import contextlib
import re
import socket
import struct
import threading
from collections.abc import Iterable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import zmq
from hypothesis import HealthCheck, Phase, given, settings

from beamloom.transport.keys import Keys
from beamloom.transport.messages import encode
from transport.garbage import GARBAGE, GREETING
from transport.hostile import messages

MARK = "intruder"
"""Is in all that is forged, so that it can be looked for."""
LISTENING = "0A"
CONNECTIONS_HELD = 100
PATIENCE = 5.0

Frames = list[bytes]

_HOST = f"Host: 127.0.0.1\r\nUser-Agent: {MARK}\r\n"
HTTP = [
    f"GET /{MARK}%ff%00/../../etc/passwd HTTP/1.1\r\n{_HOST}\r\n",
    f"GET /api/v1/result/{'x' * 100_000} HTTP/1.1\r\n{_HOST}\r\n",
    f"BREW /{MARK} HTTP/9.9\r\n{_HOST}\r\n",
    f"GET / HTTP/1.1\r\n{_HOST}{'X: y' * 50_000}\r\n\r\n",
    f"GET / HTTP/1.1\r\n{_HOST}Content-Length: -1\r\nContent-Length: 7\r\n\r\n",
    f"POST /api/v1/parameters HTTP/1.1\r\n{_HOST}Content-Length: 1099511627776\r\n\r\n{{",
    f"POST /api/v1/parameters HTTP/1.1\r\n{_HOST}Transfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n",
    f"POST /api/v1/parameters HTTP/1.1\r\n{_HOST}Content-Length: 20000\r\n\r\n{'[' * 20_000}",
    f'POST /api/v1/parameters HTTP/1.1\r\n{_HOST}Content-Length: 16\r\n\r\n{{"{MARK}": NaN}}',
    f"GET /api/v1/{MARK} HTTP/1.1\r\n{_HOST}Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Key: bm9uY2Vub25jZW5vbmNlMQ==\r\n\r\n",
    f"GET / HTTP/1.1\r\n{_HOST}Upgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\n\r\n",
    "\r\n" * 5000,
]
"""Nothing of this is a command, with or without a token."""
COMMANDS = [
    f"POST /api/v1/{path} HTTP/1.1\r\n{_HOST}Content-Length: {len(body)}\r\n\r\n{body}"
    for path, body in [
        ("stop", ""),
        ("sequence", '{"parts": {"main": {}}, "sequence": ["main"]}'),
        ("parameters", f'{{"fails_at": "1 2 3", "{MARK}": 1}}'),
    ]
]
"""These are, for whoever has the token."""


def listening_ports(pids: Iterable[int]) -> dict[int, int]:
    """The TCP ports at which these processes listen, each with its process."""
    owners: dict[str, int] = {}
    for pid in pids:
        for link in Path(f"/proc/{pid}/fd").iterdir():
            with contextlib.suppress(FileNotFoundError):
                if found := re.fullmatch(r"socket:\[(\d+)\]", str(link.readlink())):
                    owners[found[1]] = pid
    ports: dict[int, int] = {}
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        for line in Path(table).read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == LISTENING and fields[9] in owners:
                ports[int(fields[1].rpartition(":")[2], 16)] = owners[fields[9]]
    return ports


def most_memory(pid: int) -> int:
    """The most that a process has ever had in memory (bytes)."""
    found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    assert found is not None
    return int(found[1]) * 1024


def whatever_is_allowed(count: int) -> list[Frames]:
    """Messages of the wire contract with whatever its types allow, as they are on the wire."""
    made: list[Frames] = []

    @settings(
        max_examples=count, database=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck)
    )
    @given(messages)
    def collect(letter: tuple[str, Any, Frames]) -> None:
        sender, message, frames = letter
        with contextlib.suppress(OverflowError, UnicodeEncodeError):
            made.append([encode(f"{sender}{MARK}", message), *frames])

    collect()
    return made


class Attack:
    """Sends to all ports again and again, in a thread of its own, from entering until leaving; its failure is raised there."""

    def __init__(
        self,
        ports: Iterable[int],
        letters: Sequence[Frames],
        *,
        commands: bool,
        key_of: Keys | None = None,
        rounds: int = 2,
    ) -> None:
        """``letters``: messages that a PUSH socket sends. ``rounds``: after so many the attack is ``done``, and goes on.

        ``key_of``: keys of which the intruder knows the public one, but not the secret.
        """
        self._ports = list(ports)
        self._letters = letters
        self._http = [text.encode() for text in [*HTTP, *(COMMANDS if commands else [])]]
        self._key_of = key_of
        self._rounds = rounds
        self._over = threading.Event()
        self._failure: Exception | None = None
        self._thread = threading.Thread(target=self._attack, name=MARK)
        self.done = threading.Event()

    def __enter__(self) -> Attack:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()
        if self._failure is not None and error is None:
            raise self._failure

    def _attack(self) -> None:
        try:
            with zmq.Context() as context:
                while not self._over.is_set():
                    for port in self._ports:
                        self._strike(context, port)
                    self._rounds -= 1
                    if self._rounds <= 0:
                        self.done.set()
        except Exception as failure:  # noqa: BLE001
            self._failure = failure
        finally:
            self.done.set()

    def _strike(self, context: zmq.Context[Any], port: int) -> None:
        with contextlib.ExitStack() as held:
            for octets in [*GARBAGE, *self._http]:
                self._send(held, port, octets)
            for _ in range(CONNECTIONS_HELD):
                self._send(held, port, GREETING[:11])
            slow = [self._send(held, port, request[:1]) for request in self._http]
            for presents in (_nothing, self._another_key):
                for kind in (zmq.PUSH, zmq.DEALER, zmq.SUB):
                    outbox = held.enter_context(context.socket(kind))
                    outbox.linger = 0
                    presents(outbox)
                    outbox.connect(f"tcp://127.0.0.1:{port}")
                    if kind != zmq.SUB:
                        self._post(outbox, b"" if kind == zmq.DEALER else None)
            for place in range(1, 20):
                for connection, request in zip(slow, self._http, strict=True):
                    with contextlib.suppress(OSError):
                        connection.send(request[place : place + 1])
                if self._over.wait(0.02):
                    return
            self._reset(slow)

    def _post(self, outbox: zmq.Socket[bytes], first: bytes | None) -> None:
        """Send all letters, as far as they are let in."""
        outbox.sndtimeo = 300
        with contextlib.suppress(zmq.Again):
            for letter in self._letters:
                outbox.send_multipart(letter if first is None else [first, *letter])

    def _another_key(self, socket: zmq.Socket[bytes]) -> None:
        """Show a pair of keys that is no member's."""
        public, secret = zmq.curve_keypair()
        socket.set(zmq.CURVE_PUBLICKEY, public)
        socket.set(zmq.CURVE_SECRETKEY, secret)
        socket.set(zmq.CURVE_SERVERKEY, public if self._key_of is None else self._key_of.public)

    def _send(self, held: contextlib.ExitStack, port: int, octets: bytes) -> socket.socket:
        connection = held.enter_context(socket.create_connection(("127.0.0.1", port), PATIENCE))
        connection.settimeout(PATIENCE)
        with contextlib.suppress(OSError):
            connection.sendall(octets)
        return connection

    def _reset(self, connections: Iterable[socket.socket]) -> None:
        """Have these end with a RST instead of an orderly end."""
        for connection in connections:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def _nothing(socket: zmq.Socket[bytes]) -> None:
    """Show no key."""
