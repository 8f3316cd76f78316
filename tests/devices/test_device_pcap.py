"""PCAP over ZeroMQ: rows keep their numbers, whatever happens to the messages that bring them."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from typing import Any

import pytest
import zmq
from hypothesis import given
from hypothesis import strategies as st

from beamloom.devices.fields import MalformedPacket
from beamloom.devices.pcap import (
    DEVICE,
    PCAPData,
    PCAPEnd,
    PcapSettings,
    PCAPStart,
    generate,
    new_reader,
    parse,
    source,
)
from beamloom.events import Malformed, Packet, PacketKind
from devices.reading import numbers, taken

LIMIT = 10


def read(messages: list[list[bytes]], first_frame: int = 0) -> list[Packet | Malformed]:
    return taken(new_reader(first_frame), messages)


def rows(frame_number: int, **columns: Any) -> list[bytes]:
    head = {"message_id": 9, "message_type": "data", "version": 1, "frame_number": frame_number}
    return [json.dumps({**head, **columns}).encode()]


def test_the_captured_series_gives_its_1502_packets_over_the_socket(
    capture: Callable[[str], list[list[bytes]]], until: Callable[[Callable[[], bool]], None]
) -> None:
    messages = capture("pcap-zmq.cbors")
    assert len(messages) == 102
    simulator = DEVICE.simulator("tcp://127.0.0.1:0")
    reading = source(PcapSettings(url=simulator.url))
    reading.open()
    try:
        until(reading.connected)
        assert reading.connection_problem() is None
        simulator.play(messages)
        items: list[Packet | Malformed] = []
        poller = zmq.Poller()
        poller.register(reading.pollable, zmq.POLLIN)
        while len(items) < 1502:
            some = reading.read(LIMIT)
            assert some or poller.poll(10_000)
            assert len(some) <= LIMIT
            items += some
        assert reading.read(LIMIT) == []
    finally:
        reading.close()
        simulator.close()
    assert numbers(items) == [None, *range(1, 1502)]
    packets = [item for item in items if isinstance(item, Packet)]
    assert [packet.kind for packet in packets] == [
        PacketKind.START,
        *[PacketKind.DATA] * 1500,
        PacketKind.END,
    ]
    start, *points, end = (packet.parse() for packet in packets)
    assert isinstance(start, PCAPStart)
    assert start.arm_time == "2024-10-07T08:49:10.627Z"
    assert isinstance(end, PCAPEnd)
    assert [point.frame_number for point in points] == list(range(1500))
    assert [point.triggernumber for point in points] == [float(number) for number in range(1, 1501)]
    # Every value is that of the message, digit by digit.
    sent = [json.loads(frame) for (frame,) in messages[1:-1]]
    for name in ("inttime", "energy", "INENC3.VAL.Mean"):
        assert [dict(point)[name] for point in points] == [
            value for message in sent for value in message[name]
        ]


def test_a_generated_series_reads_like_a_captured_one() -> None:
    sent = list(generate(columns={"x": range(7), "y": [0.5] * 7}, rows_per_message=3, first_message_id=5))
    assert len(sent) == 5
    start, *points, end = (item.parse() for item in read(sent) if isinstance(item, Packet))
    assert (start.message_id, end.message_id) == (5, 9)
    assert [(point.x, point.y, point.frame_number) for point in points] == [
        (row, 0.5, row) for row in range(7)
    ]


@given(st.sets(st.integers(1, 5)))
def test_a_lost_message_costs_its_rows_and_no_other(lost: set[int]) -> None:
    sent = list(generate(rows=10, rows_per_message=2))
    items = read([message for place, message in enumerate(sent) if place not in lost])
    rows_left = [row for row in range(1, 11) if (row + 1) // 2 not in lost]
    # What was lost right before the end may have held any number of rows.
    assert numbers(items) == [None, *rows_left, None if 5 in lost else 11]


def test_a_column_that_is_too_short_reads_nan_and_shifts_nothing() -> None:
    series = [
        *list(generate(rows=0))[:1],
        rows(0, a=[1.0, 2.0], b=[3.0, 4.0], c=[5.0], d=6.0),
        rows(2, a=[7.0], b=[8.0], c=[9.0], d=6.0),
    ]
    start, problem, *points = read(series)
    assert isinstance(problem, Malformed)
    assert "c has 1 values, 2 rows came" in problem.reason
    assert (problem.frames, problem.takes_place) == (series[1], False)
    assert numbers([start, *points]) == [None, 1, 2, 3]
    first, second, third = (item.parse() for item in points if isinstance(item, Packet))
    assert (first.a, first.b, first.d) == (1.0, 3.0, 6.0)
    assert (second.a, second.b, second.d) == (2.0, 4.0, 6.0)
    assert math.isnan(first.c)
    assert math.isnan(second.c)
    assert third.c == 9.0


@pytest.mark.parametrize(
    ("lengths", "count"),
    [((3, 3, 4), 3), ((4, 4, 3), 4), ((3, 4), 3), ((1, 2, 3), 1), ((0, 2, 2), 2), ((0,), 0), ((), 1)],
)
def test_a_message_has_as_many_rows_as_most_columns_and_no_more_than_are_sure(
    lengths: tuple[int, ...], count: int
) -> None:
    message = rows(0, **{f"c{place}": [1.0] * length for place, length in enumerate(lengths)})
    assert len(numbers(read([message]))) == count


def test_values_that_are_no_numbers_are_read_as_nan() -> None:
    items = read([[rows(0, a=[1.0])[0].replace(b"1.0", b"NaN, null, 2.0")]])
    values = [item.parse().a for item in items if isinstance(item, Packet)]
    assert [math.isnan(value) for value in values] == [True, True, False]


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        ([b"{]"], "no JSON object"),
        ([b'{"message_type": "data", "x": [1, 2]}'], "no frame_number"),
        (rows(-3, x=[1.0]), "comes before the first, which is 0"),
        ([*rows(1, x=[1.0]), b"more"], "2 frames"),
        ([b'{"message_type": "end"}'], "message_type 'end'"),
        (
            [b'{"message_type": "data", "frame_number": 2, "x": [1.0], "unit": "\\ud800"}'],
            "a text that is no Unicode",
        ),
    ],
)
def test_what_cannot_be_read_is_kept_with_a_sentence_and_shifts_nothing(
    bad: list[bytes], reason: str
) -> None:
    sent = list(generate(rows=6, rows_per_message=2))
    items = read([*sent[:2], bad, *sent[3:]])
    (problem,) = [item for item in items if isinstance(item, Malformed)]
    assert reason in problem.reason
    assert problem.frames == bad
    assert numbers(items) == [None, 1, 2, 5, 6, 7]


def test_packets_of_before_the_renaming_are_pointed_to_the_right_parser() -> None:
    with pytest.raises(MalformedPacket, match="PandaParser"):
        parse(Packet("PCAP", [b" 1 2 3\n"]))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3), st.lists, max_leaves=4
)


@given(
    st.lists(
        st.dictionaries(st.sampled_from(["frame_number", "message_id", "version", "a", "b"]), JSON),
        max_size=5,
    )
)
def test_no_message_raises_and_no_good_row_is_moved_by_it(junk: list[dict[str, Any]]) -> None:
    sent = list(generate(rows=4, rows_per_message=2))
    reader = new_reader()
    items: list[Packet | Malformed] = []
    for message in sent[:2]:
        reader.take(message, items)
    for fields in junk:
        reader.take([json.dumps({**fields, "message_type": "data"}).encode()], [])
    reader.take(sent[2], items)
    assert numbers(items) == [None, 1, 2, 3, 4]
    assert all(isinstance(parse(item), PCAPData) for item in items[1:] if isinstance(item, Packet))
