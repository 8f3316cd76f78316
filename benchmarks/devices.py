"""How fast one process reads each device: packets per second and GB/s through source and parser, beside plain sockets.

A process sends what the device's generator makes, over and over, as fast as it is taken. One process reads it three ways: the bare socket
(pyzmq's ``recv_multipart``, or ``recv`` for TCP), the device's source, source and parser. Every packet is counted. What is compressed is
also unpacked with the parser. A process variable is read by a bare monitor of p4p, posts over HTTP are taken by Python's own server.

    python benchmarks/devices.py [--quick] [--json] [--only DEVICE]
"""

from __future__ import annotations

import argparse
import contextlib
import inspect
import itertools
import json
import multiprocessing
import multiprocessing.connection
import socket
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

import zmq
from device_links import OTHER

from beamloom.devices.registry import find_device
from beamloom.events import Packet, PacketKind

MB: Final = 1 << 20
SIZES: Final = {"2 kB": (32, 32), "1 MB": (512, 1024), "8 MB": (2048, 2048)}
"""Shapes of uint16 images of this size."""
MANY: Final = 40
FEW: Final = 8
"""Items of the series that is sent over and over, and of one with large frames: it has to fit into memory three times."""
WAIT_SECONDS: Final = 30.0
ROUNDS: Final = 3
"""Each with a slice of all three ways to read, so that what else the machine does falls on all of them."""


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


@dataclass
class Row:
    """What was measured; rates in packets (or messages) per second."""

    device: str
    what: str
    bytes_per_message: int
    plain: float
    source: float
    parsed: float
    source_gb_s: float
    slower_percent: float
    """How much slower the source is than the plain socket; negative where it is faster."""


def few(shape: tuple[int, int]) -> int:
    """How many images of this shape are sent over and over."""
    return MANY if shape[0] * shape[1] < MB // 4 else FEW


def cases() -> Iterator[Case]:
    """All that is measured."""
    for size, shape in SIZES.items():
        yield Case("stins", size, {"shape": shape, "dtype": "uint16"}, {}, items=few(shape))
    for size, shape in SIZES.items():
        keywords = {"shape": shape, "dtype": "uint16", "encoding": "none"}
        yield Case("dectris_v1", size, keywords, {}, items=few(shape))
    for size, shape in SIZES.items():
        keywords = {"shape": shape, "dtype": "uint16", "compression": "none"}
        yield Case("dectris_v2", size, keywords, {}, items=few(shape))
    for device in ("dectris_v1", "dectris_v2"):
        how = "encoding" if device == "dectris_v1" else "compression"
        for size, shape in list(SIZES.items())[1:]:
            packed = {"shape": shape, "dtype": "uint16", how: "bslz4"}
            yield Case(device, f"{size}, packed by bslz4", packed, {}, items=few(shape), unpacked=True)
    for size, shape in SIZES.items():
        keywords = {"shape": shape, "dtype": "uint16"}
        yield Case("adzmq", size, keywords, {"first_frame": 1}, zmq.SUB, few(shape))
    for size, shape in SIZES.items():
        keywords = {"shape": shape, "dtype": "uint16"}
        yield Case("pva", size, keywords, {"queue": 100}, items=few(shape), link="PVA")
    for size, shape in SIZES.items():
        keywords = {"shape": shape, "dtype": "uint16"}
        yield Case("karabo", f"{size}, REQ", keywords, {"socket": "REQ"}, items=few(shape), link="REQ")
    for size, shape in SIZES.items():
        yield Case(
            "karabo",
            f"{size}, PULL",
            {"shape": shape, "dtype": "uint16"},
            {"socket": "PULL"},
            items=few(shape),
        )
    for size, shape in SIZES.items():
        yield Case("generator", f"{size}, PUSH", {"shape": shape}, {}, items=few(shape))
    yield Case("xspress3", "2 x 256 bins", {"channels": 2, "bins": 256}, {}, zmq.SUB)
    yield Case("xspress3", "64 x 4096 bins, 1 MB", {"channels": 64, "bins": 4096}, {}, zmq.SUB, FEW)
    yield Case("xspress3", "512 x 4096 bins, 8 MB", {"channels": 512, "bins": 4096}, {}, zmq.SUB, FEW)
    yield Case("contrast", "points", {"positions": [(i, -i) for i in range(MANY)]}, {}, zmq.SUB)
    yield Case("albaem", "points", {}, {}, zmq.SUB)
    yield Case("pcap", "15 rows a message", {}, {}, zmq.SUB, packets=MANY + 2)
    yield Case("lecroy", "2 ch, 20 traces of 1000", {}, {}, zmq.SUB, packets=MANY + 2)
    yield Case("bluesky", "rows", {}, {}, zmq.SUB)
    yield Case("sardana", "points", {"points": MANY}, {"scans_per_run": 0}, link="HTTP")
    yield Case("pandabox", "rows of text", {"rows": 1000}, {}, None)


