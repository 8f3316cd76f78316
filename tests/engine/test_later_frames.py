"""Frames that are cut when somebody wants them: to whom hands them on they are as a list."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from beamloom.engine.streams.later_frames import LaterFrames
from beamloom.engine.streams.packet_rows import PacketRow, join
from beamloom.events import PacketKind
from beamloom.transport.packing import pack, unpack


class Numbers:
    """Packets whose frames tell their places; remembers which were cut."""

    def __init__(self, each: int) -> None:
        self.each = each
        self.cut: list[tuple[int, int]] = []

    def packets(self, begin: int, end: int) -> list[Sequence[bytes]]:
        self.cut.append((begin, end))
        return [
            [b"%03d" % (place * self.each + one) for one in range(self.each)] for place in range(begin, end)
        ]


def row(frames: list[bytes] | LaterFrames, each: int, number: int) -> PacketRow:
    return PacketRow("STINS", PacketKind.DATA, number, len(frames) // each, each, frames, [3] * each)


@given(
    each=st.integers(1, 3),
    counts=st.lists(st.integers(1, 20), min_size=1, max_size=4),
    ends=st.tuples(st.integers(0, 90), st.integers(0, 90)),
)
def test_parts_and_joined_rows_are_those_of_a_list(
    each: int, counts: list[int], ends: tuple[int, int]
) -> None:
    held = Numbers(each)
    plain, later, number = [], [], 0
    for count in counts:
        frames = LaterFrames(each, [(held, number, number + count)])
        plain.append(row(list(frames), each, number))
        later.append(row(frames, each, number))
        number += count
    begin, end = sorted(min(one, number) for one in ends)
    expected, found = join(plain).part(begin, end), join(later).part(begin, end)
    assert len(found.frames) == len(expected.frames)
    assert list(found) == list(expected)
    if begin < end:
        assert found[0] == expected[0]
        assert found[-1] == expected[-1]
        assert list(unpack(*pack(found))) == list(unpack(*pack(expected)))
    assert list(join([plain[0], *later[1:]])) == list(join(plain))


def test_nothing_is_cut_before_somebody_looks_and_then_only_what_was_sent() -> None:
    held = Numbers(2)
    whole = row(LaterFrames(2, [(held, 0, 1000)]), 2, 0)
    packets = unpack(*pack(join([whole.part(0, 100), whole.part(100, 300)]).part(50, 150)))
    assert len(packets) == 100
    assert held.cut == []
    assert packets[0].frames == [b"100", b"101"]
    assert held.cut == [(50, 100), (100, 150)]
    assert packets[99].number == 149
    assert len(held.cut) == 2
