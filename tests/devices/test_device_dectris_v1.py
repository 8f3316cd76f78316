"""DECTRIS stream version 1: what the messages are, which numbers they have, and what an analysis sees of them."""

from __future__ import annotations

import importlib
import json
import pickle
from collections.abc import Callable
from typing import Any

import h5py
import hdf5plugin
import numpy as np
import pytest
import zmq
from hypothesis import given
from hypothesis import strategies as st

from beamloom.devices.codecs import UnknownCompression
from beamloom.devices.dectris_v1 import (
    DEVICE,
    DectrisV1End,
    DectrisV1Image,
    DectrisV1Start,
    generate,
    new_reader,
    parse,
)
from beamloom.devices.fields import MalformedPacket
from beamloom.devices.simulating.rings import rings
from beamloom.events import Malformed, Packet, PacketKind
from beamloom.triggermap import uniform
from devices.one_run import Outcome, run_through
from devices.reading import assert_kept_with_a_reason, numbers, taken

SMALL = (6, 10)


def read(messages: list[list[bytes]], first_frame: int = 0) -> list[Packet | Malformed]:
    return taken(new_reader(first_frame), messages)


def an_image(**changes: Any) -> Packet:
    """A generated image whose description of the pixels says ``changes``."""
    frames = list(generate(frames=1, shape=SMALL))[1]
    return Packet(
        "EIGER_LEGACY", [frames[0], json.dumps({**json.loads(frames[1]), **changes}).encode(), *frames[2:]]
    )


def parsed(packet: Packet | Malformed) -> DectrisV1Image:
    assert isinstance(packet, Packet)
    image = packet.parse()
    assert isinstance(image, DectrisV1Image)
    return image


@pytest.mark.parametrize("encoding", ["bslz4", "lz4", "none"])
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "uint32"])
def test_a_series_arrives_over_the_socket_and_its_images_are_those_that_were_sent(
    link: Callable[..., Any], encoding: str, dtype: str
) -> None:
    sent = list(generate(frames=4, shape=(96, 160), dtype=dtype, encoding=encoding, series=17, seed=5))
    items = link(DEVICE).send(sent, 6)
    assert [item.frames for item in items] == sent
    assert numbers(items) == [None, 1, 2, 3, 4, None]
    assert [item.kind for item in items] == [PacketKind.START, *[PacketKind.DATA] * 4, PacketKind.END]
    start, *images, end = [item.parse() for item in items]
    assert isinstance(start, DectrisV1Start)
    assert (start.series, start.info["nimages"], start.info["x_pixels_in_detector"]) == (17, 4, 160)
    for index, (image, expected) in enumerate(zip(images, rings(4, (96, 160), dtype, 5), strict=True)):
        assert (image.frame, image.series, image.data["shape"]) == (index, 17, [160, 96])
        assert image.array.dtype.name == dtype
        assert np.array_equal(image.array, expected)
        assert image.arrays[0] is image.array
    assert isinstance(end, DectrisV1End)
    assert end.series == 17


def test_the_capture_gives_its_five_events_and_says_that_its_pixels_are_cut(
    link: Callable[..., Any], capture: Callable[[str], list[list[bytes]]]
) -> None:
    items = link(DEVICE).send(capture("eiger-small.cbors"), 5)
    assert numbers(items) == [None, 1, 2, 3, None]
    start, *images, end = [item.parse() for item in items]
    assert (start.series, start.header_detail, start.info["description"]) == (
        6,
        "all",
        "Dectris EIGER2 CdTe 9M",
    )
    assert start.appendix["collect_dict"]["col_id"] == 128579
    rates = start.countrate_table
    assert rates.shape == (1001, 2)
    assert rates[1].tolist() == pytest.approx([8327.1, 8319.4], abs=0.1)
    for cut in ("flatfield", "pixel_mask"):
        with pytest.raises(MalformedPacket, match=r"20000 bytes, but shape \[3262, 3108\]"):
            getattr(start, cut)
    for index, image in enumerate(images):
        assert (image.frame, image.data["encoding"], image.data["type"]) == (index, "bs32-lz4<", "uint32")
        assert image.config["real_time"] == 9999900
        assert image.appendix == {}
        with pytest.raises(MalformedPacket, match="not whole"):
            _ = image.array
    assert end.series == 6


@pytest.mark.parametrize("appendix", ["", '{"sample": "lysozyme"}', "not JSON"])
@pytest.mark.parametrize(("detail", "frames"), [("none", 1), ("basic", 2), ("all", 8)])
def test_start_messages_of_every_detail_are_read(detail: str, frames: int, appendix: str) -> None:
    message, *_ = generate(frames=3, shape=SMALL, header_detail=detail, appendix=appendix)
    assert len(message) == frames + bool(appendix)
    start = parse(Packet("EIGER_LEGACY", message))
    assert isinstance(start, DectrisV1Start)
    assert start.header_detail == detail
    assert start.appendix == {"": None, "not JSON": "not JSON"}.get(appendix, {"sample": "lysozyme"})
    assert start.info.get("nimages") == (None if detail == "none" else 3)
    if detail == "all":
        assert start.flatfield is not None
        assert start.pixel_mask is not None
        assert (start.flatfield.shape, start.flatfield.dtype.name) == (SMALL, "float32")
        assert (start.pixel_mask.shape, start.pixel_mask.dtype.name) == (SMALL, "uint32")
    else:
        assert start.flatfield is start.pixel_mask is start.countrate_table is None


