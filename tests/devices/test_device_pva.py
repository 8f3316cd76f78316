"""areaDetector over PV Access: images of a server of p4p's own, in another process, become numbered packets."""

from __future__ import annotations

import json
import re
import select
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from beamloom.devices.codecs import UnknownCompression
from beamloom.devices.fields import MalformedPacket
from beamloom.devices.pva import (
    DEVICE,
    NTNDArrayData,
    NTNDArrayEnd,
    NTNDArrayReader,
    NTNDArrayStart,
    PvaSettings,
    PvaSource,
    parse,
)
from beamloom.devices.pva.simulator import PvaSimulator, generate
from beamloom.devices.registry import find_device
from beamloom.errors import UserError
from beamloom.events import Event, Malformed, Packet, find_parser
from beamloom.triggermap import uniform
from devices.one_run import run_through
from devices.reading import Items, numbers
from support.patience import PATIENCE
from support.ports import quiet_port

SCRIPT = Path(__file__).with_name("ntndarray_server.py")
TIMEOUT = 20.0
Until = Callable[[Callable[[], bool]], None]


class Ioc:
    """A server of process variables in a process of its own."""

    def __init__(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, str(SCRIPT)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.address = f"127.0.0.1:{self._line()}"

    def _line(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def _order(self, **order: Any) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(order) + "\n")
        self.process.stdin.flush()
        assert self._line() == "done"

    def take(
        self, ids: Sequence[int], dtype: str = "uint16", shape: Sequence[int] = (2, 3), begun: float = 1e9
    ) -> None:
        self._order(ids=list(ids), dtype=dtype, shape=list(shape), begun=begun)

    def close(self) -> None:
        self.process.communicate(timeout=PATIENCE)


@pytest.fixture
def ioc() -> Iterator[Ioc]:
    made = Ioc()
    yield made
    made.close()


@pytest.fixture
def opened(until: Until) -> Iterator[Callable[..., PvaSource]]:
    """``opened(address, variable, **settings)`` gives a connected source; closed after the test."""
    sources: list[PvaSource] = []

    def connect(
        address: str, variable: str = "IMAGE", expected: int | None = None, **settings: Any
    ) -> PvaSource:
        sources.append(PvaSource(PvaSettings(url=f"pva://{address}/{variable}", **settings)))
        sources[-1].expect(expected)
        sources[-1].open()
        until(sources[-1].connected)
        return sources[-1]

    yield connect
    for source in sources:
        source.close()


def receive(source: PvaSource, count: int) -> Items:
    items: Items = []
    while len(items) < count:
        assert select.select([source.pollable], [], [], TIMEOUT)[0], (
            f"only {len(items)} of {count} items came: {items}"
        )
        items += source.read(10)
    assert len(items) == count
    return items


def kinds(items: Items) -> list[int]:
    return [int(item.kind) for item in items if isinstance(item, Packet)]


@pytest.mark.processes
def test_images_arrive_numbered_from_the_first_and_what_was_there_before_is_no_data(
    ioc: Ioc, opened: Callable[..., PvaSource]
) -> None:
    source = opened(ioc.address, expected=7)
    ioc.take([1000, 1001, 1003, 1004, 1006])
    items = receive(source, 6)
    assert kinds(items) == [0, 1, 1, 1, 1, 2]
    assert numbers(items) == [None, 1, 2, 4, 5, None]
    start, first, *_ = [item.parse() for item in items if isinstance(item, Packet)]
    assert isinstance(start, NTNDArrayStart)
    assert (start.unique_id, start.shape, start.dtype) == (1000, [2, 3], "uint16")
    assert isinstance(first, NTNDArrayData)
    assert (first.unique_id, first.time_stamp, first.color_mode) == (1000, 1e9, "Mono")
    assert first.array.tolist() == [[1000] * 3] * 2
    assert not first.array.flags.writeable


@pytest.mark.processes
def test_every_type_of_pixels_is_what_it_was(ioc: Ioc, opened: Callable[..., PvaSource]) -> None:
    source = opened(ioc.address)
    types = [
        "bool",
        *(f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)),
        "float32",
        "float64",
    ]
    for number, dtype in enumerate(types, 1):
        ioc.take([number], dtype, begun=1e9 + number)
    images = [item.parse() for item in receive(source, len(types) + 1)[1:] if isinstance(item, Packet)]
    assert [image.dtype for image in images] == types
    for number, (dtype, image) in enumerate(zip(types, images, strict=True), 1):
        np.testing.assert_array_equal(image.array, np.full((2, 3), number).astype(dtype))
        assert image.array.dtype == dtype


