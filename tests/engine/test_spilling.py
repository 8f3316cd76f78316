"""Retention with a spool: memory stays bounded, every packet is there until its event is settled, whatever the disk does."""

from __future__ import annotations

from collections.abc import Iterator

import hypothesis.strategies as st
import pytest
from hypothesis import given

from beamloom.engine.accounts.ledger import Loss
from beamloom.engine.assignment import Span
from beamloom.engine.ranges import Range
from beamloom.engine.streams.layout import stream_layout
from beamloom.engine.streams.packet_rows import PacketRow, row_of
from beamloom.engine.streams.retention import Retention, WhenFull
from beamloom.engine.streams.router import StreamRouter
from beamloom.events import Packet
from beamloom.triggermap import uniform
from engine.mill import numbered


class Shelf:
    """A spool in memory, that fails and is full when the test says so."""

    def __init__(self, limit: int = 1 << 30) -> None:
        self.kept: dict[int, tuple[Packet, int]] = {}
        self.limit = limit
        self.fails = False
        self.damaged: list[Range] = []

    @property
    def full(self) -> bool:
        return len(self.kept) >= self.limit

    @property
    def ready(self) -> bool:
        return not self.fails and not self.full

    def write(self, first: int, packets: PacketRow, wanted: int) -> int:
        for place, packet in enumerate(packets):
            if first + place not in self.kept:
                if not self.ready:
                    return place
                self.kept[first + place] = (packet, wanted)
        return len(packets)

    def release(self, first: int, stop: int) -> None:
        for event in range(first, stop):
            self.kept.pop(event, None)

    def within(self, first: int, stop: int) -> Iterator[tuple[int, Packet, int]]:
        for event in range(first, stop):
            if event in self.kept:
                yield event, *self.kept[event]

    @property
    def events(self) -> list[Range]:
        return [(event, event + 1) for event in sorted(self.kept)]

    def take_unreadable(self) -> list[Range]:
        damaged, self.damaged = self.damaged, []
        return damaged


def ten(*events: int) -> PacketRow:
    return row_of(Packet("test", [event.to_bytes(10, "big")]) for event in events)


def there(kept: Retention, stop: int = 100) -> list[int]:
    found = [
        (event, int.from_bytes(frame, "big"))
        for one in kept.within(0, stop)
        for event, frame in enumerate(one.row.frames, one.first)
    ]
    assert all(event == content for event, content in found)
    return [event for event, _ in found]


def test_beyond_the_memory_packets_are_spilled_and_found_again_in_order() -> None:
    shelf = Shelf()
    kept = Retention(30, WhenFull.SPILL, shelf)
    assert kept.keep(0, ten(*range(8)), 1) == 8
    assert (kept.nbytes, sorted(shelf.kept), kept.blocks) == (30, [3, 4, 5, 6, 7], False)
    assert there(kept) == list(range(8))
    kept.release(0, 2)
    kept.keep(8, ten(8, 9, 10), 1)
    assert (kept.nbytes, sorted(shelf.kept)) == (30, [3, 4, 5, 6, 7, 10])
    assert there(kept) == list(range(2, 11))
    kept.release(0, 100)
    assert (kept.nbytes, shelf.kept, there(kept)) == (0, {}, [])


def test_a_disk_that_fails_blocks_the_device_and_what_was_read_is_kept_in_memory() -> None:
    shelf = Shelf()
    kept = Retention(30, WhenFull.SPILL, shelf)
    kept.keep(0, ten(*range(5)), 1)
    shelf.fails = True
    kept.keep(5, ten(5, 6), 1)
    assert (kept.blocks, kept.nbytes, there(kept)) == (True, 50, list(range(7)))
    kept.make_room()
    assert kept.blocks
    shelf.fails = False
    assert kept.blocks, "what was refused goes first"
    kept.make_room()
    assert (kept.blocks, kept.nbytes, sorted(shelf.kept)) == (False, 30, [3, 4, 5, 6])
    assert there(kept) == list(range(7))


def test_a_disk_that_fails_is_not_needed_where_memory_gets_free() -> None:
    shelf = Shelf()
    kept = Retention(30, WhenFull.SPILL, shelf)
    shelf.fails = True
    kept.keep(0, ten(*range(5)), 1)
    kept.release(0, 3)
    kept.make_room()
    assert (kept.blocks, kept.nbytes, there(kept)) == (False, 20, [3, 4])


