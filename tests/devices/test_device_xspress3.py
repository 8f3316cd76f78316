"""Xspress3: parts find together, losses cost only what was lost, and an analysis sees spectra."""

from __future__ import annotations

import json
import pickle
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from beamloom.devices.fields import MalformedPacket
from beamloom.devices.xspress3 import (
    DEVICE,
    META_NAMES,
    FrameCount,
    Xspress3Reader,
    XspressEnd,
    XspressImage,
    XspressStart,
    generate,
    parse,
)
from beamloom.events import Malformed, Packet, PacketKind
from devices.reading import assert_kept_with_a_reason, numbers, problems, taken

SUMS = [81, 76, 67, 49, 69, 97, 75, 58, 81, 77, 91, 81, 76, 67, 49, 69, 97, 75, 58, 81]
"""Counts of the first ten bins of the last channel, at the 20 points of the scan that xspress3mini-dump20 belongs to."""


def read(messages: list[list[bytes]]) -> list[Packet | Malformed]:
    return taken(Xspress3Reader(), messages)


@pytest.mark.parametrize(
    ("name", "images", "shape", "exptime", "names"),
    [
        ("xspress3-dump.cbors", 20, (4, 4096), 0.1, META_NAMES[:8]),
        ("xspress3mini-dump20.cbors", 22, (2, 4096), 1.0, META_NAMES[:8]),
        ("xspress3-multipart.cbors", 5, (4, 4096), 0.05, META_NAMES),
    ],
)
def test_the_captures_give_their_packets_over_the_socket(
    name: str,
    images: int,
    shape: tuple[int, int],
    exptime: float,
    names: tuple[str, ...],
    link: Callable[..., Any],
    capture: Callable[[str], list[list[bytes]]],
) -> None:
    items = link(DEVICE).send(capture(name), images + 2)
    assert [item.kind for item in items] == [PacketKind.START, *[PacketKind.DATA] * images, PacketKind.END]
    assert numbers(items) == [None, *range(1, images + 1), None]
    assert [item.length for item in items] == [1, *[3] * images, 1]
    start, *spectra, end = (item.parse() for item in items)
    assert isinstance(start, XspressStart)
    assert start.overwritable is False
    assert isinstance(end, XspressEnd)
    # The small one holds two passes of eleven images, each counted from 0.
    passes = 11 if images == 22 else images
    for frame, image in enumerate(spectra):
        assert isinstance(image, XspressImage)
        assert image.frame == frame % passes
        assert image.exptime == pytest.approx(exptime, rel=1e-4)
        assert image.data.shape == shape
        assert image.data.dtype == np.uint32
        assert tuple(image.meta) == names
        assert all(image.meta[each].shape == shape[:1] for each in META_NAMES[:8])
    if len(names) == 9:
        assert spectra[0].meta["window_counts"].shape == (2, 4)


def test_the_captured_scan_has_the_known_sums(capture: Callable[[str], list[list[bytes]]]) -> None:
    spectra = [
        item.parse() for item in read(capture("xspress3mini-dump20.cbors"))[1:-1] if isinstance(item, Packet)
    ]
    assert [int(image.data[-1][:10].sum()) for image in spectra][:20] == SUMS


@pytest.mark.parametrize("multipart", [True, False])
def test_a_generated_series_reads_like_a_captured_one(multipart: bool) -> None:
    spectra = [np.full((3, 16), value, np.uint32) for value in (5, 6)]
    sent = list(generate(spectra=spectra, filename="f.h5", exptime=0.5, multipart=multipart, windows=True))
    assert len(sent) == (4 if multipart else 8)
    start, *images, _ = (item.parse() for item in read(sent) if isinstance(item, Packet))
    assert start.filename == "f.h5"
    assert [image.data.tolist() for image in images] == [spectrum.tolist() for spectrum in spectra]
    assert tuple(images[0].meta) == META_NAMES
    assert images[0].meta["AllEvents"].tolist() == [80, 80, 80]
    assert images[0].meta["ClockTicks"].tolist() == [40_000_000] * 3


def parted(frames: int = 4) -> list[list[bytes]]:
    return list(generate(frames=frames, channels=2, bins=8, multipart=False))


def test_both_styles_may_follow_each_other() -> None:
    old, new = parted(2), list(generate(frames=1, channels=2, bins=8, first_frame=2))
    assert numbers(read([*old[:-1], *new[1:]])) == [None, 1, 2, 3, None]


def seemingly_whole(kept: list[int]) -> bool:
    """Whether the parts in ``kept`` (by place in ``parted()``) put a header before spectra and counts of other images."""
    triples = zip(kept, kept[1:], kept[2:], strict=False)
    return any(
        [place % 3 for place in triple] == [1, 2, 0] and triple != (triple[0], triple[0] + 1, triple[0] + 2)
        for triple in triples
    )