COUNT_NAMES: Final = ("frames", "trains", "items", "rows", "sequences")


def series_of(case: Case) -> list[list[bytes]]:
    """One series of the device."""
    generate = find_device(case.device).generate
    known = inspect.signature(generate).parameters
    counts = {name: case.items for name in COUNT_NAMES if name in known and name not in case.keywords}
    return [list(map(bytes, message)) for message in generate(**{**counts, **case.keywords})]


def send(case: Case, port: multiprocessing.connection.Connection) -> None:
    """The sender's process: the series over and over until it is killed."""
    series = series_of(case)
    if case.link is not None:
        OTHER[case.link][0](series, port)
        return
    if case.pattern is None:
        _send_tcp(series, port)
        return
    with zmq.Context() as context:
        sends = zmq.PUSH if case.pattern == zmq.PULL else zmq.XPUB
        with context.socket(sends) as sender:
            sender.set(zmq.SNDHWM, 50)
            sender.set(zmq.LINGER, 0)
            if sends == zmq.XPUB:
                sender.set(zmq.XPUB_NODROP, 1)
            port.send(f"tcp://127.0.0.1:{sender.bind_to_random_port('tcp://127.0.0.1')}")
            if sends == zmq.XPUB:
                sender.recv()
            for message in itertools.chain.from_iterable(itertools.repeat(series)):
                while True:
                    try:
                        sender.send_multipart(message, zmq.DONTWAIT, copy=sum(map(len, message)) < 65536)
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
        while True:
            client.sendall(octets)


class Sender:
    """A sender in a process of its own."""

    def __init__(self, case: Case) -> None:
        spawn = multiprocessing.get_context("spawn")
        ours, theirs = spawn.Pipe()
        self._process = spawn.Process(target=send, args=(case, theirs), daemon=True)
        self._process.start()
        if not ours.poll(WAIT_SECONDS):
            raise RuntimeError(f"the sender of {case.device} did not start")
        self.url: str = ours.recv()

    def __enter__(self) -> Sender:
        return self

    def __exit__(self, *exception: object) -> None:
        self._process.kill()
        self._process.join()


def rate_of(read: Callable[[], int], seconds: float) -> float:
    """What ``read`` counts per second, after a moment to get going."""
    warm_until = time.perf_counter() + seconds / 4
    while time.perf_counter() < warm_until:
        read()
    count, begun = 0, time.perf_counter()
    while (took := time.perf_counter() - begun) < seconds:
        count += read()
    return count / took


def plain_zmq(case: Case, url: str, seconds: float, *, copy: bool) -> float:
    """Messages per second of a bare ZeroMQ socket; small frames are copied, which is quicker."""
    with zmq.Context() as context, context.socket(case.pattern or zmq.PULL) as reader:
        reader.set(zmq.LINGER, 0)
        # As the sources of these devices have it: no limit for SUB.
        reader.set(zmq.RCVHWM, 100 if case.pattern == zmq.PULL else 0)
        if case.pattern == zmq.SUB:
            reader.set(zmq.SUBSCRIBE, b"")
        reader.connect(url)

        def read() -> int:
            if not reader.poll(100):
                return 0
            count = 0
            try:
                while count < 64:
                    reader.recv_multipart(zmq.DONTWAIT, copy=copy)
                    count += 1
            except zmq.Again:
                pass
            return count

        return rate_of(read, seconds)


