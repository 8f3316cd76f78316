"""Sources over ZeroMQ: what is known of the connection, what is discarded, and that nothing is dropped."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import zmq

from beamloom.devices import contrast, stins, xspress3
from beamloom.devices.zeromq import ZmqSource
from beamloom.events import Malformed, Packet, PacketKind
from support.patience import PATIENCE
from support.ports import quiet_port

Until = Callable[[Callable[[], bool]], None]


@pytest.fixture
def opened() -> Iterator[Callable[..., ZmqSource]]:
    """``opened(url)`` gives a STINS source that is connecting; closed after the test."""
    sources: list[ZmqSource] = []

    def connect(url: str, pattern: int = zmq.PULL) -> ZmqSource:
        sources.append(ZmqSource(url, pattern, 1000, stins.StinsReader()))
        sources[-1].open()
        return sources[-1]

    yield connect
    for source in sources:
        source.close()


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    """A TCP server of this test's own."""
    with socket.create_server(("127.0.0.1", quiet_port())) as server:
        yield server


def test_where_nothing_listens_there_is_a_sentence_for_people(
    opened: Callable[..., ZmqSource], listener: socket.socket, until: Until
) -> None:
    url = f"tcp://127.0.0.1:{listener.getsockname()[1]}"
    listener.close()
    source = opened(url)
    until(lambda: "nothing listens" in str(source.connection_problem()))
    assert f"nothing listens at {url} (connection refused" in str(source.connection_problem())
    assert "start the device or leave the stream out of the map" in str(source.connection_problem())
    assert not source.connected()


def test_a_host_that_does_not_answer_is_no_connection(
    opened: Callable[..., ZmqSource], listener: socket.socket
) -> None:
    source = opened(f"tcp://127.0.0.1:{listener.getsockname()[1]}")
    assert "nothing has answered" in str(source.connection_problem())
    assert not source.connected()


