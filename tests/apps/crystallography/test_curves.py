"""Curves over the events, and powders that grow."""

from __future__ import annotations

import numpy as np
import pytest

from beamloom.apps.crystallography.analysis.curves import MOST_POINTS, curves, running_mean
from beamloom.apps.crystallography.analysis.powders import PeakPowder, summable


def test_a_running_mean_is_over_the_frames_there_are_and_then_over_the_window() -> None:
    events, mean = running_mean(np.array([1, 2, 5, 6]), np.array([1, 0, 0, 1]), 2)
    assert events.tolist() == [1, 2, 5, 6]
    assert mean.tolist() == [1, 0.5, 0, 0.5]


def test_a_curve_of_very_many_frames_has_a_limited_number_of_points_and_ends_at_the_last() -> None:
    count = 50_000
    events, mean = running_mean(np.arange(count), np.arange(count) % 5 == 0, 100)
    assert MOST_POINTS / 2 < len(events) <= MOST_POINTS
    assert events[-1] == count - 1
    assert mean[-1] == pytest.approx(0.2)


def test_events_without_a_frame_do_not_count() -> None:
    columns = {
        "hit": np.array([-1, 1, -1, 0, 1], np.int8),
        "laser": np.full(5, -1),
        "saturated_peaks": np.array([-1, 2, -1, 0, 0]),
        "resolution": np.array([np.nan, 2.0, np.nan, 9.0, 3.0]),
    }
    found = curves(columns, 10)
    assert found["summary"]["frames"] == 3
    assert found["hit_rate"]["event"].tolist() == [1, 3, 4]
    assert found["hit_rate"]["value"] == pytest.approx([100, 50, 200 / 3])
    assert found["resolution"]["value"].tolist() == [2.0, 2.5]
    assert found["saturation"]["value"].tolist() == [100, 50]
    assert "hit_rate_pumped" not in found


def test_powders_are_the_same_whichever_way_they_are_merged_and_travel() -> None:
    random = np.random.default_rng(4)
    peaks = [
        (random.uniform(0, 30, n), random.uniform(0, 20, n), random.uniform(1, 1e6, n)) for n in (0, 3, 40, 7)
    ]
    one = PeakPowder((21, 31))
    for event, each in enumerate(peaks):
        one.add(event, *each)
    other = PeakPowder((21, 31))
    for event in (2, 0, 3, 1):
        part = PeakPowder((21, 31)).add(event, *peaks[event])
        other.merge(PeakPowder.from_wire_state(part.wire_state()))
    assert np.array_equal(one.value, other.value)
    assert one.count == other.count == 50
    assert one.value.sum() == pytest.approx(sum(each[2].sum() for each in peaks))
    assert list(other.coverage) == [(0, 4)]
    shown = other.snapshot()
    assert other.snapshot() is shown
    with pytest.raises(ValueError, match="does not merge"):
        one.merge(PeakPowder((2, 2)))


def test_what_is_summed_is_rounded_so_that_no_order_matters() -> None:
    values = np.random.default_rng(5).normal(0, 1e4, 10_000)
    total = summable(values).sum()
    assert summable(values[::-1]).cumsum()[-1] == total
    assert total == pytest.approx(values.sum(), abs=10_000 / 4096)
    assert summable(np.array([np.nan, np.inf, 1.0])).tolist() == [0, 0, 1]
    assert summable(np.array([3], np.uint16)).dtype == np.uint16
