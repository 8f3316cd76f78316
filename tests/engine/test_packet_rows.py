"""Rows of packets are the packets that they were made of, however they are cut and joined."""

from __future__ import annotations

from array import array
from itertools import pairwise

import hypothesis.strategies as st
import pytest
from hypothesis import given

from beamloom.engine.streams.packet_rows import PacketRow, join, row_of, rows_of, singles
from beamloom.engine.streams.retention import Kept, joined
from beamloom.events import Malformed, Packet, PacketKind

FRAMES = st.lists(st.binary(max_size=4), max_size=2)
PACKETS = st.builds(
    Packet,
    st.sampled_from(["one", "other"]),
    FRAMES,
    st.none() | st.integers(0, 4),
    st.sampled_from(PacketKind),
)
TORN = st.builds(Malformed, st.just("torn"), FRAMES)


def frame(number: int) -> Packet:
    return Packet("test", [b"head%d" % number, bytes(number)], number)


@given(st.lists(PACKETS | TORN, max_size=20))
def test_rows_hold_what_they_were_made_of_in_its_order(arrivals: list[Packet | Malformed]) -> None:
    rows = rows_of(arrivals)
    assert list(singles(rows)) == arrivals
    assert all(one is again for one, again in zip(rows, rows_of(rows), strict=True))
    for row in rows:
        if isinstance(row, PacketRow):
            assert [row[place] for place in range(len(row))] == list(row)
            assert row.packet_sizes() == [packet.nbytes for packet in row]
            assert row.frame_sizes() == list(map(len, row.frames))
            assert row.nbytes == sum(packet.nbytes for packet in row)


@given(st.lists(PACKETS, max_size=20))
def test_packets_that_are_alike_and_follow_each_other_are_in_one_row(packets: list[Packet]) -> None:
    rows = [row for row in rows_of(packets) if isinstance(row, PacketRow)]
    assert not any(row.continues(behind) for row, behind in pairwise(rows))


@given(st.integers(1, 30), st.integers(0, 30), st.integers(0, 30))
def test_a_row_that_is_cut_and_joined_is_the_same(count: int, a: int, b: int) -> None:
    row = row_of(frame(number) for number in range(7, 7 + count))
    low, high = sorted((min(a, count), min(b, count)))
    parts = [part for part in (row.part(0, low), row.part(low, high), row.part(high, count)) if len(part)]
    assert [packet for part in parts for packet in part] == list(row)
    assert list(join(parts)) == list(row)
    assert join(parts).nbytes == row.nbytes


def test_a_row_with_another_first_number_is_the_same_but_for_its_numbers() -> None:
    row = row_of(frame(number) for number in range(7, 11))
    again = row.numbered(20, PacketKind.DATA)
    assert [packet.number for packet in again] == [20, 21, 22, 23]
    assert [(packet.typ, packet.kind, packet.frames) for packet in again] == [
        (packet.typ, packet.kind, packet.frames) for packet in row
    ]
    assert (again.nbytes, again.largest) == (row.nbytes, row.largest)
    assert [packet.kind for packet in row.part(0, 1).numbered(0, PacketKind.START)] == [PacketKind.START]


def test_the_end_of_a_series_has_a_row_of_its_own() -> None:
    rows = rows_of(
        [Packet("test", [], 0, PacketKind.START), frame(1), frame(2), Packet("test", [], 3, PacketKind.END)]
    )
    assert [len(row) for row in rows if isinstance(row, PacketRow)] == [1, 2, 1]


def test_the_memory_of_arrays_counts_in_bytes() -> None:
    row = row_of([Packet("test", [memoryview(array("d", range(10))), b"head"])])
    assert (row.nbytes, row.largest) == (84, 84)


def test_packets_that_are_not_alike_are_no_row() -> None:
    with pytest.raises(ValueError, match="2 rows"):
        row_of([frame(1), frame(3)])


def test_what_is_kept_is_joined_only_where_events_follow_each_other_and_want_the_same() -> None:
    pieces = [
        Kept(0, row_of([frame(1)]), 1),
        Kept(1, row_of([frame(2)]), 1),
        Kept(2, row_of([frame(3)]), 2),
        Kept(4, row_of([frame(4)]), 2),
    ]
    found = [(one.first, one.stop, one.wanted, list(one.row)) for one in joined(pieces)]
    assert found == [
        (0, 2, 1, [frame(1), frame(2)]),
        (2, 3, 2, [frame(3)]),
        (4, 5, 2, [frame(4)]),
    ]