def test_something_that_does_not_speak_zeromq_is_called_so(
    opened: Callable[..., ZmqSource], listener: socket.socket, until: Until
) -> None:
    source = opened(f"tcp://127.0.0.1:{listener.getsockname()[1]}")
    peer, _ = listener.accept()
    with peer:
        peer.sendall(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n" + bytes(100))
    until(lambda: "is no ZeroMQ PUSH socket" in str(source.connection_problem()))
    assert source.unsuitable
    assert not source.connected()


def test_a_device_of_another_pattern_is_not_taken_for_the_one_expected(
    opened: Callable[..., ZmqSource], until: Until
) -> None:
    publisher = contrast.simulator("tcp://127.0.0.1:0")
    source = opened(publisher.url)
    until(lambda: "is no ZeroMQ PUSH socket" in str(source.connection_problem()))
    assert not source.connected()
    publisher.close()


@pytest.mark.parametrize(
    "url",
    [
        "detector:9999",
        "tcp://:9999",
        "tcp://host",
        "tcp://host:0",
        "tcp://host:70000",
        "tcp://*:9",
        "http://host:80",
        "",
    ],
)
def test_an_address_that_cannot_be_right_is_refused_at_once(url: str) -> None:
    with pytest.raises(ValueError, match="is no address of a device; write it like tcp://"):
        stins.source(stins.StinsSettings(url=url)).open()


def test_a_source_may_be_closed_twice_and_says_when_it_is_not_open(opened: Callable[..., ZmqSource]) -> None:
    source = opened("tcp://127.0.0.1:9")
    source.open()
    source.close()
    source.close()
    with pytest.raises(RuntimeError, match="call open"):
        source.read(1)
    with pytest.raises(RuntimeError, match="call open"):
        _ = source.pollable
    assert not source.connected()
    assert "not open" in str(source.connection_problem())


def test_a_connection_has_no_problem_and_reading_it_never_waits(link: Callable[..., Any]) -> None:
    joined = link(stins.DEVICE)
    assert joined.source.connection_problem() is None
    assert joined.source.reconnects == 0
    assert joined.source.read(100) == []


def test_a_device_that_comes_back_is_connected_again_and_counted(
    link: Callable[..., Any], until: Until
) -> None:
    joined = link(contrast.DEVICE)
    url = joined.simulator.url
    first, *rest = contrast.generate(positions=[(0, 0), (1, 1)])
    joined.send([first], 1)
    joined.simulator.close()
    until(lambda: not joined.source.connected())
    assert "broke off" in str(joined.source.connection_problem())
    joined.simulator = contrast.simulator(url)
    until(joined.source.connected)
    joined.simulator.wait_for_client(PATIENCE)
    assert joined.source.reconnects == 1
    # The series goes on: what was sent before the break still belongs to it.
    items = joined.send(rest, 3)
    assert [item.kind for item in items] == [PacketKind.DATA, PacketKind.DATA, PacketKind.END]


def test_what_belongs_to_no_series_is_discarded_and_counted(link: Callable[..., Any]) -> None:
    series = list(stins.generate(frames=2, shape=(1, 1)))
    joined = link(stins.DEVICE)
    items = joined.send([[b"junk"], series[2], series[3], *series, [b"junk"], series[1], *series], 8)
    assert [item.kind for item in items] == [
        PacketKind.START,
        PacketKind.DATA,
        PacketKind.DATA,
        PacketKind.END,
    ] * 2
    assert joined.source.discarded_before_start == 5


def test_two_series_of_one_run_are_numbered_by_the_senders_count(link: Callable[..., Any]) -> None:
    first = list(stins.generate(frames=2, shape=(1, 1), first_msg_number=50))
    second = list(stins.generate(frames=1, shape=(1, 1), first_msg_number=54))
    items = link(stins.DEVICE).send([*first, *second], 7)
    assert [item.number for item in items] == [None, 1, 2, 3, 4, 1, 2]


def test_the_receive_queue_is_as_long_as_the_settings_say(link: Callable[..., Any]) -> None:
    assert link(stins.DEVICE, receive_queue=7).source.pollable.get(zmq.RCVHWM) == 7
    assert link(contrast.DEVICE).source.pollable.get(zmq.RCVHWM) == 0


def test_no_read_gives_more_than_its_limit(link: Callable[..., Any]) -> None:
    joined = link(xspress3.DEVICE)
    series = list(xspress3.generate(frames=50, channels=1, bins=4, multipart=False))
    del series[-2]
    joined.simulator.play(series)
    items: list[Packet | Malformed] = []
    poller = zmq.Poller()
    poller.register(joined.source.pollable, zmq.POLLIN)
    while len(items) < 52:
        assert poller.poll(10_000)
        got = joined.source.read(3)
        assert len(got) <= 3
        items += got
    assert isinstance(items[-2], Malformed)
    assert isinstance(items[-1], Packet)


@pytest.mark.parametrize("device", [stins.DEVICE, contrast.DEVICE], ids=lambda device: device.name)
def test_a_slow_reader_loses_nothing(device: Any, link: Callable[..., Any]) -> None:
    if device is stins.DEVICE:
        joined, series = link(device, receive_queue=10), stins.generate(frames=5000, shape=(32, 32))
    else:
        joined, series = link(device), contrast.generate(positions=[(i, i) for i in range(5000)])
    player = threading.Thread(target=joined.simulator.play, args=(series,))
    player.start()
    items = joined.receive(5002)
    player.join()
    assert [item.kind for item in items] == [PacketKind.START, *[PacketKind.DATA] * 5000, PacketKind.END]
    last = items[-2].parse()
    assert (last.frame if device is stins.DEVICE else last.sx) == 4999


def test_a_full_queue_makes_a_push_sender_wait(link: Callable[..., Any]) -> None:
    joined = link(stins.DEVICE, receive_queue=2)
    player = threading.Thread(
        target=joined.simulator.play, args=(stins.generate(frames=4000, shape=(64, 128)),)
    )
    player.start()
    poller = zmq.Poller()
    poller.register(joined.source.pollable, zmq.POLLIN)
    poller.poll(10_000)
    # 64 MB do not fit into queues of 100 and 2 messages and the socket buffers.
    player.join(0.3)
    assert player.is_alive()
    assert len(joined.receive(4002)) == 4002
    player.join()
