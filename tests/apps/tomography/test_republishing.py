"""Frames are sent on with their angles, as STINS that others read: another program, or a second pipeline."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import zmq

from apps.runs import analysed, as_packets, assert_same, events_of, parameters_of
from apps.tomography.scans import scan, settings
from beamloom import Event, Packet, UserError
from beamloom.apps.tomography import Reducer, Republisher, Simulation, Worker
from beamloom.apps.tomography.port import Port
from beamloom.devices import stins

SIMULATION = Simulation(seed=3, shape=(24, 32), frames=40)
ENCODER = {"angle_scale": 1e-6, "angle_offset": 10.0}


class Sender:
    """A process that republishes."""

    def __init__(self) -> None:
        self.context: dict[Any, Any] = {}
        self.given = parameters_of(Republisher, republish_url="tcp://127.0.0.1:*", **ENCODER)

    @property
    def url(self) -> str:
        return Port.of(self.context, "tcp://127.0.0.1:*", 100).url

    def run(self, events: list[Event]) -> list[dict[str, Any] | None]:
        worker = Republisher(self.given, self.context)
        return [worker.process_event(event, self.given) for event in events]


@pytest.fixture
def sender() -> Iterator[Sender]:
    made = Sender()
    yield made
    Port.close_of(made.context)


@pytest.fixture
def reader(sender: Sender) -> Iterator[zmq.Socket[bytes]]:
    socket: zmq.Socket[bytes] = zmq.Context.instance().socket(zmq.PULL)
    socket.setsockopt(zmq.LINGER, 0)
    socket.setsockopt(zmq.RCVTIMEO, 20_000)
    monitor = socket.get_monitor_socket(zmq.EVENT_HANDSHAKE_SUCCEEDED)
    socket.connect(sender.url)
    monitor.recv_multipart()
    socket.disable_monitor()
    monitor.close()
    yield socket
    socket.close()


def received(reader: zmq.Socket[bytes]) -> list[Packet]:
    """The messages up to the end of the series."""
    packets: list[Packet] = []
    while not packets or not isinstance(packets[-1].parse(), stins.Stream1End):
        packets.append(Packet("STINS", reader.recv_multipart()))
    return packets


def test_frames_leave_with_their_angles_and_all_that_their_camera_said(
    sender: Sender, reader: zmq.Socket[bytes]
) -> None:
    results = sender.run(scan(SIMULATION))
    header, *frames, end = (packet.parse() for packet in received(reader))
    np.testing.assert_allclose(
        [frame.angle for frame in frames], [SIMULATION.degrees(i) for i in range(40)], atol=1e-6
    )
    assert all(np.array_equal(frame.array, SIMULATION.frame(index)) for index, frame in enumerate(frames))
    assert [one.msg_number for one in (header, *frames, end)] == list(range(42))
    assert frames[3].encoder_time == pytest.approx(0.04)
    assert frames[3].frame == 3
    assert all(result["sent"] for result in results[1:-1] if result)


def test_a_second_pipeline_makes_the_slices_that_the_first_would_have_made(
    sender: Sender, reader: zmq.Socket[bytes]
) -> None:
    events = scan(SIMULATION)
    sender.run(events)
    frames = as_packets("STINS", [packet.frames for packet in received(reader)])
    given = settings(SIMULATION)
    second = {
        **given,
        "angle_column": "angle",
        "time_column": "encoder_time",
        "angle_scale": 1.0,
        "angle_offset": 0.0,
    }
    assert_same(
        analysed(Worker, Reducer, events_of({"frames": frames}), parameters_of(Worker, **second))["slices"],
        analysed(Worker, Reducer, events, parameters_of(Worker, **given))["slices"],
    )


def test_a_lost_event_is_missing_in_the_numbers(sender: Sender, reader: zmq.Socket[bytes]) -> None:
    events = scan(SIMULATION, 4)
    del events[2]
    sender.run(events)
    assert [packet.parse().msg_number for packet in received(reader)] == [0, 1, 3, 4, 5]


def test_a_second_run_goes_on_counting_messages(sender: Sender, reader: zmq.Socket[bytes]) -> None:
    numbers = []
    for _ in range(2):
        sender.run(scan(SIMULATION, 2))
        numbers.append([packet.parse().msg_number for packet in received(reader)])
    assert numbers == [[0, 1, 2, 3], [4, 5, 6, 7]]


def test_without_a_reader_nothing_waits_and_all_is_counted(sender: Sender) -> None:
    def worker(context: dict[Any, Any]) -> Republisher:
        return Republisher(sender.given, sender.context)

    tree = analysed(worker, Reducer, scan(SIMULATION, 5), sender.given)
    assert tree["republished"] == {"frames": 0, "left_out": 5}
    assert len(tree["angles"]["angle"]) == 5


def test_an_address_that_is_taken_is_told(sender: Sender) -> None:
    taken = parameters_of(Republisher, republish_url=sender.url, **ENCODER)
    with pytest.raises(UserError, match="give an address that is free"):
        Republisher(taken, {})


def test_compressed_frames_are_sent_on_as_they_came(sender: Sender, reader: zmq.Socket[bytes]) -> None:
    image = np.full((8, 8), 7, np.uint16)
    messages = list(stins.generate(images=[image], compression="bslz4", meta={"nproj": 1}))
    events = scan(SIMULATION, 1)
    for event, message in itertools.zip_longest(events, messages):
        event.streams["camera"].frames[:] = message
    sender.run(events)
    header, frame, _ = received(reader)
    assert header.parse().meta == {"nproj": 1}
    assert frame.frames[1] == messages[1][1]
    assert np.array_equal(frame.parse().array, image)
