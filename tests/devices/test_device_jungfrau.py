"""A receiver of slsDetectorPackage: images of one port, numbered by their index, acquisition after acquisition."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

from beamloom import Event, Packet
from beamloom.devices.fields import MalformedPacket
from beamloom.devices.jungfrau import (
    DEVICE,
    JungfrauEnd,
    JungfrauImage,
    JungfrauReader,
    JungfrauStart,
    generate,
    parse,
    simulator,
)
from beamloom.devices.registry import find_device
from beamloom.events import Malformed, find_parser
from beamloom.triggermap import uniform
from devices.one_run import run_through
from devices.reading import Items, numbers, taken
from support.patience import PATIENCE

# As slsDetectorPackage 7 writes it for one half of a module.
HEADER = (
    b'{"jsonversion":4, "bitmode":16, "fileIndex":3, "detshape":[1, 2], "shape":[4, 2], "size":16, "acqIndex":8, '
    b'"frameIndex":7, "progress":80.0, "fname":"run", "data":1, "completeImage":0, "frameNumber":8, "expLength":100, '
    b'"packetNumber":63, "detSpec1":0, "timestamp":25000000, "modId":1, "row":1, "column":0, "detSpec2":0, "detSpec3":0, '
    b'"detSpec4":0, "detType":3, "version":2, "flipRows":0, "quad":0, "addJsonHeader": {"sample":"lyso"}}\n\x00'
)


def read(messages: Sequence[Sequence[bytes]], expected: int | None = None, **settings: Any) -> Items:
    reader = JungfrauReader(**settings)
    reader.series.expect(expected)
    return taken(reader, messages)


def small(**given: Any) -> list[list[bytes]]:
    return list(generate(**{"shape": (2, 4), **given}))


def test_images_arrive_over_the_socket_in_numpys_order(link: Callable[..., Any]) -> None:
    pictures = [np.arange(8, dtype="uint16").reshape(2, 4) + index for index in range(3)]
    items = link(DEVICE).send(generate(images=pictures, row=1, rows=2), 4)
    assert numbers(items) == [None, 1, 2, 3]
    start, *images = [item.parse() for item in items]
    assert isinstance(start, JungfrauStart)
    assert (start.shape, start.dtype, start.row) == ([2, 4], "uint16", 1)
    for image, picture in zip(images, pictures, strict=True):
        assert isinstance(image, JungfrauImage)
        np.testing.assert_array_equal(image.array, picture)
        assert not image.array.flags.writeable


def test_a_header_as_the_receiver_writes_it_is_read() -> None:
    (_, packet) = read([[HEADER, bytes(16)]], first_frame=None)
    assert isinstance(packet, Packet)
    image = parse(packet)
    assert isinstance(image, JungfrauImage)
    assert (image.frame, image.frame_number, image.acquisition) == (7, 8, 3)
    assert image.array.shape == (2, 4)
    assert image.time_stamp == 2.5
    assert (image.complete, image.packets) == (False, 63)
    assert (image.row, image.column, image.module) == (1, 0, 1)


def test_an_image_that_is_missing_moves_no_other() -> None:
    messages = small(frames=5)
    del messages[2], messages[0]
    assert numbers(read(messages)) == [None, 2, 4, 5]


def test_the_next_acquisition_goes_on_behind_the_last() -> None:
    messages = [*small(frames=2, acquisition=1), *small(frames=3, acquisition=2)]
    assert numbers(read(messages)) == [None, 1, 2, 3, 4, 5]


def test_a_detector_that_counts_anew_in_each_acquisition_goes_on_behind_the_last() -> None:
    messages = small(frames=3)
    assert numbers(read([*messages, *messages, *messages[1:]])) == [None, 1, 2, 3, 4, 5, 6, 8, 9]


def test_a_late_image_has_its_own_number() -> None:
    messages = small(frames=4)
    messages[1], messages[2] = messages[2], messages[1]
    assert numbers(read(messages)) == [None, 1, 3, 2, 4]


@pytest.mark.parametrize(
    ("message", "said"),
    [
        ([HEADER], "1 frames"),
        ([HEADER, bytes(15)], "15 bytes"),
        ([HEADER.replace(b'"bitmode":16', b'"bitmode":4'), bytes(4)], "4 bits"),
        ([b"{", bytes(16)], "no header"),
        ([b"\xff\xfe", bytes(16)], "no header"),
    ],
)
def test_what_is_no_image_is_told_by_a_sentence(message: list[bytes], said: str) -> None:
    (item,) = read([message])
    assert isinstance(item, Malformed)
    assert said in item.reason
    with pytest.raises(MalformedPacket, match=said):
        parse(Packet("JUNGFRAU", message))


def test_two_halves_of_a_module_are_one_event() -> None:
    halves = {"upper": simulator("tcp://127.0.0.1:*"), "lower": simulator("tcp://127.0.0.1:*")}
    made = {name: DEVICE.source(DEVICE.settings(url=half.url)) for name, half in halves.items()}

    def play() -> None:
        for row, half in enumerate(halves.values()):
            half.wait_for_client(PATIENCE)
            half.play(small(frames=20, row=row, rows=2, seed=row))

    def look(event: Event) -> tuple[int, int] | None:
        parsed = [event.streams[name].parse() for name in halves]
        if not all(isinstance(one, JungfrauImage) for one in parsed):
            return None
        assert [one.row for one in parsed] == [0, 1]
        return int(parsed[0].array.flat[0]), int(parsed[1].array.flat[0])

    try:
        outcome = run_through(
            {name: lambda name=name: made[name] for name in halves},  # type: ignore[misc]
            uniform(["upper", "lower"], 20),
            look,
            play,
        )
    finally:
        for half in halves.values():
            half.close()
    assert outcome.counts == (22, 0, 0)
    assert outcome.results == {event: (event - 1, event - 1) for event in range(1, 21)}


def test_the_device_is_found_by_its_name() -> None:
    assert find_device("jungfrau") is DEVICE
    assert find_parser("JUNGFRAU") is parse
    assert json.loads(HEADER.rstrip(b"\0\n"))["detType"] == 3
    assert isinstance(parse(Packet("JUNGFRAU", [b'{"type":"end"}'])), JungfrauEnd)
