"""One read of a device stays within a number of bytes, whatever the size of its packets."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Any

import hypothesis.strategies as st
from hypothesis import given

from beamloom.engine.streams.packet_rows import PacketRow, singles
from beamloom.engine.streams.read_limit import FIRST, LONGEST, ReadLimit
from beamloom.events import LaterFrame, Malformed, Packet, PacketKind

SMALL = 100


def read(limit: ReadLimit, queue: Queue, room: int) -> list[Packet | Malformed]:
    return list(singles(limit.read(queue.read, room, queue.clock)))


class Queue:
    """What a device has sent, and how many packets it was asked for each time."""

    def __init__(self, sizes: Sequence[int], *, header: int | None = None, seconds_each: float = 0.0) -> None:
        self.asked: list[int] = []
        self.now = 0.0
        self.seconds_each = seconds_each
        packets: list[Packet | Malformed] = [Packet("test", [bytes(size)]) for size in sizes]
        if header is not None:
            packets.insert(0, Packet("test", [bytes(header)], 0, PacketKind.START))
        self.waiting = deque(packets)

    def read(self, limit: int) -> list[Packet | Malformed]:
        self.asked.append(limit)
        some = [self.waiting.popleft() for _ in range(min(limit, len(self.waiting)))]
        self.now += self.seconds_each * len(some)
        return some

    def clock(self) -> float:
        return self.now


def test_small_packets_are_all_read_at_once_up_to_the_number() -> None:
    queue = Queue([SMALL] * 1000)
    limit = ReadLimit(512, 1 << 20)
    assert len(read(limit, queue, 1 << 20)) == 512
    assert len(read(limit, queue, 1 << 20)) == 488
    assert read(limit, queue, 1 << 20) == []


def test_large_packets_are_read_few_at_a_time_also_behind_a_small_header() -> None:
    queue = Queue([1000] * 100, header=10)
    limit = ReadLimit(512, 4000)
    assert sum(p.nbytes for p in read(limit, queue, 1 << 30) if isinstance(p, Packet)) <= 4000 + 1000
    while len(queue.waiting) >= 4:
        assert len(read(limit, queue, 1 << 30)) == 4


@given(st.floats(0.00001, 1.0))
def test_packets_that_take_their_time_are_read_for_a_moment_only(seconds_each: float) -> None:
    queue = Queue([SMALL] * 2000, seconds_each=seconds_each)
    limit = ReadLimit(512, 1 << 20)
    assert len(read(limit, queue, 1 << 20)) >= 1
    while queue.waiting:
        begin = queue.now
        assert len(read(limit, queue, 1 << 20)) >= 1
        assert queue.now - begin <= LONGEST + max(LONGEST, seconds_each) + 1e-9


def test_packets_that_are_fast_again_are_read_together_again() -> None:
    queue = Queue([SMALL] * 4000, seconds_each=0.1)
    limit = ReadLimit(512, 1 << 20)
    assert len(read(limit, queue, 1 << 20)) <= FIRST
    assert len(read(limit, queue, 1 << 20)) == 1
    queue.seconds_each = 0.000001
    assert max(len(read(limit, queue, 1 << 20)) for _ in range(50)) == 512


class InFile(LaterFrame):
    def read(self) -> bytes:
        raise AssertionError("somebody read a frame")


def test_frames_that_stay_in_their_file_take_room_and_are_not_counted_as_read() -> None:
    def ask(count: int) -> list[PacketRow]:
        frames: list[Any] = [b"head", InFile()] * count
        return [PacketRow("test", PacketKind.DATA, None, count, 2, frames, [4, 1 << 20])]

    limit = ReadLimit(512, 4 << 20)
    assert len(list(singles(limit.read(ask, 1 << 40, lambda: 0.0)))) == 512
    assert len(list(singles(limit.read(ask, 100 << 20, lambda: 0.0)))) == 99


def test_one_packet_is_read_where_there_is_no_room_for_two() -> None:
    queue = Queue([1000] * 100)
    limit = ReadLimit(512, 1 << 20)
    read(limit, queue, 4000)
    assert len(read(limit, queue, 1500)) == 1
    assert len(read(limit, queue, 10)) == 1


def test_a_large_header_does_not_keep_later_reads_short() -> None:
    queue = Queue([10] * 5000, header=10_000)
    limit = ReadLimit(512, 20_000)
    assert [len(read(limit, queue, 1 << 20)) for _ in range(5)][1:] == [512] * 4


@given(
    st.lists(st.integers(0, 5000), max_size=300),
    st.integers(1, 64),
    st.integers(1, 20_000),
    st.integers(1, 20_000),
)
def test_a_read_ends_and_brings_something_while_something_is_there(
    sizes: list[int], most: int, most_bytes: int, room: int
) -> None:
    queue = Queue(sizes)
    limit = ReadLimit(most, most_bytes)
    came = 0
    for _ in range(len(sizes)):
        some = read(limit, queue, room)
        assert len(some) <= most
        assert bool(some) == (came < len(sizes))
        came += len(some)
        # What was learned bounds it: so many of the largest fit, or one.
        assert (
            sum(p.nbytes for p in some if isinstance(p, Packet)) <= min(room, most_bytes) + FIRST * 2 * 5000
        )
    assert came == len(sizes)


def test_what_could_not_be_read_counts_by_its_bytes_too() -> None:
    queue = Queue([])
    queue.waiting.extend(Malformed("cut off", [bytes(SMALL), bytes(SMALL)]) for _ in range(100))
    limit = ReadLimit(512, 1 << 20)
    assert len(read(limit, queue, FIRST * 2 * SMALL)) == FIRST
    assert len(read(limit, queue, 3 * 2 * SMALL)) == 3
    assert len(read(limit, queue, 1 << 20)) == 100 - FIRST - 3
