"""A device's simulator and source, joined by a real socket on this machine."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import cbor2
import pytest
import zmq

from beamloom.devices.captures import read_capture
from beamloom.devices.device import Device
from beamloom.devices.player import ZmqPlayer
from beamloom.devices.zeromq import OverZeroMq, ZmqSource
from beamloom.events import Malformed, Packet
from support.patience import PATIENCE
from support.ports import quiet_port

TIMEOUT = PATIENCE


def wait_until(condition: Callable[[], bool]) -> None:
    """Return when ``condition`` holds; fail the test when it does not within ``TIMEOUT`` seconds."""
    end = time.monotonic() + TIMEOUT
    while not condition():
        if time.monotonic() > end:
            pytest.fail("waited in vain", pytrace=True)
        time.sleep(0.001)


class Link:
    """One simulator, one source, connected."""

    def __init__(self, device: Device, **settings: Any) -> None:
        simulator, source = device.simulator(f"tcp://127.0.0.1:{quiet_port()}"), None
        assert isinstance(simulator, ZmqPlayer)
        self.simulator = simulator
        source = device.source(device.settings(url=simulator.url, **settings))
        assert isinstance(source, ZmqSource | OverZeroMq)
        self.source = source
        source.open()
        simulator.wait_for_client(TIMEOUT)
        wait_until(source.connected)

    def receive(self, count: int) -> list[Packet | Malformed]:
        """``count`` items, however many reads that takes."""
        items: list[Packet | Malformed] = []
        poller = zmq.Poller()
        poller.register(self.source.pollable, zmq.POLLIN)
        while len(items) < count:
            assert poller.poll(int(TIMEOUT * 1000)), f"only {len(items)} of {count} items came: {items}"
            items += self.source.read(100)
        assert len(items) == count
        return items

    def send(self, messages: Iterable[Sequence[bytes]], count: int) -> list[Packet | Malformed]:
        """What the source makes of ``messages``, which have to give ``count`` items."""
        self.simulator.play(messages)
        return self.receive(count)

    def close(self) -> None:
        self.source.close()
        self.simulator.close()


@pytest.fixture
def link() -> Iterator[Callable[..., Link]]:
    """``link(device, **settings)`` joins a simulator and a source of ``device``; both are closed after the test."""
    links: list[Link] = []

    def join(device: Device, **settings: Any) -> Link:
        links.append(Link(device, **settings))
        return links[-1]

    yield join
    for each in links:
        each.close()


@pytest.fixture
def until() -> Callable[[Callable[[], bool]], None]:
    """``until(condition)`` returns when the condition holds."""
    return wait_until


@pytest.fixture
def capture(shared_data: Path) -> Callable[[str], list[list[bytes]]]:
    """``capture(name)`` gives the messages of one of the shared captures."""
    return lambda name: list(read_capture(shared_data / "captures" / name))


@pytest.fixture
def recorded(shared_data: Path) -> Callable[[str], list[Packet]]:
    """``recorded(path)`` gives the packets of one of the shared recordings, which have a single stream each."""

    def packets(path: str) -> list[Packet]:
        found = []
        with (shared_data / path).open("rb") as file:
            while file.peek(1):
                _, streams, *_ = cbor2.load(file).value
                ((_, packet),) = streams.items()
                typ, frames = packet.value
                found.append(Packet(typ, list(frames)))
        return found

    return packets
