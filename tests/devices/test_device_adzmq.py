"""ADZMQ and odin-data's live view: images of two dialects, numbered by their own counts."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from beamloom.devices.adzmq import (
    DEVICE,
    AdzmqEnd,
    AdzmqImage,
    AdzmqReader,
    AdzmqSettings,
    AdzmqStart,
    generate,
    parse,
    simulator,
)
from beamloom.devices.codecs import UnknownCompression, pack
from beamloom.devices.fields import MalformedPacket
from beamloom.devices.registry import find_device
from beamloom.events import Event, Malformed, Packet, find_parser
from beamloom.triggermap import uniform
from devices.one_run import run_through
from devices.reading import Items, numbers, taken
from support.patience import PATIENCE

DIALECTS: Sequence[Any] = ("adzmq", "odin")


def read(messages: Sequence[Sequence[bytes]], expected: int | None = None, **settings: Any) -> Items:
    reader = AdzmqReader(**settings)
    reader.series.expect(expected)
    return taken(reader, messages)


def kinds(items: Items) -> list[int]:
    return [int(item.kind) for item in items if isinstance(item, Packet)]


@pytest.mark.parametrize("dialect", DIALECTS)
def test_images_arrive_over_the_socket_in_numpys_order(dialect: Any, link: Callable[..., Any]) -> None:
    pictures = [np.arange(6, dtype="uint16").reshape(2, 3) + index for index in range(3)]
    items = link(DEVICE).send(generate(images=pictures, dialect=dialect, first_frame=77), 4)
    assert kinds(items) == [0, 1, 1, 1]
    assert numbers(items) == [None, 1, 2, 3]
    start, *images = [item.parse() for item in items]
    assert isinstance(start, AdzmqStart)
    assert (start.frame, start.shape, start.dtype) == (77, [2, 3], "uint16")
    for image, picture in zip(images, pictures, strict=True):
        assert isinstance(image, AdzmqImage)
        np.testing.assert_array_equal(image.array, picture)
        assert not image.array.flags.writeable


def test_a_header_as_the_plugin_writes_it_is_read() -> None:
    header = (
        b'{"htype":["array-1.0"], "type":"uint8", "shape":[3,2], "frame":5, "timeStamp":1100000000.25, "encoding":"", '
        b'"ndattr":{"ColorMode":0,"Model":{ "value":"Basic simulator","dataType":"string"}}}'
    )
    (_, packet) = read([[header, bytes(6)]])
    assert isinstance(packet, Packet)
    image = parse(packet)
    assert isinstance(image, AdzmqImage)
    assert image.array.shape == (2, 3)
    assert image.attributes == {"ColorMode": 0, "Model": "Basic simulator"}
    assert image.time_stamp == 1100000000.25


def test_attributes_that_are_no_json_cost_only_the_attributes() -> None:
    header = b'{"htype":["array-1.0"], "type":"uint8", "shape":[3,2], "frame":5, "timeStamp":1, "ndattr":{"T":nan}}'
    (_, packet) = read([[header, bytes(6)]])
    assert isinstance(packet, Packet)
    image = parse(packet)
    assert isinstance(image, AdzmqImage)
    assert (image.frame, image.attributes) == (5, {})


def test_compressed_images_are_unpacked_when_asked_for() -> None:
    picture = np.tile(np.arange(64, dtype="uint16"), (50, 1))
    for codec, name in (("lz4", "lz4-block"), ("bslz4", "bslz4-bare")):
        header = {
            "type": "uint16",
            "shape": [64, 50],
            "frame": 1,
            "timeStamp": 1,
            "encoding": codec,
            "ndattr": {},
        }
        (_, packet) = read([[json.dumps(header).encode(), pack(picture, name)]])
        assert isinstance(packet, Packet)
        image = parse(packet)
        assert isinstance(image, AdzmqImage)
        np.testing.assert_array_equal(image.array, picture)
    (_, packet) = read([[json.dumps({**header, "encoding": "zfp"}).encode(), b"x"]])
    assert isinstance(packet, Packet)
    with pytest.raises(UnknownCompression, match="zfp"):
        _ = parse(packet).array


@pytest.mark.parametrize("dialect", DIALECTS)
@given(lost=st.sets(st.integers(1, 18)), first=st.integers(0, 10**9))
def test_whatever_is_dropped_the_others_keep_their_numbers(dialect: Any, lost: set[int], first: int) -> None:
    sent = list(generate(frames=20, shape=(1, 1), dtype="uint8", first_frame=first, dialect=dialect))
    items = read([each for place, each in enumerate(sent) if place not in lost], expected=22)
    assert numbers(items) == [None, *(place + 1 for place in range(20) if place not in lost), None]
    assert isinstance(parse(items[-1]), AdzmqEnd)  # type: ignore[arg-type]


def test_a_new_acquisition_goes_on_behind_the_highest_number() -> None:
    odin = [
        *generate(frames=3, dialect="odin", acquisition="a"),
        *generate(frames=2, dialect="odin", acquisition="b"),
    ]
    assert numbers(read(odin)) == [None, 1, 2, 3, 4, 5]
    adzmq = [*generate(frames=3), *generate(frames=2, begun=1_100_000_010)]
    assert numbers(read(adzmq)) == [None, 1, 2, 3, 4, 5]


def test_images_that_come_late_or_twice_keep_their_numbers() -> None:
    sent = list(generate(frames=5, first_frame=10))
    assert numbers(read([sent[0], sent[2], sent[1], sent[2], sent[4]])) == [None, 1, 3, 2, 3, 5]


def test_the_first_image_may_be_missing_where_the_settings_say_its_number() -> None:
    sent = list(generate(frames=4))[1:]
    assert numbers(read(sent, first_frame=1, expected=6)) == [None, 2, 3, 4, None]


def test_a_live_view_that_shows_every_nth_image_is_read_in_order_of_arrival() -> None:
    sent = list(generate(frames=9, dialect="odin"))[::3]
    sent[1] = [b"{", b""]
    items = read(sent, numbered=False, expected=5)
    assert numbers(items) == [None] * 4
    assert [item.takes_place for item in items if isinstance(item, Malformed)] == [True]


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        ([b"{}"], "1 frames"),
        ([b"{}", b""], "no header"),
        ([b"\xff", b""], "no header"),
        ([b'{"frame_num":1,"shape":["a"],"dtype":"uint8"}', b""], "no header"),
        ([b'{"frame":1,"shape":[3],"type":"uint8"}', b"xx"], "2 bytes, but shape"),
        ([b'{"frame":1,"shape":[-3],"type":"uint8"}', b"xx"], "negative"),
        ([b'{"frame":1,"shape":[3],"type":"object"}', b"xx"], "numbers"),
    ],
)
def test_what_cannot_be_read_is_kept_with_a_sentence_and_shifts_nothing(
    bad: list[bytes], reason: str
) -> None:
    sent = list(generate(frames=4))
    sent[1] = bad
    items = read([bad, *sent], expected=6)
    early, problem = [item for item in items if isinstance(item, Malformed)]
    assert early.frames == problem.frames == bad
    assert reason in problem.reason
    assert not problem.takes_place
    assert numbers(items) == [None, 1, 3, 4, None]


@given(st.binary(max_size=60), st.binary(max_size=20))
def test_random_bytes_are_never_an_error_of_ours(one: bytes, two: bytes) -> None:
    for frames in (
        [one],
        [one, two],
        [b'{"frame_num":' + one, two],
        [b'{"frame":1,"shape":[1],"type":"' + one, two],
    ):
        read([frames])
        try:
            parse(Packet("adzmq", frames))
        except MalformedPacket as problem:
            assert str(problem)  # noqa: PT017


def test_a_live_run_ends_after_its_images_although_the_camera_goes_on() -> None:
    plugin = simulator("tcp://127.0.0.1:0")

    def play() -> None:
        plugin.wait_for_client(PATIENCE)
        plugin.play(message for place, message in enumerate(generate(frames=30)) if place != 7)

    def look(event: Event) -> int | None:
        image = event.streams["camera"].parse()
        return int(image.array[0, 0]) if isinstance(image, AdzmqImage) else None

    made = DEVICE.source(AdzmqSettings(url=plugin.url))
    outcome = run_through({"camera": lambda: made}, uniform(["camera"], 20), look, play)
    plugin.close()
    assert outcome.counts == (21, 0, 1)
    pixels = {event: value for event, value in outcome.results.items() if value is not None}
    assert pixels == {place + 1: place for place in range(20) if place != 7}


def test_the_device_is_found_by_name_and_its_parser_by_type() -> None:
    assert find_device("adzmq") is DEVICE
    assert find_parser("adzmq") is parse