@pytest.mark.processes
def test_colour_images_have_their_colours_last_on_request(ioc: Ioc, opened: Callable[..., PvaSource]) -> None:
    source = opened(ioc.address)
    shapes = {"RGB1": (4, 5, 3), "RGB2": (4, 3, 5), "RGB3": (3, 4, 5)}
    for number, shape in enumerate(shapes.values(), 1):
        ioc.take([number], "uint8", shape, begun=1e9 + number)
    images = [item.parse() for item in receive(source, 4)[1:] if isinstance(item, Packet)]
    assert [image.color_mode for image in images] == list(shapes)
    assert [image.array.shape for image in images] == list(shapes.values())
    assert [image.rgb.shape for image in images] == [(4, 5, 3)] * 3


@pytest.mark.processes
def test_a_large_image_is_not_copied(ioc: Ioc, opened: Callable[..., PvaSource]) -> None:
    source = opened(ioc.address)
    ioc.take([1], "uint32", (512, 512))
    (_, packet) = receive(source, 2)
    assert isinstance(packet, Packet)
    assert isinstance(packet.frames[1], memoryview)
    assert packet.nbytes == len(packet.frames[0]) + 2**20
    image = packet.parse()
    assert image.array.sum() == 2**18
    assert np.shares_memory(image.array, np.frombuffer(packet.frames[1], np.uint8))


class Disconnected(Exception):
    """As p4p reports it."""


class Monitor:
    """What p4p would report, in the test's hands."""

    def __init__(self) -> None:
        self.updates: list[Any] = []

    def pop(self) -> Any:
        return self.updates.pop(0) if self.updates else None

    def close(self) -> None:
        self.updates.clear()


def test_a_server_that_comes_back_is_read_on() -> None:
    source, monitor = PvaSource(PvaSettings(url="pva://127.0.0.1:1/IMAGE")), Monitor()
    source.open()
    source._monitor.close()
    source._monitor = monitor

    def report(*updates: Any) -> Items:
        monitor.updates += updates
        source._wake()
        return list(source.read(10))

    monitor.updates.append(structure(3, 3))
    assert source.connected()
    assert numbers(report(structure(5, 5), structure(6, 6))) == [None, 1, 2]
    assert report(Disconnected()) == []
    assert not source.connected()
    assert "broke off" in str(source.connection_problem())
    # What the process variable holds after the break has been read before, unless it is new.
    assert report(structure(6, 6)) == []
    assert source.connected()
    assert numbers(report(Disconnected(), structure(8, 8), structure(8, 8))) == [4, 4]
    assert report(RuntimeError("not allowed")) == []
    assert "refuses to send pva://127.0.0.1:1/IMAGE: not allowed" in str(source.connection_problem())
    source.close()


def test_a_server_that_the_address_names_is_found_again_soon_after_it_is_back(until: Until) -> None:
    def images(first: int, count: int) -> list[list[bytes]]:
        return list(generate(frames=count, shape=(2, 3), first_id=first))

    simulator = PvaSimulator(f"pva://127.0.0.1:{quiet_port()}/IMAGE")
    url = simulator.url
    source = PvaSource(PvaSettings(url=url))
    source.open()
    try:
        until(source.connected)
        for life in range(1, 3):
            simulator.close()
            until(lambda: source.read(9) == [] and not source.connected())
            simulator = PvaSimulator(url)
            back_at = time.monotonic()
            until(lambda: source.read(9) == [] and source.connected())
            # EPICS itself takes about ten.
            assert time.monotonic() - back_at < 5
            assert source.reconnects == life
        simulator.play(images(0, 3))
        assert kinds(receive(source, 4)) == [0, 1, 1, 1]
    finally:
        source.close()
        simulator.close()


def test_a_server_that_starts_after_the_search_has_begun_is_found_soon(until: Until) -> None:
    simulator = PvaSimulator(f"pva://127.0.0.1:{quiet_port()}/IMAGE")
    url = simulator.url
    simulator.close()
    source = PvaSource(PvaSettings(url=url))
    source.open()
    try:
        until(lambda: "nobody has answered" in str(source.connection_problem()))
        simulator = PvaSimulator(url)
        back_at = time.monotonic()
        until(source.connected)
        assert time.monotonic() - back_at < 5
        assert source.reconnects == 0
    finally:
        source.close()
        simulator.close()


