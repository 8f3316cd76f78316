"""DECTRIS stream version 2: what the messages are, which numbers they have, and what an analysis sees of them."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import Any

import cbor2
import h5py
import hdf5plugin
import numpy as np
import pytest
import zmq
from hypothesis import given
from hypothesis import strategies as st

from beamloom.devices.codecs import UnknownCompression
from beamloom.devices.dectris_v2 import (
    DEVICE,
    DectrisV2End,
    DectrisV2Image,
    DectrisV2Start,
    generate,
    new_reader,
    parse,
)
from beamloom.devices.fields import MalformedPacket
from beamloom.devices.simulating.rings import rings
from beamloom.events import Malformed, Packet, PacketKind
from beamloom.triggermap import uniform
from devices.one_run import run_through
from devices.reading import assert_kept_with_a_reason, numbers, taken

SMALL = (6, 10)
IDS = {"series_id": 9, "series_unique_id": "01HBV3JPF7A8M8N3PQZ4GD0V5Y"}

# The type of the elements by tag, as RFC 8746 has it in its table 1, written down from there.
TAGS = {
    64: "uint8", 65: ">u2", 66: ">u4", 67: ">u8", 68: "uint8", 69: "<u2", 70: "<u4", 71: "<u8", 72: "int8",
    73: ">i2", 74: ">i4", 75: ">i8", 77: "<i2", 78: "<i4", 79: "<i8", 80: ">f2", 81: ">f4", 82: ">f8", 84: "<f2",
    85: "<f4", 86: "<f8",
}  # fmt: skip


def read(messages: list[list[bytes]], first_image: int = 0) -> list[Packet | Malformed]:
    return taken(new_reader(first_image), messages)


def chunk_of_hdf5(pixels: np.ndarray[Any, Any], packing: Any) -> bytes:
    with h5py.File("unnamed", "w", driver="core", backing_store=False) as file:
        dataset = file.create_dataset("pixels", data=pixels, chunks=pixels.shape, **packing)
        return bytes(dataset.id.read_direct_chunk((0,) * pixels.ndim)[1])


def image_of(data: object, **changes: Any) -> DectrisV2Image:
    """An image with ``data`` as another library encodes it, parsed."""
    message = cbor2.dumps({"type": "image", "image_id": 3, **IDS, "data": data, **changes})
    image = parse(Packet("DECTRIS_V2", [message]))
    assert isinstance(image, DectrisV2Image)
    return image


@pytest.mark.parametrize("compression", ["bslz4", "lz4", "none"])
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "uint32"])
def test_a_series_arrives_over_the_socket_and_its_images_are_those_that_were_sent(
    link: Callable[..., Any], compression: str, dtype: str
) -> None:
    options: dict[str, Any] = {"dtype": dtype, "compression": compression, "series_id": 17, "seed": 5}
    sent = list(generate(frames=4, shape=(96, 160), **options))
    items = link(DEVICE).send(sent, 6)
    assert [item.frames for item in items] == sent
    assert numbers(items) == [None, 1, 2, 3, 4, None]
    assert [item.kind for item in items] == [PacketKind.START, *[PacketKind.DATA] * 4, PacketKind.END]
    start, *images, end = [item.parse() for item in items]
    assert isinstance(start, DectrisV2Start)
    assert (start.series_id, start.number_of_images, start.image_size_x) == (17, 4, 160)
    assert start.arm_date == "2024-03-12T15:29:58.142+01:00"
    for index, (image, expected) in enumerate(zip(images, rings(4, (96, 160), dtype, 5), strict=True)):
        assert (image.image_id, image.series_id, image.real_time) == (index, 17, [500_000, 50_000_000])
        assert image.array.dtype.name == dtype
        assert np.array_equal(image.array, expected)
        assert image.channels == ["threshold_1"]
        assert image.data["threshold_1"] is image.array
    assert isinstance(end, DectrisV2End)
    assert end.series_id == 17


def test_several_channels_are_stacked_and_have_their_names() -> None:
    channels = ("threshold_1", "threshold_2", "difference")
    start, message, _ = generate(frames=1, shape=(40, 50), channels=channels, seed=2)
    parsed = parse(Packet("DECTRIS_V2", start))
    assert isinstance(parsed, DectrisV2Start)
    assert parsed.channels == list(channels)
    assert list(parsed.threshold_energy) == list(channels)
    image = parse(Packet("DECTRIS_V2", message))
    assert isinstance(image, DectrisV2Image)
    assert image.channels == list(channels)
    (expected,) = rings(1, (40, 50), "uint32", 2)
    assert image.array.shape == (3, 40, 50)
    assert [np.array_equal(each, expected // 2**place) for place, each in enumerate(image.arrays)] == [
        True
    ] * 3
    assert np.array_equal(image.array, np.stack(image.arrays))


def test_channels_that_are_not_alike_come_one_by_one() -> None:
    arrays = {"a": np.zeros((2, 3), "uint16"), "b": np.zeros((2, 3), "int32")}
    tags = {"a": 69, "b": 78}
    image = image_of(
        {
            name: cbor2.CBORTag(40, [[2, 3], cbor2.CBORTag(tags[name], array.tobytes())])
            for name, array in arrays.items()
        }
    )
    assert [each.dtype.name for each in image.arrays] == ["uint16", "int32"]
    with pytest.raises(MalformedPacket, match=r"not alike.*use packet\.data"):
        _ = image.array


@pytest.mark.parametrize("tag", TAGS)
def test_typed_arrays_of_every_kind_are_read_in_the_right_order_of_bytes(tag: int) -> None:
    pixels = np.arange(6, dtype=TAGS[tag]).reshape(2, 3)
    for shaping, inner in ((40, pixels), (1040, pixels.T)):
        elements = cbor2.CBORTag(tag, inner.tobytes())
        array = image_of({"threshold_1": cbor2.CBORTag(shaping, [[2, 3], elements])}).array
        assert array.dtype == np.dtype(TAGS[tag])
        assert array.tolist() == [[0, 1, 2], [3, 4, 5]]
        assert not array.flags.writeable


@pytest.mark.parametrize(("tag", "type_name"), [(64, "uint8"), (69, "uint16"), (70, "uint32")])
def test_pixels_that_other_libraries_packed_and_encoded_are_read(tag: int, type_name: str) -> None:
    pixels = np.random.default_rng(1).poisson(3.0, (61, 47)).astype(type_name)
    for algorithm, modifier, packing in (
        ("bslz4", pixels.itemsize, hdf5plugin.Bitshuffle(cname="lz4")),
        ("bszstd", pixels.itemsize, hdf5plugin.Bitshuffle(cname="zstd")),
        ("lz4", 0, hdf5plugin.LZ4()),
    ):
        packed = cbor2.CBORTag(56500, [algorithm, modifier, chunk_of_hdf5(pixels, packing)])
        image = image_of({"threshold_1": cbor2.CBORTag(40, [[61, 47], cbor2.CBORTag(tag, packed)])})
        assert np.array_equal(image.array, pixels), algorithm
        assert image.array.dtype.name == type_name


def test_what_the_generator_sends_the_vendors_own_decoder_reads() -> None:
    decompress = pytest.importorskip("dectris.compression", reason="the vendor has no wheel").decompress

    def hook(tag: cbor2.CBORTag, immutable: bool) -> Any:
        return decompress(tag.value[2], tag.value[0], elem_size=tag.value[1]) if tag.tag == 56500 else tag

    for compression in ("bslz4", "lz4"):
        _, message, _ = generate(frames=1, compression=compression)
        decoded = cbor2.loads(message[0], tag_hook=hook)["data"]["threshold_1"].value[1].value
        image = parse(Packet("DECTRIS_V2", message))
        assert isinstance(image, DectrisV2Image)
        assert decoded == image.array.tobytes()


def test_the_start_with_every_detail_unpacks_its_arrays_when_they_are_asked_for() -> None:
    message, *_ = generate(frames=1, shape=SMALL, header_detail="all", user_data="lysozyme")
    start = parse(Packet("DECTRIS_V2", message))
    assert isinstance(start, DectrisV2Start)
    assert start.user_data == "lysozyme"
    assert "flatfield" not in vars(start)
    assert (start.flatfield["threshold_1"].shape, start.flatfield["threshold_1"].dtype.name) == (
        SMALL,
        "float32",
    )
    assert start.pixel_mask["threshold_1"].dtype.name == "uint32"
    table = start.countrate_correction_lookup_table
    assert table is not None
    assert table.tolist() == list(range(1000))
    plain = parse(Packet("DECTRIS_V2", next(generate(frames=1, shape=SMALL))))
    assert isinstance(plain, DectrisV2Start)
    assert (plain.flatfield, plain.pixel_mask, plain.countrate_correction_lookup_table) == ({}, {}, None)


def test_user_data_of_any_form_comes_through() -> None:
    array = cbor2.CBORTag(40, [[2], cbor2.CBORTag(64, b"\x01\x02")])
    sent = {"list": [1, -2, 2.5, None, True], "bytes": b"xyz", "tagged": cbor2.CBORTag(4711, "seven")}
    image = image_of({}, user_data={**sent, "array": array})
    assert image.user_data["array"].tolist() == [1, 2]
    del image.user_data["array"]
    assert image.user_data == {**sent, "tagged": "seven"}


def test_uncompressed_pixels_are_a_view_of_the_frame() -> None:
    pixels = np.arange(60, dtype="uint32").reshape(SMALL)
    elements = cbor2.CBORTag(40, [[6, 10], cbor2.CBORTag(70, pixels.tobytes())])
    frame = zmq.Frame(cbor2.dumps({"type": "image", "image_id": 0, **IDS, "data": {"threshold_1": elements}}))
    image = parse(Packet("DECTRIS_V2", [frame]))
    assert isinstance(image, DectrisV2Image)
    assert np.array_equal(image.array, pixels)
    assert np.shares_memory(image.array, np.frombuffer(frame.buffer, np.uint8))


def test_a_parsed_image_is_sent_on_whole_and_shown_in_short() -> None:
    for message in generate(frames=1, shape=SMALL, compression="none", header_detail="all"):
        made = parse(Packet("DECTRIS_V2", [zmq.Frame(message[0])]))
        again = pickle.loads(pickle.dumps(made))
        assert type(again) is type(made)
        assert len(repr(made)) < 2000
        if isinstance(made, DectrisV2Image):
            assert np.array_equal(again.array, made.array)
        if isinstance(made, DectrisV2Start):
            assert np.array_equal(again.pixel_mask["threshold_1"], made.pixel_mask["threshold_1"])


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (cbor2.CBORTag(40, [[2, 2], cbor2.CBORTag(69, bytes(7))]), "7 bytes, but 4 elements of 2 bytes"),
        (cbor2.CBORTag(69, bytes(7)), "7 bytes, but whole elements of 2 bytes"),
        (cbor2.CBORTag(40, [[2, -2], cbor2.CBORTag(69, bytes(8))]), "8 bytes, but -4 elements"),
        (cbor2.CBORTag(40, "shape"), "no shape and elements"),
        (cbor2.CBORTag(40, [[2], cbor2.CBORTag(83, bytes(32))]), "no type that is known"),
        (cbor2.CBORTag(40, [[2], cbor2.CBORTag(64, "text")]), "has no bytes"),
        (
            cbor2.CBORTag(64, cbor2.CBORTag(56500, ["bslz4", 1])),
            "are not algorithm, size of an element and bytes",
        ),
        (cbor2.CBORTag(64, cbor2.CBORTag(56500, ["bslz4", 1, bytes(5)])), "too few"),
        (
            cbor2.CBORTag(40, [[2, 2], cbor2.CBORTag(64, cbor2.CBORTag(56500, ["bslz4", 1, bytes(12)]))]),
            "unpacks to 0 bytes, but the image has 4",
        ),
        (7, "no type that is known"),
    ],
)
def test_what_is_no_array_says_so_when_it_is_looked_at(content: object, reason: str) -> None:
    with pytest.raises(MalformedPacket, match=reason):
        _ = image_of({"threshold_1": content}).array


def test_an_unknown_algorithm_says_so_when_it_is_looked_at() -> None:
    packed = cbor2.CBORTag(56500, ["trpx", 2, bytes(20)])
    with pytest.raises(UnknownCompression, match="'trpx' are not unpacked"):
        _ = image_of({"a": cbor2.CBORTag(40, [[2, 2], cbor2.CBORTag(69, packed)])}).array


@given(st.sets(st.integers(1, 20)), st.integers(0, 2**63), st.integers(0, 2**63))
def test_whatever_is_lost_the_others_keep_their_numbers(lost: set[int], first: int, series: int) -> None:
    sent = list(generate(frames=20, shape=(1, 8), first_image=first, series_id=series))
    items = read([each for place, each in enumerate(sent) if place not in lost], first)
    assert numbers(items) == [None, *(place for place in range(1, 21) if place not in lost), None]


def test_an_image_of_another_series_is_never_taken_for_one_of_this() -> None:
    first = list(generate(frames=3, shape=SMALL, series_id=4))
    stale = list(generate(frames=3, shape=SMALL, series_id=3))[2]
    items = read([*first[:2], stale, *first[2:], *generate(frames=1, shape=SMALL, series_id=5)])
    assert numbers(items) == [None, 1, 2, 3, None, None, 1, None]
    assert isinstance(items[2], Malformed)
    assert "belongs to series 3, but series 4 has begun" in items[2].reason


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        ([b""], "breaks off"),
        ([b"\x80"], "no CBOR map"),
        ([b"\xa1"], "breaks off"),
        ([b"\xbb" + b"\xff" * 8], "breaks off"),
        ([b"\xa1" * 20_000], "deeper than"),
        ([b"\xa1\x64type\x1c"], "begins no item"),
        ([cbor2.dumps({"type": "image", "series_id": 1})], "no image_id"),
        ([cbor2.dumps({"type": "image", "series_id": 1, "image_id": -1})], "setting first_image"),
        ([cbor2.dumps({"type": "image", "image_id": 1})], "series_id"),
        ([cbor2.dumps({"type": "calibration", "series_id": 1})], "type 'calibration'; known are"),
        ([cbor2.dumps({"type": ["image"], "series_id": 1})], "does not say what it is"),
        ([b"{}", b"{}", b"", b""], "4 frames; version 2 of the stream sends one"),
    ],
)
def test_what_cannot_be_read_is_kept_with_a_sentence_and_shifts_nothing(
    bad: list[bytes], reason: str
) -> None:
    sent = list(generate(frames=3, shape=SMALL))
    sent[2] = bad
    items = read(sent)
    assert_kept_with_a_reason(items, bad, reason)
    assert numbers(items) == [None, 1, 3, None]


@given(st.data())
def test_whatever_arrives_the_reader_lives_and_good_images_keep_their_numbers(data: st.DataObject) -> None:
    sent = list(generate(frames=8, shape=(2, 8), channels=("a", "b")))
    good = dict(enumerate(sent))
    for place in data.draw(st.sets(st.integers(1, 8))):
        broken = bytearray(sent[place][0])
        if data.draw(st.booleans()):
            del broken[data.draw(st.integers(0, len(broken))) :]
        for at, value in data.draw(st.lists(st.tuples(st.integers(0, 400), st.integers(0, 255)), max_size=5)):
            if at < len(broken):
                broken[at] = value
        good.pop(place)
        sent[place] = [bytes(broken)]
    items = read(sent)
    for item in items:
        if isinstance(item, Packet) and item.kind is PacketKind.DATA:
            try:
                _ = item.parse().array
            except (MalformedPacket, UnknownCompression):
                continue
    for place, frames in good.items():
        (item,) = [each for each in items if isinstance(each, Packet) and each.frames is frames]
        assert item.number == (place if 1 <= place <= 8 else None)


def test_an_empty_series_has_a_start_and_an_end() -> None:
    assert numbers(read(list(generate(frames=0)))) == [None, None]


def test_a_live_run_loses_what_was_lost_and_nothing_else() -> None:
    channels = ("threshold_1", "threshold_2")
    sent = list(generate(frames=6, shape=SMALL, channels=channels, first_image=1, series_id=8, seed=3))
    sent[5] = [sent[5][0][:30]]
    del sent[3]
    simulator = DEVICE.simulator("tcp://127.0.0.1:0")
    settings = DEVICE.settings(url=simulator.url, first_image=1)
    try:
        outcome = run_through(
            {"eiger": lambda: DEVICE.source(settings)},
            uniform(["eiger"], 6),
            lambda event: getattr(event.streams["eiger"].parse(), "array", None),
            lambda: simulator.play(sent),
        )
    finally:
        simulator.close()
    assert outcome.counts == (6, 0, 2)
    pictures = dict(enumerate(rings(6, SMALL, "uint32", 3), start=1))
    images = {event: array for event, array in outcome.results.items() if array is not None}
    assert sorted(images) == [1, 2, 4, 6]
    for event, array in images.items():
        assert np.array_equal(array, np.stack([pictures[event], pictures[event] // 2]))
