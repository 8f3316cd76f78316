"""Simulators: they bind where asked, know who listens, keep their pace, and drop nothing when they close."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import zmq

from beamloom.devices import contrast, stins, xspress3
from beamloom.devices.device import Device
from beamloom.devices.player import ZmqPlayer
from support.patience import PATIENCE

DEVICES = [stins.DEVICE, contrast.DEVICE, xspress3.DEVICE]
devices = pytest.mark.parametrize("device", DEVICES, ids=lambda device: device.name)


@pytest.fixture
def context() -> Iterator[zmq.Context[zmq.Socket[bytes]]]:
    with zmq.Context() as context:
        yield context


def listen(
    context: zmq.Context[zmq.Socket[bytes]], device: Device, url: str, receive_queue: int = 0
) -> zmq.Socket[bytes]:
    """A plain ZeroMQ client, as any other program would be."""
    client = context.socket(zmq.PULL if device is stins.DEVICE else zmq.SUB)
    if device is not stins.DEVICE:
        client.subscribe(b"")
    client.set(zmq.RCVTIMEO, 10_000)
    client.set(zmq.RCVHWM, receive_queue)
    client.connect(url)
    return client


@devices
@pytest.mark.parametrize("url", ["tcp://127.0.0.1:0", "tcp://127.0.0.1:*", "ipc"])
def test_a_plain_client_gets_what_is_played(
    device: Device, url: str, tmp_path: Path, context: zmq.Context[zmq.Socket[bytes]]
) -> None:
    simulator = device.simulator(f"ipc://{tmp_path}/device.sock" if url == "ipc" else url)
    assert simulator.url.startswith("ipc://" if url == "ipc" else "tcp://127.0.0.1:")
    with listen(context, device, simulator.url) as client:
        simulator.wait_for_client(PATIENCE)
        messages = [list(message) for message in device.generate()]
        assert simulator.play(messages) == len(messages)
        assert [client.recv_multipart() for _ in messages] == messages
    simulator.close()


@devices
def test_waiting_for_nobody_ends_in_time(device: Device) -> None:
    simulator = device.simulator("tcp://127.0.0.1:0")
    with pytest.raises(TimeoutError, match=f"nobody connected to {simulator.url} within 0.05 s"):
        simulator.wait_for_client(0.05)
    simulator.close()


@devices
def test_a_client_that_left_is_not_waited_for_in_vain(
    device: Device, context: zmq.Context[zmq.Socket[bytes]], until: Callable[[Callable[[], bool]], None]
) -> None:
    simulator = device.simulator("tcp://127.0.0.1:0")
    with listen(context, device, simulator.url):
        simulator.wait_for_client(PATIENCE)

    def alone() -> bool:
        try:
            simulator.wait_for_client(0)
        except TimeoutError:
            return True
        return False

    until(alone)
    with listen(context, device, simulator.url):
        simulator.wait_for_client(PATIENCE)
    simulator.close()


@devices
def test_an_address_that_is_taken_is_refused_with_a_sentence(device: Device) -> None:
    simulator = device.simulator("tcp://127.0.0.1:0")
    with pytest.raises(ValueError, match=r"cannot bind to .* in use"):
        device.simulator(simulator.url)
    simulator.close()


@devices
def test_closing_sends_what_is_queued(device: Device, context: zmq.Context[zmq.Socket[bytes]]) -> None:
    simulator = device.simulator("tcp://127.0.0.1:0")
    with listen(context, device, simulator.url, receive_queue=1) as client:
        simulator.wait_for_client(PATIENCE)
        # More than the system takes off our hands, less than what the simulator queues.
        assert simulator.play([[bytes(2**20)]] * 40) == 40
        closing = threading.Thread(target=simulator.close)
        closing.start()
        assert sum(len(client.recv()) for _ in range(40)) == 40 * 2**20
        closing.join()
    simulator.close()


def test_closing_ends_a_player_that_nobody_reads() -> None:
    simulator = stins.simulator("tcp://127.0.0.1:0")
    sent: list[int] = []
    player = threading.Thread(target=lambda: sent.append(simulator.play(stins.generate(frames=3))))
    player.start()
    simulator.close()
    player.join(10)
    assert sent == [0]
    with pytest.raises(RuntimeError, match="closed"):
        simulator.wait_for_client(1)


@pytest.mark.parametrize(
    ("device", "settings"),
    [(stins.DEVICE, {}), (contrast.DEVICE, {"heartbeats": 1}), (xspress3.DEVICE, {"multipart": False})],
    ids=lambda value: getattr(value, "name", ""),
)
def test_the_rate_is_that_of_the_data_messages(
    device: Device, settings: dict[str, Any], context: zmq.Context[zmq.Socket[bytes]]
) -> None:
    simulator = device.simulator("tcp://127.0.0.1:0")
    assert isinstance(simulator, ZmqPlayer)
    points = {"positions": [(0, 0)] * 6} if device is contrast.DEVICE else {"frames": 6}
    with listen(context, device, simulator.url):
        simulator.wait_for_client(PATIENCE)
        begin = time.monotonic()
        simulator.play(device.generate(**settings, **points), rate=50)
        took = time.monotonic() - begin
    # Six data messages have five intervals of 20 ms, however many messages go with them.
    assert took >= 0.1
    simulator.close()
