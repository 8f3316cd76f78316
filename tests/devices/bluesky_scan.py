"""A real RunEngine scans simulated ophyd-async devices, in a process of its own.

Usage: bluesky_scan.py HOW. ``proxy-pickle`` and ``proxy-msgpack`` send through bluesky's own publisher and proxy, ``publisher`` through
beamloom's, to which streams connect. It prints the address to connect to, sends greetings until a line comes in, then scans, and ends
after another line.
"""

from __future__ import annotations

import pickle
import sys
import threading
from collections.abc import Iterator
from typing import Any

import bluesky.plan_stubs as bps
import bluesky.plans as bp
import bluesky.preprocessors as bpp
import msgpack
import msgpack_numpy
from bluesky.callbacks.zmq import Proxy, Publisher
from bluesky.run_engine import RunEngine
from ophyd_async.core import init_devices
from ophyd_async.sim import PatternGenerator, SimMotor, SimPointDetector

from beamloom.devices.bluesky import DocumentPublisher

POINTS = 5


def say(line: str) -> None:
    """Tell the test."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def main(how: str) -> None:
    engine = RunEngine({"sample": "copper"})
    with init_devices():
        motor = SimMotor(name="motor", instant=True)
        pattern = PatternGenerator()  # type: ignore[no-untyped-call]
        detector = SimPointDetector(pattern, name="det")

    publish: Any
    if how == "publisher":
        publish = DocumentPublisher("tcp://127.0.0.1:0")
        address = publish.url
    else:
        proxy = Proxy("127.0.0.1", "127.0.0.1")
        threading.Thread(target=proxy.start, daemon=True).start()
        address = str(proxy.out_port)
        write = pickle.dumps if how == "proxy-pickle" else _msgpack
        publish = Publisher(str(proxy.in_port), serializer=write)
    engine.subscribe(publish)  # type: ignore[no-untyped-call]
    say(address)

    told = threading.Event()

    def listen() -> None:
        sys.stdin.readline()
        told.set()

    threading.Thread(target=listen, daemon=True).start()
    while not told.wait(0.01):
        # Until everybody is connected, a message reaches nobody; streams pass over what comes before a run.
        publish("datum", {"greeting": True})

    @bpp.baseline_decorator([motor])  # type: ignore[untyped-decorator]
    def scan() -> Iterator[Any]:
        yield from bps.mv(detector.acquire_time, 0.001)
        yield from bp.scan([detector], motor, 0, 1, POINTS)

    engine(scan())
    say("scanned")
    sys.stdin.readline()


def _msgpack(document: dict[str, Any]) -> bytes:
    return bytes(msgpack.packb(document, default=msgpack_numpy.encode))


if __name__ == "__main__":
    main(sys.argv[1])
