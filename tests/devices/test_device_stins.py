"""STINS: what the packets are, which numbers they have, and what an analysis sees of them."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import zmq
from hypothesis import given
from hypothesis import strategies as st

from beamloom.devices.codecs import UnknownCompression, pack
from beamloom.devices.fields import MalformedPacket
from beamloom.devices.stins import DEVICE, StinsReader, Stream1Data, Stream1End, Stream1Start, generate, parse
from beamloom.events import Malformed, Packet, PacketKind
from devices.reading import assert_kept_with_a_reason, numbers, taken

IMAGE = {
    "htype": "image",
    "frame": 0,
    "shape": [2, 3],
    "type": "uint16",
    "compression": "none",
    "msg_number": 1,
}


def message(fields: dict[str, Any], *blobs: bytes) -> list[bytes]:
    return [json.dumps(fields).encode(), *blobs]


def read(messages: list[list[bytes]], first_frame: int = 0) -> list[Packet | Malformed]:
    return taken(StinsReader(first_frame), messages)


def packet(fields: dict[str, Any], *blobs: bytes) -> Packet:
    return Packet("STINS", message(fields, *blobs))


def test_a_series_arrives_over_the_socket_as_it_was_sent(link: Callable[..., Any]) -> None:
    sent = list(
        generate(frames=5, shape=(4, 6), first_msg_number=2969, filename="scan.h5", meta={"count_time": 0.1})
    )
    items = link(DEVICE).send(sent, 7)
    assert [item.frames for item in items] == sent
    assert numbers(items) == [None, 1, 2, 3, 4, 5, 6]
    assert [item.kind for item in items] == [PacketKind.START, *[PacketKind.DATA] * 5, PacketKind.END]
    start, image, end = (items[place].parse() for place in (0, 3, 6))
    assert isinstance(start, Stream1Start)
    assert (start.filename, start.msg_number, start.meta) == ("scan.h5", 2969, {"count_time": 0.1})
    assert isinstance(image, Stream1Data)
    assert (image.frame, image.data.shape, image.data.dtype.name, image.data[0, 0]) == (
        2,
        (4, 6),
        "uint16",
        2,
    )
    assert isinstance(end, Stream1End)
    assert end.msg_number == 2975


def test_large_frames_are_not_copied_and_small_ones_are_bytes(link: Callable[..., Any]) -> None:
    items = link(DEVICE).send(generate(frames=2, shape=(256, 256), seed=1), 4)
    header, pixels = items[1].frames
    assert isinstance(header, bytes)
    assert not isinstance(pixels, bytes)
    expected = list(generate(frames=2, shape=(256, 256), seed=1))[1][1]
    assert items[1].parse().data.tobytes() == expected
    assert items[1].nbytes == len(header) + 256 * 256 * 2
    assert items[1].get_bytes().frames == [header, expected]


def test_recorded_packets_of_the_small_capture_parse(recorded: Callable[[str], list[Packet]]) -> None:
    packets = recorded("captures/dump_xrd.cbors")
    start, *images, end = [each.parse() for each in packets]
    assert isinstance(start, Stream1Start)
    assert start.filename == "output/xrd.h5"
    assert start.meta == {}
    assert [image.frame for image in images] == list(range(9))
    assert all(image.data.shape == (10, 10) for image in images)
    assert images[0].data[0, :6].tolist() == [1, 18, 0, 7, 17, 19]
    assert isinstance(end, Stream1End)
    assert numbers(read([each.frames for each in packets])) == [None, *range(1, 11)]


def test_recorded_packets_of_a_camera_parse_with_what_it_adds(
    recorded: Callable[[str], list[Packet]],
) -> None:
    packets = recorded("recordings/dumporca-ingester-70b3ce40-6e3e-4931-8dbc-245334e26eae.cbors")
    start, *images, end = [each.parse() for each in packets]
    assert start.meta["expected_data"] == {"shape": [4, 128], "type": "uint16", "compression": "none"}
    assert [image.frame for image in images] == list(range(1, 12))
    assert images[0].timestamps == {"dcu": "2024-10-28T14:02:38.534415+00:00"}
    assert images[0].data.shape == (4, 128)
    assert images[0].data[0, :3].tolist() == [195, 203, 198]
    assert end.msg_number == 222
    # By msg_number, and by frame where there is none: this camera counts from 1.
    assert numbers(read([each.frames for each in packets])) == [None, *range(1, 13)]
    unnumbered = [
        message({k: v for k, v in json.loads(each.frames[0]).items() if k != "msg_number"}, *each.frames[1:])
        for each in packets
    ]
    assert numbers(read(unnumbered, first_frame=1)) == [None, *range(1, 12), None]


def test_a_second_series_of_a_run_is_numbered_from_its_own_header() -> None:
    first, second = generate(frames=2, first_msg_number=10), generate(frames=1, first_msg_number=14)
    assert numbers(read([*first, *second])) == [None, 1, 2, 3, 4, 1, 2]


@given(st.sets(st.integers(1, 20)), st.integers(0, 10**12))
def test_whatever_is_lost_the_others_keep_their_numbers(lost: set[int], first: int) -> None:
    sent = list(generate(frames=20, shape=(1, 1), first_msg_number=first))
    items = read([each for place, each in enumerate(sent) if place not in lost])
    assert numbers(items) == [None, *(place for place in range(1, 22) if place not in lost)]


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        ([b"{"], "no JSON header"),
        ([b"\xff\xfe", b""], "no JSON header"),
        ([b"[" * 10_000], "no JSON header"),
        ([b""], "no JSON header"),
        (message({"frame": 1}), "htype"),
        (message({"htype": "picture"}), "htype 'picture'"),
        (message({**IMAGE, "msg_number": "three"}, bytes(12)), "msg_number"),
        (message(IMAGE), "without a blob"),
        (message(IMAGE, bytes(11)), r"11 bytes, but shape \[2, 3\] of uint16 takes 12"),
        (message({**IMAGE, "type": "uint12"}, bytes(12)), "no numpy type"),
        (message({**IMAGE, "type": "object"}, bytes(48)), "pixels are numbers"),
        (message({**IMAGE, "shape": [-2, -3]}, bytes(12)), "no length is negative"),
        (message({"htype": "image", "compression": "none"}, bytes(12)), "no shape or no type"),
        (message({**IMAGE, "msg_number": 0}, bytes(12)), "not after that of its header, 0"),
    ],
)
def test_what_cannot_be_read_is_kept_with_a_sentence_and_shifts_nothing(
    bad: list[bytes], reason: str
) -> None:
    sent = list(generate(frames=3, shape=(2, 2)))
    sent[2] = bad
    items = read(sent)
    assert_kept_with_a_reason(items, bad, reason)
    assert numbers(items) == [None, 1, 3, 4]


def test_a_frame_before_the_first_says_which_setting_to_change() -> None:
    image = {**IMAGE, "msg_number": None, "frame": 0}
    (problem,) = read([message(image, bytes(12))], first_frame=1)
    assert isinstance(problem, Malformed)
    assert "first_frame" in problem.reason


def test_the_first_image_without_shape_is_refused_too() -> None:
    (problem,) = read([message({"htype": "image"}, bytes(12))])
    assert isinstance(problem, Malformed)


def test_images_of_other_sizes_may_follow_each_other() -> None:
    items = read([message({**IMAGE, "shape": shape}, bytes(2 * shape[0])) for shape in ([3], [4], [3])])
    assert all(isinstance(item, Packet) for item in items)


def test_pixels_are_a_read_only_view_of_the_frame() -> None:
    for buffer in (bytearray(12), memoryview(bytearray(12)), zmq.Frame(bytes(12)), bytes(12)):
        image = parse(Packet("STINS", [json.dumps(IMAGE).encode(), buffer]))
        assert isinstance(image, Stream1Data)
        with pytest.raises(ValueError, match="read-only"):
            image.data[0, 0] = 1


def test_several_blobs_are_one_array_or_an_array_each() -> None:
    halves = [np.full((1, 3), value, "uint16").tobytes() for value in (1, 2)]
    stacked = parse(packet(IMAGE, *halves))
    assert isinstance(stacked, Stream1Data)
    assert stacked.data.tolist() == [[1, 1, 1], [2, 2, 2]]
    assert stacked.blobs == halves
    modules = parse(packet({**IMAGE, "x": [0, 10]}, bytes(12), bytes(12)))
    assert [module.shape for module in modules.data] == [(2, 3), (2, 3)]
    assert modules.x == [0, 10]
    assert [module.shape for module in modules.arrays] == [(2, 3), (2, 3)]
    odd = parse(packet(IMAGE, bytes(12), bytes(1)))
    assert isinstance(odd, Stream1Data)
    with pytest.raises(MalformedPacket, match=r"2 blobs of \[12, 1\] bytes do not make up shape"):
        _ = odd.array


def test_compressed_pixels_are_unpacked_when_they_are_asked_for() -> None:
    sent = list(generate(frames=2, shape=(64, 100), dtype="uint32", compression="bslz4", seed=3))
    plain = list(generate(frames=2, shape=(64, 100), dtype="uint32", seed=3))
    assert len(sent[1][1]) < len(plain[1][1]) / 2
    image = parse(Packet("STINS", [sent[1][0], zmq.Frame(sent[1][1])]))
    assert isinstance(image, Stream1Data)
    (as_sent,) = image.packed
    assert (as_sent.compression, as_sent.shape, as_sent.dtype.name) == ("bslz4", (64, 100), "uint32")
    assert bytes(as_sent.blob) == sent[1][1]
    assert "array" not in vars(image)
    assert (image.array.shape, image.array.dtype.name) == ((64, 100), "uint32")
    assert image.array.tobytes() == plain[1][1]
    assert image.data is image.array
    assert [each.shape for each in image.arrays] == [(64, 100)]
    with pytest.raises(ValueError, match="read-only"):
        image.array[0, 0] = 1


@pytest.mark.parametrize("stacked", [False, True])
def test_the_compressed_blobs_of_modules_or_thresholds_are_stacked(stacked: bool) -> None:
    modules = np.arange(3 * 10 * 17, dtype="uint16").reshape(3, 10, 17)
    shape = [3, 10, 17] if stacked else [10, 17]
    header = {**IMAGE, "shape": shape, "compression": "bslz4"}
    image = parse(packet(header, *(pack(module, "bslz4") for module in modules)))
    assert isinstance(image, Stream1Data)
    assert np.array_equal(image.array, modules)
    assert [each.tobytes() for each in image.arrays] == [module.tobytes() for module in modules]


def test_a_compressed_image_that_breaks_off_says_so_when_it_is_looked_at() -> None:
    blob = pack(np.arange(6, dtype="uint16").reshape(2, 3), "bslz4")
    for bad, reason in ((blob[:-1], "not whole"), (blob[:5], "too few"), (bytes(40), "unpacks to 0 bytes")):
        image = parse(packet({**IMAGE, "compression": "bslz4"}, bad))
        assert isinstance(image, Stream1Data)
        with pytest.raises(MalformedPacket, match=reason):
            _ = image.data
    unknown = parse(packet({**IMAGE, "compression": "jpeg"}, blob))
    assert isinstance(unknown, Stream1Data)
    with pytest.raises(UnknownCompression, match=r"'jpeg' are not unpacked.*bslz4.*packet's frames"):
        _ = unknown.data


def test_a_packet_of_another_device_is_refused_with_the_way_out() -> None:
    with pytest.raises(MalformedPacket, match=r"'xspress', not 'STINS'.*packet\.parse\(\)"):
        parse(Packet("xspress", message(IMAGE)))


def test_a_sender_that_was_started_again_counts_anew_and_each_series_takes_the_next_place() -> None:
    reader, items = StinsReader(), list[Packet | Malformed]()
    for first_msg_number in (100, 3, 9):
        for message in generate(frames=2, first_msg_number=first_msg_number):
            reader.take(list(message), items)
    starts = [item.number for item in items if isinstance(item, Packet) and item.kind is PacketKind.START]
    assert starts == [None, None, None]
    assert [item.number for item in items if isinstance(item, Packet)][4:8] == [None, 1, 2, 3]
