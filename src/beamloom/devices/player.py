"""Simulators that send over ZeroMQ what a device would send.

A simulator never drops a message by itself: when its queue is full it waits for the reader. With nobody connected a PUSH socket
waits too, and a PUB socket sends into the void, as the devices' do; ``wait_for_client`` comes first.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Final

import zmq

from beamloom.devices.simulating.pace import Pace
from beamloom.zmq_reports import next_report

LINGER_SECONDS: Final = 10.0
"""How long ``close`` waits for what is queued to be sent."""

QUEUE: Final = 100
"""Messages that wait in the simulator for a slow reader."""

LOOK_EVERY: Final = 256
"""Messages between two looks at who has come and gone."""

_TURN_MS: Final = 50
"""How long one wait on the socket lasts; between two, another thread may close it."""


class ZmqPlayer:
    """Binds to ``url`` and sends messages; port ``0`` or ``*`` picks a free one.

    ``pattern`` is ``zmq.PUSH``; ``zmq.XPUB``, which is a PUB on the wire and sees who subscribes; or ``zmq.REP``, which answers each
    request with a message. ``is_data`` tells the messages that ``play`` paces from those that accompany them. ``play`` and ``close`` may
    be called from different threads.
    """

    def __init__(self, url: str, pattern: int, is_data: Callable[[Sequence[bytes]], bool]) -> None:
        self._pattern = pattern
        self._is_data = is_data
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._clients = self._arrivals = 0
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._socket = self._context.socket(pattern)
        self._socket.set(zmq.LINGER, int(LINGER_SECONDS * 1000))
        self._socket.set(zmq.SNDHWM, QUEUE)
        if pattern == zmq.XPUB:
            self._socket.set(zmq.XPUB_NODROP, 1)
            self._socket.set(zmq.XPUB_VERBOSER, 1)
        # An XPUB is told of its subscribers; the others have to watch their connections.
        self._monitor: zmq.Socket[bytes] | None = None
        if pattern != zmq.XPUB:
            self._monitor = self._socket.get_monitor_socket(
                zmq.EVENT_HANDSHAKE_SUCCEEDED | zmq.EVENT_DISCONNECTED
            )
        try:
            self._socket.bind(url[:-2] + ":*" if url.endswith(":0") else url)
        except zmq.ZMQError as error:
            self.close()
            raise ValueError(f"a simulator cannot bind to {url!r}: {error}") from None
        self._url = self._socket.get_string(zmq.LAST_ENDPOINT).replace("//0.0.0.0:", "//127.0.0.1:")

    @property
    def url(self) -> str:
        """Where an ingester connects to, with the port that was really bound."""
        return self._url

    @property
    def arrivals(self) -> int:
        """How many clients have come so far, those that are gone again among them."""
        with self._lock:
            if not self._closing.is_set():
                self._follow_clients()
        return self._arrivals

    def wait_for_client(self, timeout: float) -> None:
        """Return when somebody listens; raises TimeoutError after ``timeout`` seconds."""
        end = time.monotonic() + timeout
        while not self._closing.is_set():
            left = end - time.monotonic()
            with self._lock:
                reports = self._monitor or self._socket
                waiting = reports.poll(max(0, min(_TURN_MS, int(left * 1000))))
                self._follow_clients()
            if self._clients:
                return
            if left <= 0 and not waiting:
                raise TimeoutError(f"nobody connected to {self._url} within {timeout:g} s")
        raise RuntimeError(f"the simulator at {self._url} is closed")

    def play(self, messages: Iterable[Sequence[bytes]], *, rate: float | None = None) -> int:
        """Send the messages, at most ``rate`` data messages per second; returns how many were sent.

        Fewer than all only if ``close`` was called meanwhile.
        """
        sent = 0
        pace = None if rate is None else Pace(rate, self._closing.wait)
        for message in messages:
            if sent % LOOK_EVERY == 0:
                with self._lock:
                    self._look_around()
            if pace is not None and self._is_data(message):
                pace.wait()
            if not self._send(message):
                break
            sent += 1
        return sent

    def close(self) -> None:
        """Send out what is queued, for at most ``LINGER_SECONDS``, then release the socket. May be called twice."""
        self._closing.set()
        with self._lock:
            if self._socket.closed:
                return
            if self._monitor is not None:
                # With a monitor that is full, ZeroMQ waits here for a reader, and Python with it.
                self._follow_clients()
                self._socket.disable_monitor()
                self._monitor.close(0)
            self._socket.close()
            self._context.term()

    def _send(self, message: Sequence[bytes]) -> bool:
        while True:
            # Not held between two turns: whoever closes has to get in.
            with self._lock:
                if self._closing.is_set():
                    return False
                try:
                    if self._pattern == zmq.REP:
                        self._socket.recv(zmq.DONTWAIT)
                    self._socket.send_multipart(message, zmq.DONTWAIT)
                    return True
                except zmq.Again:
                    self._look_around()
                    self._socket.poll(_TURN_MS, zmq.POLLIN if self._pattern == zmq.REP else zmq.POLLOUT)

    def _look_around(self) -> None:
        """Read what the monitor tells while nobody waits for a client: of one that is full ZeroMQ stands still, after 2,000 reports."""
        if self._monitor is not None and not self._closing.is_set():
            self._follow_clients()

    def _follow_clients(self) -> None:
        """Take in who has come and gone."""
        while True:
            try:
                if self._monitor is not None:
                    told = next_report(self._monitor)
                    if told is None:
                        return
                    came = told.event == zmq.EVENT_HANDSHAKE_SUCCEEDED
                else:
                    came = self._socket.recv(zmq.DONTWAIT)[:1] == b"\x01"
            except zmq.Again:
                return
            self._arrivals += came
            # Who hangs up before the handshake was never counted.
            self._clients = max(0, self._clients + (1 if came else -1))