@pytest.mark.processes
@pytest.mark.parametrize("codec", ["none", "lz4", "bslz4", "jpeg"])
def test_compressed_images_are_unpacked_when_asked_for(codec: str, opened: Callable[..., PvaSource]) -> None:
    simulator = PvaSimulator("tcp://127.0.0.1:*")
    source = opened(*simulator.url.removeprefix("pva://").split("/"))
    dtype = "uint8" if codec == "jpeg" else "uint16"
    picture = np.tile(np.arange(64, dtype=dtype), (100, 1))
    simulator.play(
        generate(images=[picture], codec=codec, attributes={"Gain": 1.5, "Name": "cam"}, begun=1e9 + 0.25)
    )
    (_, packet) = receive(source, 2)
    assert isinstance(packet, Packet)
    image = packet.parse()
    assert (image.codec, image.dtype, image.shape) == (codec, dtype, [100, 64])
    assert image.attributes == {"ColorMode": 0, "Gain": 1.5, "Name": "cam"}
    assert image.time_stamp == 1e9 + 0.25
    if codec == "jpeg":
        assert np.abs(image.array.astype(int) - picture).max() < 10
        packet.frames[1] = bytes(packet.frames[1])[:50]
        with pytest.raises(MalformedPacket, match="jpeg"):
            _ = parse(packet).array
    else:
        np.testing.assert_array_equal(image.array, picture)
        assert (len(packet.frames[1]) < picture.nbytes) == (codec != "none")
    simulator.close()


@pytest.mark.processes
def test_a_process_variable_that_is_no_image_is_said_to_be_none(
    ioc: Ioc, opened: Callable[..., PvaSource]
) -> None:
    source = opened(ioc.address, "NUMBER")
    ioc._order(scalar=4)
    (problem,) = receive(source, 1)
    assert isinstance(problem, Malformed)
    assert "no NTNDArray" in problem.reason


@pytest.mark.processes
def test_a_reader_that_is_too_slow_sees_what_it_lost_as_a_gap(
    ioc: Ioc, opened: Callable[..., PvaSource]
) -> None:
    source = opened(ioc.address, queue=5)
    for block in range(10):
        ioc.take(range(1 + 10 * block, 11 + 10 * block), begun=1e9 + 10 * block)
    items = receive_until(source, 100)
    found = [number for number in numbers(items) if number is not None]
    assert found[:2] == [1, 2]
    assert found[-1] == 100
    assert len(found) < 100


def receive_until(source: PvaSource, number: int) -> Items:
    items: Items = []
    while not items or numbers(items)[-1] != number:
        assert select.select([source.pollable], [], [], TIMEOUT)[0]
        items += source.read(10)
    return items


@pytest.mark.processes
def test_a_live_run_ends_after_its_images_although_the_camera_goes_on(ioc: Ioc) -> None:
    def make() -> PvaSource:
        return PvaSource(PvaSettings(url=f"pva://{ioc.address}/IMAGE", queue=1000))

    def look(event: Event) -> int | None:
        image = event.streams["camera"].parse()
        return int(image.array[0, 0]) if isinstance(image, NTNDArrayData) else None

    sent = [number for number in range(500, 540) if number != 507]
    outcome = run_through({"camera": make}, uniform(["camera"], 30), look, lambda: ioc.take(sent))
    assert outcome.counts == (31, 0, 1)
    pixels = {event: value for event, value in outcome.results.items() if value is not None}
    assert pixels == {place + 1: 500 + place for place in range(30) if place != 7}


def structure(number: int, stamp: float = 0.0, **changes: Any) -> dict[str, Any]:
    """What a value of p4p looks like to the reader."""
    return {
        "value": np.full(6, number % 1000, "uint16"),
        "codec": {"name": ""},
        "codec.name": "",
        "codec.parameters": None,
        "compressedSize": 12,
        "dimension": [{"size": 3}, {"size": 2}],
        "dataTimeStamp": {"secondsPastEpoch": int(stamp), "nanoseconds": 0},
        "attribute": [],
        "uniqueId": number,
        **changes,
    }


def read(values: Sequence[Any], expected: int | None = None, **settings: Any) -> Items:
    reader, items = NTNDArrayReader(**settings), Items()
    reader.series.expect(expected)
    for value in values:
        reader.take(value, items)
    return items


def test_a_counter_that_is_set_back_goes_on_behind_the_highest_number() -> None:
    ids = [9, 10, 11, 1, 2, 1, 2, 3]
    items = read([*(structure(each, stamp) for stamp, each in enumerate(ids, 100))])
    assert numbers(items) == [None, *range(1, 9)]


def test_images_that_come_late_or_twice_keep_their_numbers() -> None:
    order = [(10, 100), (12, 102), (11, 101), (12, 102), (9, 99), (13, 103)]
    items = read([*(structure(each, stamp) for each, stamp in order)])
    assert numbers(items) == [None, 1, 3, 2, 3, 4]
    (early,) = [item for item in items if isinstance(item, Malformed)]
    assert "item 9 came late, behind the first of the run, which is item 10" in early.reason
    assert not early.takes_place