@pytest.mark.parametrize(("appendix", "expected"), [("", None), ('{"x": 1}', {"x": 1}), ("µ", "µ")])
def test_images_may_have_an_appendix(appendix: str, expected: object) -> None:
    _, message, _ = generate(frames=1, shape=SMALL, image_appendix=appendix)
    assert parsed(Packet("EIGER_LEGACY", message)).appendix == expected


def test_pixels_that_another_library_packed_are_unpacked_and_turned_to_rows() -> None:
    pixels = np.random.default_rng(1).poisson(3.0, (61, 47)).astype("uint16")
    blobs = {}
    for name, packing in (("bs16-lz4<", hdf5plugin.Bitshuffle(cname="lz4")), ("lz4<", hdf5plugin.LZ4())):
        with h5py.File("unnamed", "w", driver="core", backing_store=False) as file:
            dataset = file.create_dataset("pixels", data=pixels, chunks=pixels.shape, **packing)
            blobs[name] = dataset.id.read_direct_chunk((0, 0))[1]
    # This version sends LZ4 as one bare block, without HDF5's framing.
    blobs["lz4<"] = blobs["lz4<"][16:]
    blobs[">"] = pixels.byteswap().tobytes()
    for encoding, blob in blobs.items():
        packet = an_image(shape=[47, 61], type="uint16", encoding=encoding, size=len(blob))
        packet.frames[2] = zmq.Frame(blob)
        assert np.array_equal(parsed(packet).array, pixels), encoding


def test_uncompressed_pixels_are_a_read_only_view_of_the_frame() -> None:
    packet = an_image(encoding="<")
    packet.frames[2] = buffer = bytearray(4 * 60)
    image = parsed(packet)
    buffer[0] = 7
    assert image.array[0, 0] == 7
    with pytest.raises(ValueError, match="read-only"):
        image.array[0, 0] = 1


def test_a_parsed_image_is_sent_on_whole_and_shown_in_short() -> None:
    for message in generate(frames=1, shape=SMALL, header_detail="all"):
        made = parse(Packet("EIGER_LEGACY", [zmq.Frame(frame) for frame in message]))
        again = pickle.loads(pickle.dumps(made))
        assert type(again) is type(made)
        assert len(repr(made)) < 2000
        if isinstance(made, DectrisV1Image):
            assert np.array_equal(again.array, made.array)
        if isinstance(made, DectrisV1Start):
            mask = again.pixel_mask
            assert mask is not None
            assert mask.tobytes() == bytes(4 * 60)


def test_an_unknown_encoding_or_description_says_so_when_it_is_looked_at() -> None:
    with pytest.raises(UnknownCompression, match=r"'trpx<' are not unpacked.*packet\.data\['buffer'\]"):
        _ = parsed(an_image(encoding="trpx<")).array
    with pytest.raises(MalformedPacket, match="not described as one"):
        _ = parsed(an_image(shape="large")).array
    with pytest.raises(MalformedPacket, match="no numpy type"):
        _ = parsed(an_image(type="uint12")).array


@given(st.sets(st.integers(1, 20)), st.integers(0, 10**9), st.integers(1, 10**6))
def test_whatever_is_lost_the_others_keep_their_numbers(lost: set[int], first: int, series: int) -> None:
    sent = list(generate(frames=20, shape=(1, 8), first_frame=first, series=series))
    items = read([each for place, each in enumerate(sent) if place not in lost], first)
    assert numbers(items) == [None, *(place for place in range(1, 21) if place not in lost), None]


def test_every_other_image_that_a_second_reader_takes_leaves_a_gap() -> None:
    sent = list(generate(frames=6, shape=SMALL))
    assert numbers(read([sent[0], *sent[2:-1:2], sent[-1]])) == [None, 2, 4, 6, None]


def test_a_second_series_of_a_run_is_numbered_from_its_own_header() -> None:
    first, second = generate(frames=2, shape=SMALL, series=4), generate(frames=1, shape=SMALL, series=5)
    assert numbers(read([*first, *second])) == [None, 1, 2, None, None, 1, None]


