"""AlbaEM: what the packets are, how they are numbered, and what an analysis sees."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from beamloom.devices.albaem import DEVICE, AlbaemData, AlbaemEnd, AlbaemStart, generate, new_reader, parse
from beamloom.devices.fields import MalformedPacket
from beamloom.events import Malformed, Packet, PacketKind
from devices.reading import numbers, taken


def read(messages: list[list[bytes]], first_frame: int = 0) -> list[Packet | Malformed]:
    return taken(new_reader(first_frame), messages)


def test_the_captured_series_gives_its_6_packets_over_the_socket(
    link: Callable[..., Any], capture: Callable[[str], list[list[bytes]]]
) -> None:
    items = link(DEVICE).send(capture("albaem-dump.cbors"), 6)
    assert [item.kind for item in items] == [PacketKind.START, *[PacketKind.DATA] * 4, PacketKind.END]
    assert numbers(items) == [None, 1, 2, 3, 4, 5]
    start, first, *_, end = (item.parse() for item in items)
    assert isinstance(start, AlbaemStart)
    assert isinstance(first, AlbaemData)
    assert (first.frame_number, first.timestamp, first.acquisition_timestamp) == (
        0,
        7.72645192,
        1704807770443944912,
    )
    assert (first.channel1, first.channel4) == (-2.8302592615927417e-11, 4.80528800718246e-10)
    assert isinstance(end, AlbaemEnd)
    assert end.detector_specific == {"read_overflow": False, "memory_overflow": False}


def test_a_generated_series_reads_like_a_captured_one() -> None:
    sent = list(
        generate(currents=[(1, 2, 3, 4), (5, 6, 7, 8)], period=0.5, first_message_id=40, read_overflow=True)
    )
    start, *points, end = (item.parse() for item in read(sent) if isinstance(item, Packet))
    assert start.message_id == 40
    assert [(point.channel1, point.channel4, point.timestamp) for point in points] == [
        (1, 4, 0.5),
        (5, 8, 1.0),
    ]
    assert end.detector_specific["read_overflow"]


@given(st.sets(st.integers(1, 7)))
def test_a_lost_message_costs_its_own_place_also_right_before_the_end(lost: set[int]) -> None:
    sent = list(generate(frames=7))
    items = read([message for place, message in enumerate(sent) if place not in lost])
    assert numbers(items) == [None, *(place for place in range(1, 8) if place not in lost), 8]


def test_a_trigger_that_the_device_missed_leaves_its_place_empty() -> None:
    # No message is lost, yet a frame number is skipped.
    sent = [json.loads(frame) for (frame,) in generate(frames=4)]
    for message in sent[3:5]:
        message["frame_number"] += 1
    assert numbers(read([[json.dumps(message).encode()] for message in sent])) == [None, 1, 2, 4, 5, 6]


def test_the_first_frame_may_have_another_number() -> None:
    sent = list(generate(frames=2, first_frame=1))
    assert numbers(read(sent, first_frame=1)) == [None, 1, 2, 3]
    (problem,) = [
        item for item in read(list(generate(frames=2)), first_frame=1) if isinstance(item, Malformed)
    ]
    assert "comes before the first, which is 1 by the setting first_frame" in problem.reason


def test_the_next_series_is_numbered_anew() -> None:
    sent = [*generate(frames=2), *generate(frames=1, first_message_id=50)]
    assert numbers(read(sent)) == [None, 1, 2, 3, None, 1, 2]


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        ([b"{]"], "no JSON object"),
        ([b"[1]"], "a JSON list, not an object"),
        ([b"\xff"], "no JSON object"),
        ([b'{"message_type": "heartbeat"}'], "message_type 'heartbeat'"),
        ([b'{"message_type": "data"}'], "no frame_number"),
        ([b'{"message_type": "data", "frame_number": true}'], "no frame_number"),
        ([b'{"message_type": "data", "frame_number": 1e30}'], "no frame_number"),
        ([b'{"message_type": "data", "frame_number": 1' + 40 * b"0" + b"}"], "no frame_number"),
        ([b'{"message_type": "data", "frame_number": 1}', b""], "2 frames"),
    ],
)
def test_what_cannot_be_read_is_kept_with_a_sentence_and_shifts_nothing(
    bad: list[bytes], reason: str
) -> None:
    sent = list(generate(frames=3))
    items = read([*sent[:2], bad, *sent[3:]])
    (problem,) = [item for item in items if isinstance(item, Malformed)]
    assert reason in problem.reason
    assert (problem.frames, problem.takes_place) == (bad, False)
    assert numbers(items) == [None, 1, 3, 4]


def test_a_channel_that_is_not_a_number_is_read() -> None:
    frame = b'{"message_type": "data", "message_id": 2, "frame_number": 0, "channel1": NaN, "channel2": -Infinity}'
    (item,) = read([[frame]])
    assert isinstance(item, Packet)
    point = parse(item)
    assert isinstance(point, AlbaemData)
    assert math.isnan(point.channel1)
    assert point.channel2 == -math.inf


def test_a_packet_of_another_device_is_refused() -> None:
    with pytest.raises(MalformedPacket, match="of type 'PCAP', not 'albaem'"):
        parse(Packet("PCAP", [b"{}"]))


@given(
    st.lists(
        st.one_of(st.integers(0, 5), st.tuples(st.integers(0, 5), st.integers(0, 300), st.binary(max_size=4)))
    )
)
def test_good_messages_keep_their_numbers_among_damaged_ones(order: list[Any]) -> None:
    sent = list(generate(frames=4))
    reader = new_reader()
    for each in order:
        items: list[Packet | Malformed] = []
        if isinstance(each, int):
            reader.take(sent[each], items)
            (item,) = items
            assert isinstance(item, Packet)
            if 0 < each < 5:
                assert item.number == each
        else:
            place, cut, junk = each
            reader.take([sent[place][0][:cut] + junk], items)
            assert len(items) == 1
