"""Frames are sent on with their angles, in their order, as STINS that others read."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import zmq

from apps.runs import analysed, parameters_of
from apps.tomography.scans import scan, settings
from beamloom import Packet
from beamloom.apps.tomography import Reducer, Simulation, Turning, Worker
from beamloom.apps.tomography.republishing import MOST_WAITING, Port, Republishing
from beamloom.devices import stins

SIMULATION = Simulation(seed=3, shape=(12, 16))


@pytest.fixture
def port() -> Iterator[Port]:
    context: dict[Any, Any] = {}
    yield Port.of(context, "tcp://127.0.0.1:*", 1000)
    Port.close_of(context)


@pytest.fixture
def reader(port: Port) -> Iterator[zmq.Socket[bytes]]:
    socket: zmq.Socket[bytes] = zmq.Context.instance().socket(zmq.PULL)
    socket.setsockopt(zmq.LINGER, 0)
    socket.setsockopt(zmq.RCVTIMEO, 20_000)
    monitor = socket.get_monitor_socket(zmq.EVENT_HANDSHAKE_SUCCEEDED)
    socket.connect(port.url)
    monitor.recv_multipart()
    socket.disable_monitor()
    monitor.close()
    yield socket
    socket.close()


def result(event: int) -> dict[str, Any]:
    image = np.full((2, 3), event, np.uint16)
    header = {"htype": "image", "frame": event, "shape": [2, 3], "type": "uint16", "compression": "none"}
    return {
        "degrees": 2.0 * event,
        "time": 0.1 * event,
        "frame": {"header": header, "blobs": [image.tobytes()]},
    }


def received(reader: zmq.Socket[bytes]) -> Iterator[Any]:
    """The packets up to the end of the series, as the device ``stins`` parses them."""
    while True:
        parsed = stins.parse(Packet("STINS", reader.recv_multipart()))
        yield parsed
        if isinstance(parsed, stins.Stream1End):
            return


def test_frames_leave_in_their_order_with_their_angles(port: Port, reader: zmq.Socket[bytes]) -> None:
    sending = Republishing(port, Turning())
    sending.opening = {"filename": "scan.h5", "meta": {"label": "C-17"}}
    for event in (2, 1, 4, 3, 5):
        sending.offer(event, result(event))
    sending.finish()
    header, *frames, end = received(reader)
    assert (header.filename, header.meta) == ("scan.h5", {"label": "C-17"})
    assert [frame.angle for frame in frames] == [2.0, 4.0, 6.0, 8.0, 10.0]
    assert [int(frame.array[0, 0]) for frame in frames] == [1, 2, 3, 4, 5]
    assert [one.msg_number for one in (header, *frames, end)] == list(range(7))
    assert sending.published() == {"address": port.url, "frames": 5, "left_out": 0}


def test_a_missing_event_holds_up_others_for_a_while_and_is_missing_in_the_numbers(
    port: Port, reader: zmq.Socket[bytes]
) -> None:
    sending = Republishing(port, Turning())
    for event in (1, *range(3, 4 + MOST_WAITING)):
        sending.offer(event, result(event))
    assert sending.sent == 2 + MOST_WAITING
    sending.offer(2, result(2))
    sending.finish()
    packets = list(received(reader))
    assert [one.msg_number for one in packets] == [0, 1, *range(3, 5 + MOST_WAITING)]
    assert sending.left_out == 1


def test_without_a_reader_nothing_waits_and_all_is_counted(port: Port) -> None:
    sending = Republishing(port, Turning())
    for event in range(1, 11):
        sending.offer(event, result(event))
    sending.finish()
    assert (sending.sent, sending.left_out) == (0, 10)


def test_a_second_run_goes_on_counting_messages(port: Port, reader: zmq.Socket[bytes]) -> None:
    numbers = []
    for _ in range(2):
        sending = Republishing(port, Turning())
        sending.offer(1, result(1))
        sending.finish()
        numbers.append([one.msg_number for one in received(reader)])
    assert numbers == [[0, 1, 2], [3, 4, 5]]


def test_an_address_that_is_taken_is_told_and_does_not_end_the_run(port: Port) -> None:
    given = parameters_of(Worker, **settings(SIMULATION, republish_url=port.url))
    tree = analysed(Worker, Reducer, scan(SIMULATION, 3), given)
    assert "give an address that is free" in tree["republished"]["problem"]
    assert len(tree["angles"]["angle"]) == 3


def test_compressed_frames_are_sent_on_as_they_came(port: Port) -> None:
    images = [np.full((8, 8), 7, np.uint16)]
    messages = list(stins.generate(images=images, compression="bslz4", meta={"nproj": 1}))
    events = scan(SIMULATION, 1)
    for event, message in itertools.zip_longest(events, messages):
        event.streams["camera"].frames[:] = message
    worker, given = (
        Worker(),
        parameters_of(Worker, **settings(SIMULATION, slices=False, republish_url=port.url)),
    )
    assert worker.process_event(events[0], given) == {"opening": {"filename": "", "meta": {"nproj": 1}}}
    sent = worker.process_event(events[1], given)
    assert sent is not None
    assert sent["frame"]["blobs"] == [messages[1][1]]
    assert sent["frame"]["header"]["compression"] == "bslz4"
    json.dumps(sent["frame"]["header"])
