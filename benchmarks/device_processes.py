"""The processes of benchmarks/devices.py: one sends without end, and one for each way to read reads for a slice of time when told to.

Each way has a process of its own for all rounds of a case, so that what one leaves behind in the memory allocator does not help or harm
another. All of them end with the process that started them, however that ends: the pipe to it breaks.
"""

from __future__ import annotations

import contextlib
import inspect
import itertools
import multiprocessing
import multiprocessing.connection
import os
import socket
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

import zmq
from device_links import OTHER

from beamloom.devices.registry import find_device
from beamloom.events import Packet, PacketKind
from beamloom.services.shell.freed_memory import keep_freed_memory

LARGE: Final = 65536
"""Bytes of a message from which on it is not copied; copying a smaller one is quicker."""
WAIT_SECONDS: Final = 30.0
COUNT_NAMES: Final = ("frames", "trains", "items", "rows", "sequences")
MANY: Final = 40

Way = Literal["plain", "source", "parsed"]
WAYS: Final[tuple[Way, ...]] = ("plain", "source", "parsed")
"""The bare socket; the device's source; source and parser."""


@dataclass(frozen=True)
class Case:
    """One device with packets of one size."""

    device: str
    what: str
    keywords: dict[str, Any]
    settings: dict[str, Any]
    pattern: int | None = zmq.PULL
    """The ZeroMQ socket that reads; None for TCP."""
    items: int = MANY
    packets: int | None = None
    """Packets of the series, where that are more or fewer than its messages."""
    link: str | None = None
    """One of ``OTHER``, where it is none of these."""
    unpacked: bool = False
    """Whether the pixels are unpacked when the packet is parsed."""

    @property
    def lasts(self) -> bool:
        """Whether one sender serves one reader after the other: a ZeroMQ socket does; the others begin anew for each."""
        return self.link is None and self.pattern is not None


@dataclass(frozen=True)
class Slice:
    """What one way to read did in one slice of time."""

    count: int
    """Packets, or messages of the bare socket."""
    nbytes: int
    seconds: float
    cpu_seconds: float
    """Of all threads of the reading process."""

    @property
    def rate(self) -> float:
        """Per second."""
        return self.count / self.seconds

    @property
    def cpu_each(self) -> float:
        """CPU seconds of one."""
        return self.cpu_seconds / max(self.count, 1)


def series_of(case: Case) -> list[list[bytes]]:
    """One series of the device."""
    generate = find_device(case.device).generate
    known = inspect.signature(generate).parameters
    counts = {name: case.items for name in COUNT_NAMES if name in known and name not in case.keywords}
    return [list(map(bytes, message)) for message in generate(**{**counts, **case.keywords})]


class Child:
    """A process of ``work(case, port)``; leaving the context ends it."""

    def __init__(
        self, work: Callable[[Case, multiprocessing.connection.Connection], None], case: Case
    ) -> None:
        spawn = multiprocessing.get_context("spawn")
        self.port, theirs = spawn.Pipe()
        # Held open as long as we live, and never written to.
        alive, self._alive = spawn.Pipe(duplex=False)
        self._process = spawn.Process(target=_work, args=(work, case, theirs, alive), daemon=True)
        self._process.start()
        theirs.close()
        alive.close()
        self._what = f"{work.__name__} of {case.device}"

    def answer(self) -> Any:
        """What the process says next. Raises RuntimeError when it says nothing for long, or is gone."""
        try:
            if self.port.poll(WAIT_SECONDS):
                return self.port.recv()
        except EOFError:
            pass
        raise RuntimeError(f"the process {self._what} has not answered")

    def __enter__(self) -> Child:
        return self

    def __exit__(self, *exception: object) -> None:
        self._process.kill()
        self._process.join()
        self.port.close()
        self._alive.close()


def _work(
    work: Callable[[Case, multiprocessing.connection.Connection], None],
    case: Case,
    port: multiprocessing.connection.Connection,
    alive: multiprocessing.connection.Connection,
) -> None:
    def end_with_parent() -> None:
        alive.poll(None)
        os._exit(0)

    threading.Thread(target=end_with_parent, daemon=True).start()
    work(case, port)


# ---- the sender -------------------------------------------------------------------------------------------------------------


def send(case: Case, port: multiprocessing.connection.Connection) -> None:
    """Says its address, then sends the series over and over until it is killed."""
    series = series_of(case)
    if case.link is not None:
        OTHER[case.link][0](series, port)
    elif case.pattern is None:
        _send_tcp(series, port)
    else:
        _send_zmq(series, port, zmq.PUSH if case.pattern == zmq.PULL else zmq.XPUB)