def test_an_image_of_another_series_is_never_taken_for_one_of_this() -> None:
    first = list(generate(frames=3, shape=SMALL, series=4))
    stale = list(generate(frames=3, shape=SMALL, series=3))[2]
    items = read([*first[:2], stale, *first[2:]])
    assert numbers(items) == [None, 1, 2, 3, None]
    assert isinstance(items[2], Malformed)
    assert "belongs to series 3, but series 4 has begun" in items[2].reason


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        ([b"{"], "no JSON header"),
        ([b"\xff\xfe", b""], "no JSON header"),
        ([b"[" * 10_000], "no JSON header"),
        ([b'{"htype":"dimage-1.0","series":1}'], "1 frames; there are 4"),
        ([b'{"htype":"dimage-1.0","series":1}', b"", b"", b""], "no frame"),
        ([b'{"htype":"dimage-1.0","series":1,"frame":-1}', b"", b"", b""], "setting first_frame"),
        ([b'{"htype":"image","series":1}'], "htype 'image'"),
        ([b'{"htype":"dimage-1.0"}'], "series"),
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


@pytest.mark.parametrize(
    ("frames", "reason"),
    [
        ([b'{"htype":"dheader-1.0","series":1,"header_detail":"some"}'], "header_detail 'some'"),
        (
            [b'{"htype":"dheader-1.0","series":1,"header_detail":"all"}'],
            "1 frames; with header_detail all there are 8",
        ),
        ([b'{"htype":"picture"}'], "htype 'picture'"),
        ([b'{"htype":7}'], "htype 7"),
    ],
)
def test_a_packet_that_is_none_of_this_device_is_refused_with_a_sentence(
    frames: list[bytes], reason: str
) -> None:
    with pytest.raises(MalformedPacket, match=reason):
        parse(Packet("EIGER_LEGACY", frames))


@given(st.data())
def test_whatever_arrives_the_reader_lives_and_good_images_keep_their_numbers(data: st.DataObject) -> None:
    sent = list(generate(frames=8, shape=(2, 8)))
    good = dict(enumerate(sent))
    for place in data.draw(st.sets(st.integers(1, 8))):
        frame = data.draw(st.integers(0, 3))
        broken = list(sent[place])
        cut = data.draw(st.integers(0, len(broken[frame])))
        broken[frame] = broken[frame][:cut] + data.draw(st.binary(max_size=8))
        good.pop(place)
        sent[place] = broken
    for item in (items := read(sent)):
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


def test_existing_analyses_find_the_names_that_they_know(
    capture: Callable[[str], list[list[bytes]]],
) -> None:
    names = importlib.import_module("dranspose.middlewares.eiger_legacy")
    header, image, *_, end = [
        names.parse(Packet("EIGER_LEGACY", [zmq.Frame(frame) for frame in message]))
        for message in capture("eiger-small.cbors")
    ]
    assert type(header).__name__ == "EigerLegacyHeader"
    assert (header.info["nimages"], header.appendix["dozor_dict"]["x_pixels_in_detector"]) == (3, 3108)
    assert type(image).__name__ == "EigerLegacyImage"
    assert (image.frame, image.data["shape"], image.config["real_time"]) == (0, [3108, 3262], 9999900)
    assert image.data["buffer"][:12] == bytes.fromhex("00000000026acae000002000")
    assert type(end).__name__ == "EigerLegacyEnd"
    _, message, _ = generate(frames=1, shape=SMALL, seed=4)
    (expected,) = rings(1, SMALL, "uint32", 4)
    assert np.array_equal(names.parse(Packet("EIGER_LEGACY", message)).array, expected)


def a_live_run(messages: list[list[bytes]], images: int, look: Callable[[Any], Any]) -> Outcome:
    """A run of ``images`` events that the simulator sends ``messages`` to."""
    simulator = DEVICE.simulator("tcp://127.0.0.1:0")
    settings = DEVICE.settings(url=simulator.url)
    try:
        return run_through(
            {"eiger": lambda: DEVICE.source(settings)},
            uniform(["eiger"], images),
            lambda event: look(event.streams["eiger"].parse()),
            lambda: simulator.play(messages),
        )
    finally:
        simulator.close()


def test_the_capture_in_a_live_run_gives_its_events_and_its_cut_images_fail_by_themselves(
    capture: Callable[[str], list[list[bytes]]],
) -> None:
    messages = capture("eiger-small.cbors")
    outcome = a_live_run(messages, 3, lambda packet: getattr(packet, "frame", None))
    assert outcome.counts == (5, 0, 0)
    assert outcome.results == {1: 0, 2: 1, 3: 2}
    looked_at = a_live_run(messages, 3, lambda packet: getattr(packet, "frame", 0) and packet.array.sum())
    assert looked_at.counts == (3, 2, 0)


def test_a_lost_and_a_torn_image_cost_their_own_events_and_no_other() -> None:
    sent = list(generate(frames=6, shape=SMALL, seed=3))
    expected = {
        place: int(picture.sum(dtype=np.uint64))
        for place, picture in enumerate(rings(6, SMALL, "uint32", 3), 1)
    }
    sent[5] = sent[5][:2]
    del sent[3]
    outcome = a_live_run(sent, 6, lambda packet: getattr(packet, "array", np.zeros(0)).sum(dtype=np.uint64))
    assert outcome.counts == (6, 0, 2)
    del expected[3], expected[5]
    assert {event: int(total) for event, total in outcome.results.items() if total} == expected
