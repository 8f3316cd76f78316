"""Headers that count up are known before they come, and images are the same packets whether or not they were."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import hypothesis.strategies as st
from hypothesis import given

from beamloom.devices.encodings.counting_heads import CountingHeads
from beamloom.devices.encodings.json_headers import read_head
from beamloom.devices.stins import StinsReader
from beamloom.engine.streams.packet_rows import singles
from beamloom.events import Malformed, Packet

HEAD = (
    '{"htype": "image", "frame": %d, "shape": [4], "type": "uint8", "compression": "none", "msg_number":%d}'
)


def head(frame: int, msg_number: int) -> bytes:
    return (HEAD % (frame, msg_number)).encode()


def test_headers_that_count_up_are_expected_through_powers_of_ten() -> None:
    heads = CountingHeads.between(head(7, 8), head(8, 9), 2)
    assert heads is not None
    assert heads.follow([head(number, number + 1) for number in range(9, 500)])
    assert heads.follow([head(500, 501)])
    assert not heads.follow([head(500, 501)])


def test_a_header_that_is_not_the_next_one_is_not_expected() -> None:
    heads = CountingHeads.between(head(7, 8), head(8, 9), 2)
    assert heads is not None
    for others in ([head(10, 10)], [head(9, 10), head(11, 11)], [head(9, 10) + b" "], [b""], []):
        assert heads.follow(others) is (not others)
    assert heads.follow([head(9, 10)])


def test_headers_in_which_something_else_counts_are_not_foreseen() -> None:
    def pair(text: str) -> tuple[bytes, bytes]:
        return text.replace("N", "41").encode(), text.replace("N", "42").encode()

    for text in (
        '{"frame": N, "name": "img N"}',
        '{"frame": N, "exposure": N.5}',
        '{"frame": -N}',
        '{"name": "imgN"}',
        '{"frame": 0N}',
    ):
        assert CountingHeads.between(*pair(text), 1) is None, text
    assert CountingHeads.between(*pair('{"name": "100 %d", "frame": N}'), 1) is not None


@given(
    st.lists(st.sampled_from('0123456789 %:,{}"ea.-\\'), max_size=8).map("".join),
    st.integers(0, 120),
    st.integers(0, 120),
    st.booleans(),
    st.integers(1, 40),
)
def test_an_expected_header_decodes_to_what_is_expected(
    name: str, frame: int, msg_number: int, counts: bool, more: int
) -> None:
    def text(step: int) -> bytes:
        fields: dict[str, Any] = {"htype": "image", "name": name, "frame": frame + step}
        if counts:
            fields["name"] += str(frame + step)
        return json.dumps({**fields, "msg_number": msg_number + step}).encode()

    heads = CountingHeads.between(text(0), text(1), 2)
    if heads is None:
        return
    coming = [text(step) for step in range(2, 2 + more)]
    if heads.follow(coming):
        for step, one in enumerate(coming, 2):
            found = read_head(one)
            assert (found.frame, found.msg_number) == (frame + step, msg_number + step)
    else:
        assert counts


REGULAR = (1, 1, 4, "image", 1)
ODD = st.sampled_from(
    [
        REGULAR,
        (0, 1, 4, "image", 1),
        (1, 0, 4, "image", 1),
        (2, 2, 4, "image", 1),
        (-3, -3, 4, "image", 1),
        (-3, 1, 4, "image", 1),
        (1, 1, 5, "image", 1),
        (1, 1, 0, "image", 1),
        (1, 1, 4, "header", 1),
        (1, 1, 4, "series_end", 1),
        (1, 1, 4, "odd", 1),
        (1, 1, 4, "image", 0),
        (1, 1, 4, "image", 2),
    ]
)
"""What follows in ``frame`` and in ``msg_number``, size of the blobs, what it is, blobs."""
STEPS = st.lists(st.tuples(st.integers(0, 9), ODD), min_size=1, max_size=6).map(
    lambda runs: [step for count, odd in runs for step in [*([REGULAR] * count), odd]]
)


@given(
    STEPS,
    st.lists(st.integers(1, 6), min_size=60, max_size=60),
    st.sampled_from(["none", "lz4"]),
    st.booleans(),
)
def test_images_are_the_same_packets_with_and_without_a_look_ahead(
    steps: list[tuple[int, int, int, str, int]], batches: list[int], compression: str, numbered: bool
) -> None:
    frame, msg_number = 0, 1
    messages = [[b'{"htype": "header", "msg_number": 0}']]
    for further, message_further, size, htype, blobs in steps:
        fields = {"htype": htype, "frame": frame, "shape": [4], "type": "uint8", "compression": compression}
        if numbered:
            fields["msg_number"] = msg_number
        messages.append([json.dumps(fields).encode(), *([bytes(size)] * blobs)])
        frame, msg_number = max(frame + further, 0), max(msg_number + message_further, 0)

    plain, quick = StinsReader(), StinsReader()
    expected: list[Packet | Malformed] = []
    found: list[Packet | Malformed] = []
    for message in messages:
        plain.take(message, expected)
    for size in batches:
        batch, messages = messages[:size], messages[size:]
        if not batch:
            break
        row = quick.take_steady([frame for message in batch for frame in message], list(map(len, batch)))
        if row is not None:
            found += singles([row])
            continue
        items: list[Packet | Malformed] = []
        for message in batch:
            quick.take(message, items)
        quick.look_ahead(items)
        found += items
    assert found == expected
    assert plain.bearing == quick.bearing


def test_a_series_that_runs_as_it_should_is_read_in_rows() -> None:
    reader = StinsReader()
    messages = [[head(number, number + 1), bytes(4)] for number in range(200)]
    items: list[Packet | Malformed] = []
    reader.take([b'{"htype": "header", "msg_number": 0}'], items)
    for message in messages[:4]:
        reader.take(message, items)
    reader.look_ahead(items)
    for begin, end in pairwise((4, 5, 100, 200)):
        some = messages[begin:end]
        row = reader.take_steady([frame for message in some for frame in message], [2] * len(some))
        assert row is not None
        assert (row.number, row.count, len(row.frames)) == (begin + 1, len(some), 2 * len(some))
