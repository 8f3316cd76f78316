"""When a process that died is started again."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from beamloom.placement import RestartPolicy


def test_the_delay_doubles_with_each_death_that_follows_soon() -> None:
    policy = RestartPolicy(deaths=10)
    deaths = [float(second) for second in range(8)]
    delays = [policy.delay(deaths[: count + 1], deaths[count]) for count in range(8)]
    assert delays == pytest.approx([0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0, 5.0])


def test_the_fifth_death_within_thirty_seconds_is_the_last() -> None:
    policy = RestartPolicy()
    assert policy.delay([0, 1, 2, 3], 3) is not None
    assert policy.delay([0, 1, 2, 3, 4], 4) is None
    assert policy.delay([0, 10, 20, 30, 30], 30) is None


@given(st.lists(st.floats(31, 1000), min_size=1, max_size=50))
def test_deaths_that_are_rare_are_forgotten(gaps: list[float]) -> None:
    policy = RestartPolicy()
    times: list[float] = []
    for gap in gaps:
        times.append((times[-1] if times else 0) + gap)
        assert policy.delay(times, times[-1]) == policy.first_delay
