"""Which events are in a sample: the same for everybody, as many as asked for, and in no pattern that a scan could have."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from beamloom.engine.sampling import Sample

SHARES = st.floats(0.0, 1.0)


@given(SHARES, SHARES, st.integers(0, 10**9))
def test_a_smaller_sample_is_part_of_a_larger_one(one: float, other: float, event: int) -> None:
    smaller, larger = sorted((one, other))
    assert event not in Sample(smaller) or event in Sample(larger)


@given(st.integers(1, 10**9))
def test_all_events_are_in_the_whole_and_the_start_event_alone_in_none(event: int) -> None:
    assert event in Sample(1.0)
    assert event not in Sample(0.0)
    assert 0 in Sample(0.0)


@pytest.mark.parametrize("share", [0.01, 0.1, 0.5])
@pytest.mark.parametrize("period", [1, 2, 10, 101, 1024])
def test_each_point_of_a_line_is_in_the_sample_as_often_as_any_other(share: float, period: int) -> None:
    sample, asked = Sample(share), 20_000
    for phase in (1, period // 2 + 1):
        found = sum(phase + period * line in sample for line in range(asked))
        deviation = (asked * share * (1 - share)) ** 0.5
        assert abs(found - asked * share) < 5 * deviation


def test_which_events_these_are_is_the_same_in_every_version() -> None:
    assert [event for event in range(60) if event in Sample(0.1)] == FIRST
    assert [event for event in range(10**9, 10**9 + 40) if event in Sample(0.1)] == LATER


FIRST = [0, 3, 33, 34, 42, 43, 44, 54]
LATER = [1000000005, 1000000037]