def test_a_spool_past_its_limit_blocks_until_something_is_settled() -> None:
    shelf = Shelf(limit=4)
    kept = Retention(30, WhenFull.SPILL, shelf)
    kept.keep(0, ten(*range(7)), 1)
    assert kept.blocks
    kept.release(4, 5)
    assert not kept.blocks


def test_what_is_written_ahead_is_on_disk_before_it_is_kept_in_memory() -> None:
    shelf = Shelf()
    kept = Retention(30, WhenFull.BLOCK, shelf, write_ahead=True)
    kept.keep(0, ten(0, 1), 1)
    assert (sorted(shelf.kept), kept.nbytes, kept.blocks) == ([0, 1], 20, False)
    kept.keep(2, ten(2), 1)
    assert kept.blocks, "as the memory is full"


def test_what_is_written_ahead_and_spilled_is_written_once() -> None:
    shelf = Shelf()
    kept = Retention(30, WhenFull.SPILL, shelf, write_ahead=True)
    kept.keep(0, ten(*range(8)), 1)
    assert (sorted(shelf.kept), kept.nbytes, there(kept)) == (list(range(8)), 30, list(range(8)))
    shelf.fails = True
    kept.keep(8, ten(8), 1)
    assert (kept.nbytes, kept.blocks, there(kept)) == (40, True, list(range(9)))


def test_what_cannot_be_written_ahead_is_delivered_all_the_same() -> None:
    shelf = Shelf()
    shelf.fails = True
    kept = Retention(30, WhenFull.BLOCK, shelf, write_ahead=True)
    kept.keep(0, ten(0, 1), 1)
    assert (kept.blocks, there(kept)) == (False, [0, 1])


def test_writing_ahead_waits_for_room_in_the_spool() -> None:
    shelf = Shelf(limit=2)
    kept = Retention(1000, WhenFull.BLOCK, shelf, write_ahead=True)
    kept.keep(0, ten(0, 1), 1)
    assert kept.blocks
    kept.release(0, 1)
    assert not kept.blocks


def test_a_policy_that_needs_a_spool_is_refused_without_one() -> None:
    with pytest.raises(ValueError, match="takes a spool"):
        Retention(10, WhenFull.SPILL)
    with pytest.raises(ValueError, match="takes a spool"):
        Retention(10, write_ahead=True)


def test_what_cannot_be_read_back_is_lost_with_a_cause() -> None:
    shelf = Shelf()
    one = StreamRouter("a", stream_layout(uniform(["a"], 20), "a"), Retention(6, WhenFull.SPILL, shelf))
    one.arrive([numbered("a", item, 21) for item in range(8)])
    del shelf.kept[4]
    shelf.damaged = [(4, 5)]
    (before, after) = one.assign([Span(3, 3, "w1")])
    assert (before.first, len(before.packets), after.first, len(after.packets)) == (3, 1, 5, 1)
    assert one.take_losses() == [
        Loss(4, 5, "the packet of stream 'a' was kept on disk and could not be read back")
    ]


moves = st.lists(
    st.one_of(
        st.tuples(st.just("keep"), st.integers(1, 6)),
        st.tuples(st.just("release"), st.integers(0, 80)),
        st.tuples(st.just("fail"), st.integers(0, 1)),
    ),
    max_size=60,
)


@given(moves, st.sampled_from(list(WhenFull)), st.booleans(), st.integers(1, 20))
def test_any_course_of_things_keeps_all_that_is_not_settled_and_bounds_memory(
    moves: list[tuple[str, int]], when_full: WhenFull, write_ahead: bool, limit: int
) -> None:
    shelf = Shelf(limit)
    kept = Retention(30, when_full, shelf, write_ahead=write_ahead)
    expected: set[int] = set()
    front = 0
    for what, number in moves:
        if what == "keep":
            kept.make_room()
            if kept.blocks:
                continue
            count = kept.keep(front, ten(*range(front, front + number)), 1)
            assert count == number or when_full is WhenFull.DROP
            expected.update(range(front, front + count))
            front += number
        elif what == "release":
            kept.release(number, number + 1 + number % 7)
            expected -= set(range(number, number + 1 + number % 7))
        else:
            shelf.fails = bool(number)
        assert there(kept, front) == sorted(expected)
        assert kept.nbytes < 30 + 60