def plain_tcp(case: Case, url: str, seconds: float) -> float:
    """Lines per second of a bare TCP socket: bytes that came, by the mean length of a line."""
    host, _, port = url.removeprefix("tcp://").partition(":")
    series = series_of(case)
    per_line = sum(len(frame) for message in series for frame in message) / len(series)
    with socket.create_connection((host, int(port))) as reader:
        reader.sendall(b"\n")
        return rate_of(lambda: len(reader.recv(1 << 16)), seconds) / per_line


def through_source(case: Case, url: str, seconds: float, *, parse: bool) -> tuple[float, float]:
    """Packets and bytes per second through the device's source, and its parser if so."""
    device = find_device(case.device)
    source = device.source(device.settings(url=url, **case.settings))
    source.open()
    poller = zmq.Poller()
    poller.register(source.pollable, zmq.POLLIN)
    deadline = time.perf_counter() + WAIT_SECONDS
    while not source.connected():
        if time.perf_counter() > deadline:
            raise RuntimeError(f"{case.device}: {source.connection_problem()}")
        time.sleep(0.001)
    nbytes = packets = 0

    def read() -> int:
        nonlocal nbytes, packets
        items = source.read(512)
        if not items:
            poller.poll(100)
        for item in items:
            if not isinstance(item, Packet):
                raise RuntimeError(f"{case.device}: {item.reason}")
            nbytes += item.nbytes
            if parse:
                parsed = device.parse(item)
                if case.unpacked and item.kind is PacketKind.DATA:
                    _ = parsed.array
        packets += len(items)
        return len(items)

    try:
        rate = rate_of(read, seconds)
    finally:
        source.close()
    return rate, rate * nbytes / max(packets, 1)


def through_plain(case: Case, url: str, seconds: float, size: int) -> float:
    """Messages per second with nothing of Beamloom."""
    if case.link is not None:
        return OTHER[case.link][1](url, lambda read: rate_of(read, seconds))
    if case.pattern is None:
        return plain_tcp(case, url, seconds)
    return plain_zmq(case, url, seconds, copy=size < 65536)


def measure(case: Case, seconds: float) -> Row:
    """One row of the table: of each figure the best of several rounds, for a machine that does other things never makes one better."""
    series = series_of(case)
    size = sum(len(frame) for message in series for frame in message) // len(series)
    plain = source = parsed = nbytes = 0.0
    # A bare ZeroMQ socket goes on to send when a reader has left; the others begin anew for each.
    lasting = Sender(case) if case.link is None and case.pattern is not None else None
    with lasting or contextlib.nullcontext():
        for _ in range(ROUNDS):
            with Sender(case) if lasting is None else contextlib.nullcontext(lasting) as sender:
                plain = max(plain, through_plain(case, sender.url, seconds, size))
            with Sender(case) if lasting is None else contextlib.nullcontext(lasting) as sender:
                rate, octets = through_source(case, sender.url, seconds, parse=False)
            if rate > source:
                source, nbytes = rate, octets
            with Sender(case) if lasting is None else contextlib.nullcontext(lasting) as sender:
                parsed = max(parsed, through_source(case, sender.url, seconds, parse=True)[0])
    messages_per_packet = len(series) / (case.packets or len(series))
    slower = 1 - source * messages_per_packet / plain
    return Row(case.device, case.what, size, plain, source, parsed, nbytes / 1e9, 100 * slower)


def main(arguments: Sequence[str]) -> int:
    """Measure, and print a table or one JSON object per line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="0.1 s a slice, not 0.4 s")
    parser.add_argument("--json", action="store_true", help="print one JSON object, last")
    parser.add_argument("--only", metavar="DEVICE", help="measure this device alone")
    chosen = parser.parse_args(arguments)
    seconds = 0.1 if chosen.quick else 0.4
    rows = []
    print(
        f"{'device':12}{'packets of':26}{'plain /s':>11}{'source /s':>11}{'+parse /s':>11}{'GB/s':>7}{'slower':>8}"
    )
    for case in cases():
        if chosen.only in (None, case.device):
            row = measure(case, seconds)
            rows.append(row)
            print(
                f"{row.device:12}{row.what:26}{row.plain:11,.0f}{row.source:11,.0f}{row.parsed:11,.0f}"
                f"{row.source_gb_s:7.2f}{row.slower_percent:7.0f}%",
                flush=True,
            )
    if chosen.json:
        print(json.dumps({"rows": [asdict(row) for row in rows]}))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