def test_without_time_stamps_only_a_number_below_the_first_is_a_new_count() -> None:
    items = read([*map(structure, [5, 6, 8, 7, 8, 1, 2])])
    assert numbers(items) == [None, 1, 2, 4, 3, 4, 5, 6]


def test_the_first_image_has_the_number_that_the_settings_give_it() -> None:
    items = read([*(structure(each, each) for each in (3, 4))], first_id=1, expected=6)
    assert numbers(items) == [None, 3, 4, None]


def test_servers_that_do_not_count_are_read_in_order_of_arrival() -> None:
    items = read([structure(0), structure(0), {}, structure(0)], numbered=False, expected=6)
    assert numbers(items) == [None] * 5
    assert kinds(items) == [0, 1, 1, 1, 2]
    (problem,) = [item for item in items if isinstance(item, Malformed)]
    assert problem.takes_place


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"value": np.zeros(5, "uint16")}, "image 2 has 10 bytes"),
        ({"value": "text"}, "holds a str"),
        ({"value": None}, "has 0 bytes"),
        ({"dimension": 3}, "no NTNDArray"),
        ({"uniqueId": "x"}, "no NTNDArray"),
        ({"codec.name": "lz4"}, "of type None"),
        ({"codec.name": "lz4", "codec.parameters": 99}, "of type 99"),
    ],
)
def test_what_cannot_be_read_is_kept_with_a_sentence_and_shifts_nothing(
    changes: dict[str, Any], reason: str
) -> None:
    items = read([structure(1), structure(2, **changes), structure(3)])
    (problem,) = [item for item in items if isinstance(item, Malformed)]
    assert not problem.takes_place
    assert re.search(reason, problem.reason)
    assert numbers(items) == [None, 1, 3]


@given(st.sets(st.integers(1, 29)), st.integers(0, 2**31 - 40), st.booleans())
def test_whatever_is_lost_the_others_keep_their_numbers(lost: set[int], first: int, stamped: bool) -> None:
    values = [structure(first + n, 100 + n if stamped else 0) for n in range(30) if n not in lost]
    items = read([*values])
    assert numbers(items) == [None, *(n + 1 for n in range(30) if n not in lost)]


@given(st.binary(max_size=60), st.binary(max_size=60))
def test_random_packets_are_never_an_error_of_ours(one: bytes, two: bytes) -> None:
    header = json.dumps(
        {"unique_id": 1, "shape": [2, 3], "dtype": "uint16", "codec": "bslz4", "color_mode": "Mono",
         "time_stamp": 0, "attributes": {}}
    ).encode()  # fmt: skip
    for frames in ([one], [one, two], [header, two]):
        try:
            image = parse(Packet("NTNDArray", frames))
            if isinstance(image, NTNDArrayData):
                _ = image.array
        except (MalformedPacket, UnknownCompression) as problem:
            assert str(problem)  # noqa: PT017


def test_an_unknown_codec_and_no_colours_are_said_in_a_sentence() -> None:
    packet = read([structure(1, 0.0, **{"codec.name": "zfp", "codec.parameters": 6})])[1]
    assert isinstance(packet, Packet)
    image = parse(packet)
    assert isinstance(image, NTNDArrayData)
    with pytest.raises(UnknownCompression, match="zfp"):
        _ = image.array
    with pytest.raises(MalformedPacket, match="no RGB image"):
        _ = image.rgb
    assert isinstance(parse(Packet("NTNDArray", [b'{"type":"end"}'])), NTNDArrayEnd)


def test_where_nobody_answers_there_is_a_sentence_for_people() -> None:
    source = PvaSource(PvaSettings(url="pva://127.0.0.1:1/NO:SUCH:PV"))
    assert not source.connected()
    source.open()
    assert not source.connected()
    assert "nobody has answered to the search for pva://127.0.0.1:1/NO:SUCH:PV" in str(
        source.connection_problem()
    )
    assert source.read(10) == []
    source.close()
    source.close()
    with pytest.raises(RuntimeError, match="open"):
        _ = source.pollable


@pytest.mark.parametrize("url", ["13SIM1:Pva1:Image", "pva://", "ca://x", "pva://host:5075/", "pva://a b"])
def test_an_address_that_cannot_be_right_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="no process variable"):
        PvaSource(PvaSettings(url=url)).open()


def test_without_the_package_there_is_a_sentence_that_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "p4p.client.raw", None)
    with pytest.raises(UserError, match=r"pip install 'beamloom\[epics\]'") as problem:
        PvaSource(PvaSettings(url="pva://X")).open()
    # What an ingester takes for a refusal of the run.
    assert isinstance(problem.value, ValueError)


def test_the_device_is_found_by_name_and_its_parser_by_type() -> None:
    assert find_device("pva") is DEVICE
    assert find_parser("NTNDArray") is parse