def _send_zmq(
    series: Sequence[Sequence[bytes]], port: multiprocessing.connection.Connection, pattern: int
) -> None:
    with zmq.Context() as context, context.socket(pattern) as sender:
        sender.set(zmq.SNDHWM, 50)
        sender.set(zmq.LINGER, 0)
        if pattern == zmq.XPUB:
            sender.set(zmq.XPUB_NODROP, 1)
        port.send(f"tcp://127.0.0.1:{sender.bind_to_random_port('tcp://127.0.0.1')}")
        if pattern == zmq.XPUB:
            sender.recv()
        for message in itertools.chain.from_iterable(itertools.repeat(series)):
            while True:
                try:
                    sender.send_multipart(message, zmq.DONTWAIT, copy=sum(map(len, message)) < LARGE)
                    break
                except zmq.Again:
                    sender.poll(1000, zmq.POLLOUT)


def _send_tcp(series: Sequence[Sequence[bytes]], port: multiprocessing.connection.Connection) -> None:
    octets = b"".join(frame for message in series for frame in message)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port.send(f"tcp://127.0.0.1:{listener.getsockname()[1]}")
        client, _ = listener.accept()
        client.recv(256)
        client.sendall(b"OK\n")
        # Until the reader has hung up.
        with contextlib.suppress(OSError):
            while True:
                client.sendall(octets)


# ---- the readers ------------------------------------------------------------------------------------------------------------


def read(case: Case, port: multiprocessing.connection.Connection) -> None:
    """Takes (way, address, seconds), answers with a Slice, until it is killed."""
    while True:
        way, url, seconds = port.recv()
        if way != "plain":
            # As ingesters do.
            keep_freed_memory()
        port.send(_plain(case, url, seconds) if way == "plain" else _through_source(case, url, seconds, way))


def slice_of(read_some: Callable[[], tuple[int, int]], seconds: float) -> Slice:
    """What ``read_some`` counts (packets, bytes) in ``seconds``, after a moment to get going."""
    warm_until = time.perf_counter() + seconds / 4
    while time.perf_counter() < warm_until:
        read_some()
    count = nbytes = 0
    begun, cpu_begun = time.perf_counter(), time.process_time()
    while (took := time.perf_counter() - begun) < seconds:
        came, octets = read_some()
        count += came
        nbytes += octets
    return Slice(count, nbytes, took, time.process_time() - cpu_begun)


def _plain(case: Case, url: str, seconds: float) -> Slice:
    """With nothing of Beamloom."""
    if case.link is not None:
        return OTHER[case.link][1](url, lambda read_some: slice_of(lambda: (read_some(), 0), seconds))
    if case.pattern is None:
        return _plain_tcp(url, seconds)
    series = series_of(case)
    copy = sum(len(frame) for message in series for frame in message) // len(series) < LARGE
    return _plain_zmq(case.pattern, url, seconds, copy=copy)


def _plain_zmq(pattern: int, url: str, seconds: float, *, copy: bool) -> Slice:
    """Messages of a bare ZeroMQ socket."""
    with zmq.Context() as context, context.socket(pattern) as reader:
        reader.set(zmq.LINGER, 0)
        # As the sources of these devices have it: no limit for SUB.
        reader.set(zmq.RCVHWM, 100 if pattern == zmq.PULL else 0)
        if pattern == zmq.SUB:
            reader.set(zmq.SUBSCRIBE, b"")
        reader.connect(url)

        def read_some() -> tuple[int, int]:
            if not reader.poll(100):
                return 0, 0
            count = nbytes = 0
            try:
                while count < 64:
                    nbytes += sum(map(len, reader.recv_multipart(zmq.DONTWAIT, copy=copy)))
                    count += 1
            except zmq.Again:
                pass
            return count, nbytes

        return slice_of(read_some, seconds)


def _plain_tcp(url: str, seconds: float) -> Slice:
    """Lines of a bare TCP socket, as Python's own buffered reader gives them."""
    host, _, port = url.removeprefix("tcp://").partition(":")
    with socket.create_connection((host, int(port))) as connection:
        connection.sendall(b"\n")
        with connection.makefile("rb", 1 << 16) as lines:

            def read_some() -> tuple[int, int]:
                some = lines.readlines(1 << 16)
                return len(some), sum(map(len, some))

            return slice_of(read_some, seconds)


def _through_source(case: Case, url: str, seconds: float, way: Way) -> Slice:
    device = find_device(case.device)
    source = device.source(device.settings(url=url, **case.settings))
    source.open()
    try:
        poller = zmq.Poller()
        poller.register(source.pollable, zmq.POLLIN)
        deadline = time.perf_counter() + WAIT_SECONDS
        while not source.connected():
            if time.perf_counter() > deadline:
                raise RuntimeError(f"{case.device}: {source.connection_problem()}")
            time.sleep(0.001)

        def read_some() -> tuple[int, int]:
            nbytes = 0
            items = source.read(512)
            if not items:
                poller.poll(100)
            for item in items:
                if not isinstance(item, Packet):
                    raise RuntimeError(f"{case.device}: {item.reason}")
                nbytes += item.nbytes
                if way == "parsed":
                    parsed = device.parse(item)
                    if case.unpacked and item.kind is PacketKind.DATA:
                        _ = parsed.array
            return len(items), nbytes

        return slice_of(read_some, seconds)
    finally:
        source.close()