@given(st.sets(st.integers(1, 12)))
def test_a_lost_message_costs_its_image_and_no_other(lost: set[int]) -> None:
    sent = parted()
    kept = [place for place in range(1, 13) if place not in lost]
    assume(not seemingly_whole(kept))
    items = read([sent[0], *(sent[place] for place in kept), sent[-1]])
    hurt = {(place - 1) // 3 + 1 for place in lost}
    assert numbers(items) == [None, *(number for number in range(1, 5) if number not in hurt), None]
    for item in items:
        if isinstance(item, Packet) and item.number is not None:
            assert [[frame] for frame in item.frames] == sent[3 * item.number - 2 :][:3]
    # An image of which nothing came is seen by its number alone; two that are hurt may look like one.
    gone = {number for number in hurt if {3 * number - 2, 3 * number - 1, 3 * number} <= lost}
    assert bool(problems(items)) == bool(hurt - gone)


@pytest.mark.parametrize(
    ("frames", "expected"),
    [
        ([0, 1, 2, 3], [1, 2, 3, 4]),
        ([0, 2, 3], [1, 3, 4]),
        ([0, 1, 1, 2], [1, 2, 2, 3]),
        ([0, 0, 1], [1, 1, 2]),
        ([0, 1, 3, 2, 4], [1, 2, 4, 3, 5]),
        ([1, 0, 2], [2, 1, 3]),
        ([0, 1, 2, 0, 1, 2, 0], [1, 2, 3, 4, 5, 6, 7]),
        ([5, 6], [6, 7]),
    ],
)
def test_frames_are_numbered_through_gaps_repeats_and_passes(frames: list[int], expected: list[int]) -> None:
    count = FrameCount()
    assert [count.number(frame) for frame in frames] == expected


def test_the_next_series_is_numbered_anew() -> None:
    series = list(generate(frames=2, channels=1, bins=2))
    assert numbers(read(series + series)) == [None, 1, 2, None, None, 1, 2, None]


@pytest.mark.parametrize(
    ("lost", "reasons"),
    [
        (4, ["came without the image's header"] * 2),
        (5, ["the spectra of frame 1 did not come", "came without the image's header"]),
        (6, ["the counts of frame 1 did not come"]),
        (12, ["the counts of frame 3 did not come"]),
    ],
)
def test_the_sentence_says_which_part_is_missing(lost: int, reasons: list[str]) -> None:
    sent = parted()
    del sent[lost]
    found = problems(read(sent))
    assert len(found) == len(reasons)
    assert all(expected in reason for expected, reason in zip(reasons, found, strict=True))
    assert not any(item.takes_place for item in read(sent) if isinstance(item, Malformed))


def test_spectra_whose_first_bytes_look_like_another_part_are_spectra() -> None:
    for first in (ord("{"), 0x80):
        sent = list(generate(spectra=[np.full((1, 4), first, np.uint32)], multipart=False))
        assert numbers(read(sent)) == [None, 1, None]


def image(fields: dict[str, Any], raw: bytes = bytes(8), counts: bytes | None = None) -> list[bytes]:
    head = {"htype": "image", "frame": 0, "shape": [1, 2], "type": "uint32", "compression": "none", **fields}
    return [json.dumps(head).encode(), raw, pickle.dumps([0] * 8) if counts is None else counts]


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        ([b"{]"], "no JSON header"),
        ([b'{"htype": "picture"}'], "htype 'picture'"),
        (image({})[:2], "2 frames"),
        (image({"frame": None}), "no frame number"),
        (image({"shape": None}), "no shape"),
        (image({}, raw=bytes(7)), "7 bytes"),
        (image({}, counts=b"\x80nothing"), "pickle"),
        (image({}, counts=b"\x80\x02cos\nsystem\n."), "os.system"),
        (image({}, counts=pickle.dumps({"ocr": 1})), "not the list of counts"),
        (image({}, counts=pickle.dumps([1, 2])), "at least 8"),
    ],
)
def test_what_cannot_be_read_is_kept_with_a_sentence_and_shifts_nothing(
    bad: list[bytes], reason: str
) -> None:
    sent = list(generate(frames=3, channels=2, bins=8))
    items = read([*sent[:2], bad, *sent[3:]])
    assert_kept_with_a_reason(items, bad, re.escape(reason))
    assert numbers(items) == [None, 1, 3, None]


@given(st.lists(st.sampled_from([*range(14)]), max_size=30), st.lists(st.binary(max_size=20), max_size=5))
def test_no_order_of_messages_raises(order: list[int], junk: list[bytes]) -> None:
    known = parted()
    for item in read([*([known[place]][0] for place in order), *[[each] for each in junk], known[-1]]):
        assert isinstance(item, Packet | Malformed)


def test_entries_that_newer_senders_append_are_kept() -> None:
    spectrum = parse(Packet("xspress", image({}, counts=pickle.dumps(list(range(11))))))
    assert isinstance(spectrum, XspressImage)
    assert spectrum.meta["window_counts"] == 8
    assert spectrum.meta["entry_10"] == 10


@pytest.mark.parametrize(
    "bad", [image({})[:1], image({"compression": "lz4"}), image({"shape": [3]}), [b'{"htype": "x"}']]
)
def test_a_packet_that_does_not_follow_the_protocol_is_refused(bad: list[bytes]) -> None:
    with pytest.raises(MalformedPacket):
        parse(Packet("xspress", bad))
