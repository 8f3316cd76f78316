"""Where a growing series is cut."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from beamloom.rules.cutting import Cut, cut, with_halo


@given(
    growth=st.lists(st.tuples(st.integers(0, 50), st.booleans()), max_size=20),
    size=st.integers(1, 20),
    halo=st.integers(0, 5),
)
def test_a_series_is_cut_without_gaps_or_overlaps_however_it_grows(
    growth: list[tuple[int, bool]], size: int, halo: int
) -> None:
    released = there = 0
    steps = [(frames, overdue, False) for frames, overdue in growth] + [(0, False, True)]
    for frames, overdue, closed in steps:
        there += frames
        for one in cut(released, there, size=size, halo=halo, overdue=overdue, closed=closed):
            assert one.start == released
            assert 0 < one.stop - one.start <= size
            assert closed or one.stop + halo <= there
            released = one.stop
    assert released == there


def test_a_full_chunk_is_released_at_once_and_a_started_one_only_when_it_has_waited() -> None:
    assert cut(0, 25, size=10) == [Cut(0, 10), Cut(10, 20)]
    assert cut(20, 25, size=10) == []
    assert cut(20, 25, size=10, overdue=True) == [Cut(20, 25)]


def test_frames_after_a_chunk_are_waited_for_until_the_series_ends() -> None:
    assert cut(0, 12, size=10, halo=3, overdue=True) == [Cut(0, 9)]
    assert cut(0, 12, size=10, halo=3, closed=True) == [Cut(0, 10), Cut(10, 12)]


def test_a_halo_ends_where_the_series_does() -> None:
    assert with_halo(Cut(0, 10), 3, None) == (0, 13)
    assert with_halo(Cut(10, 20), 3, 21) == (7, 21)
    assert with_halo(Cut(10, 20), 0, 20) == (10, 20)
