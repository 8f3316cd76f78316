"""Packets of many events in one message come out as they went in."""

from __future__ import annotations

from array import array
from typing import Any

import hypothesis.strategies as st
import pytest
import zmq
from hypothesis import given

from beamloom.engine.streams.packet_rows import PacketRow, row_of, rows_of
from beamloom.events import Packet, PacketKind
from beamloom.transport.messages import Packets, decode, encode
from beamloom.transport.packing import INLINE_BYTES, pack, unpack
from beamloom.transport.sense import makes_sense

SIZES = st.one_of(st.integers(0, 12), st.sampled_from([INLINE_BYTES - 1, INLINE_BYTES, INLINE_BYTES + 1]))


def frame(size: int, form: str) -> Any:
    content = bytes(i % 251 for i in range(min(size, 300))).ljust(size, b"x")
    if form == "view":
        return memoryview(content)
    return zmq.Frame(content) if form == "zmq" else content


FRAMES = st.builds(frame, SIZES, st.sampled_from(["bytes", "view", "zmq"]))
PACKETS = st.builds(
    Packet,
    st.just("test"),
    st.lists(FRAMES, max_size=3),
    st.none() | st.integers(0, 2**40),
    st.sampled_from(PacketKind),
)


def through_messages(packets: list[Packet]) -> list[Packet]:
    came: list[Packet] = []
    for row in rows_of(packets):
        assert isinstance(row, PacketRow)
        block, buffers = pack(row)
        head = encode("ingester", Packets("run", "stream", 0, 1, 5, 1, block))
        _, message = decode(head)
        assert isinstance(message, Packets)
        received = [bytes(buffer) for buffer in buffers]
        assert makes_sense(message, received)
        came += unpack(message.block, received)
    return came


@given(st.lists(PACKETS, min_size=1, max_size=8))
def test_any_packets_come_out_as_they_went_in(packets: list[Packet]) -> None:
    assert through_messages(packets) == [packet.get_bytes() for packet in packets]


@given(st.integers(1, 20), st.integers(0, 3), st.none() | st.integers(0, 100), st.sampled_from(PacketKind))
def test_packets_that_are_alike_and_numbered_in_a_row_come_out_as_they_went_in(
    count: int, frames: int, first: int | None, kind: PacketKind
) -> None:
    packets = [
        Packet("test", [b"f%d" % i] * frames, None if first is None else first + i, kind)
        for i in range(count)
    ]
    assert len(rows_of(packets)) == (1 if kind is PacketKind.DATA else count)
    assert through_messages(packets) == packets


def test_packets_without_any_frame_keep_their_count() -> None:
    packets = [Packet("test", [], None, PacketKind.END)] * 3
    assert through_messages(packets) == packets


@pytest.mark.parametrize(("size", "alone"), [(INLINE_BYTES - 1, 0), (INLINE_BYTES, 1)])
def test_a_frame_travels_alone_from_the_limit_on(size: int, alone: int) -> None:
    _, buffers = pack(row_of([Packet("test", [bytes(size), b"small"])]))
    assert len(buffers) == 1 + alone


def test_a_large_frame_is_not_copied_on_either_side() -> None:
    large = bytes(INLINE_BYTES)
    block, buffers = pack(row_of([Packet("test", [b"head", large])]))
    assert buffers[1] is large
    view = memoryview(large)
    (packet,) = unpack(block, [buffers[0], view])
    assert packet.frames[1] is view
    assert packet.frames[0] == b"head"


def test_the_memory_of_arrays_keeps_its_bytes_and_those_of_its_neighbours() -> None:
    small, large = array("d", range(10)), array("d", range(INLINE_BYTES))
    packets = [
        Packet("test", [memoryview(small), b"next", memoryview(large)]),
        Packet("test", [b"last", b"", b""]),
    ]
    block, buffers = pack(row_of(packets))
    first, second = unpack(block, [bytes(one) for one in buffers])
    assert first.frames == [small.tobytes(), b"next", large.tobytes()]
    assert second.frames == [b"last", b"", b""]


@given(st.lists(PACKETS, min_size=1, max_size=8), st.data())
def test_a_part_of_what_came_holds_the_packets_in_its_places(
    packets: list[Packet], data: st.DataObject
) -> None:
    row = rows_of(packets)[0]
    assert isinstance(row, PacketRow)
    block, buffers = pack(row)
    came, whole = unpack(block, [bytes(buffer) for buffer in buffers]), list(row)
    places = st.none() | st.integers(-10, 10)
    for _ in range(3):
        cut = slice(data.draw(places), data.draw(places), data.draw(st.sampled_from([None, 1, 2, -1])))
        came, whole = came[cut], whole[cut]
        assert len(came) == len(whole)
        assert [packet.get_bytes() for packet in came] == [packet.get_bytes() for packet in whole]
        for place in range(-len(whole), len(whole)):
            assert came[place].get_bytes() == whole[place].get_bytes()
        with pytest.raises(IndexError):
            came[len(whole)]


def test_a_packet_that_is_kept_is_the_same_from_wherever_it_is_looked_at() -> None:
    block, buffers = pack(row_of([Packet("test", [b"%d" % place], place) for place in range(5)]))
    came = unpack(block, buffers)
    assert came[1:4][1] is came[2]
    assert list(came)[2] is came[2]
