"""The two ends that benchmarks/devices.py puts around a device: what sends without end, and what reads it with nothing of Beamloom.

``Other`` are the links that are neither a ZeroMQ socket that is only read nor a stream of bytes: requests and replies (the Karabo bridge),
posts over HTTP (Sardana), a monitor of a process variable (EPICS).
"""

from __future__ import annotations

import http.server
import importlib
import itertools
import multiprocessing.connection
import re
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import zmq

from beamloom.devices.pva.simulator import PvaSimulator
from beamloom.devices.sardana import SardanaRecorder

Series = Sequence[Sequence[bytes]]
Port = multiprocessing.connection.Connection
Reads = Callable[[], int]
"""Reads what is there, or waits a little; returns how many messages that were."""
Figures = TypeVar("Figures")
"""What is found when something reads for a while."""


def send_replies(series: Series, port: Port) -> None:
    """A message for each request, over and over."""
    with zmq.Context() as context, context.socket(zmq.REP) as sender:
        port.send(f"tcp://127.0.0.1:{sender.bind_to_random_port('tcp://127.0.0.1')}")
        for message in itertools.chain.from_iterable(itertools.repeat(series)):
            sender.recv()
            sender.send_multipart(message, copy=sum(map(len, message)) < 65536)


def read_replies(url: str, measure: Callable[[Reads], Figures]) -> Figures:
    """Requests and replies of a bare socket."""
    with zmq.Context() as context, context.socket(zmq.REQ) as reader:
        reader.set(zmq.LINGER, 0)
        reader.connect(url)

        def read() -> int:
            reader.send(b"next")
            reader.recv_multipart(copy=False)
            return 1

        return measure(read)


def send_posts(series: Series, port: Port) -> None:
    """Posts to whoever listens, over and over."""
    recorder = SardanaRecorder("http://127.0.0.1:0")
    port.send(recorder.url)
    recorder.wait_for_client(30)
    recorder.play(itertools.chain.from_iterable(itertools.repeat(series)))


class _Taking(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    taken = itertools.count()

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        next(_Taking.taken)
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *arguments: Any) -> None:
        """Not a word."""


def read_posts(url: str, measure: Callable[[Reads], Figures]) -> Figures:
    """Posts to Python's own HTTP server."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", int(url.rpartition(":")[2])), _Taking)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    before = next(_Taking.taken)

    def read() -> int:
        nonlocal before
        time.sleep(0.01)
        now = next(_Taking.taken)
        came, before = now - before - 1, now
        return came

    try:
        return measure(read)
    finally:
        server.shutdown()
        server.server_close()


def send_values(series: Series, port: Port) -> None:
    """Values of a process variable, over and over; EPICS drops what its readers do not keep up with."""
    simulator = PvaSimulator("pva://127.0.0.1:0/BENCHMARK")
    port.send(simulator.url)
    simulator.wait_for_client(30)
    simulator.play(itertools.chain.from_iterable(itertools.repeat(series)))


def read_values(url: str, measure: Callable[[Reads], Figures]) -> Figures:
    """A bare monitor of p4p."""
    client = importlib.import_module("p4p.client.raw")
    server, name = re.fullmatch(r"pva://([^/]+)/(\S+)", url).groups()  # type: ignore[union-attr]
    came = threading.Event()
    conf = {
        "EPICS_PVA_NAME_SERVERS": server,
        "EPICS_PVA_AUTO_ADDR_LIST": "NO",
        "EPICS_PVA_ADDR_LIST": "",
    }
    with client.Context("pva", conf=conf, useenv=False, nt=False) as context:
        monitor = context.monitor(name, came.set, request="record[queueSize=100]field()")

        def read() -> int:
            came.wait(0.1)
            came.clear()
            count = 0
            while (update := monitor.pop()) is not None:
                count += not isinstance(update, Exception)
            return count

        try:
            return measure(read)
        finally:
            monitor.close()


OTHER = {
    "REQ": (send_replies, read_replies),
    "HTTP": (send_posts, read_posts),
    "PVA": (send_values, read_values),
}
"""By name: what sends, and what reads without Beamloom."""
