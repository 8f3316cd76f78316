"""Fast mode follows the background of a stream of frames, and finds what robust mode finds."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from beamloom.apps.crystallography import PeakFinder, PeakSettings

Array = np.ndarray[Any, np.dtype[Any]]
SHAPE = (320, 300)
SETTINGS = PeakSettings(
    adc_threshold=5.0,
    minimum_snr=5.0,
    min_pixel_count=2,
    max_pixel_count=40,
    local_bg_radius=3,
    max_num_peaks=1000,
)


def radius_map() -> Array:
    y, x = np.ogrid[: SHAPE[0], : SHAPE[1]]
    radius: Array = np.hypot(y - 150.2, x - 140.7)
    return radius


def frame(random: np.random.Generator, level: float, peaks: int, dtype: str = "uint16") -> Array:
    mean = level * np.exp(-radius_map() / 100) + 0.2
    for _ in range(peaks):
        row, column = random.integers(5, SHAPE[0] - 5), random.integers(5, SHAPE[1] - 5)
        mean[row : row + 3, column : column + 3] += random.uniform(5, 60)
    pixels: Array = random.poisson(mean)
    if dtype == "float32":
        return (pixels * 20.0 + random.normal(0, 3, SHAPE)).astype(np.float32)
    return pixels.astype(dtype)


def agreement(finder: PeakFinder, robust: PeakFinder, frames: list[Array]) -> tuple[float, float]:
    """Recall and precision of ``finder`` against ``robust``, over all ``frames``."""
    both = mine = theirs = 0
    for one in frames:
        found, wanted = finder.find(one), robust.find(one)
        here = set(zip(np.rint(found.ss).tolist(), np.rint(found.fs).tolist(), strict=True))
        there = set(zip(np.rint(wanted.ss).tolist(), np.rint(wanted.fs).tolist(), strict=True))
        both, mine, theirs = both + len(here & there), mine + len(here), theirs + len(there)
    return both / theirs, both / mine


@pytest.mark.parametrize("dtype", ["uint16", "float32"])
def test_fast_mode_finds_what_robust_mode_finds(dtype: str) -> None:
    random = np.random.default_rng(1)
    settings = (
        SETTINGS
        if dtype == "uint16"
        else PeakSettings(
            adc_threshold=100,
            minimum_snr=5,
            min_pixel_count=2,
            max_pixel_count=40,
            local_bg_radius=3,
            max_num_peaks=1000,
        )
    )
    finder = PeakFinder(radius_map(), settings=settings, mode="fast")
    robust = PeakFinder(radius_map(), settings=settings, mode="robust")
    frames = [frame(random, 3.0, 40, dtype) for _ in range(60)]
    recall, precision = agreement(finder, robust, frames)
    assert recall > 0.97
    assert precision > 0.97
    assert finder.beginnings == 1


def test_a_background_that_drifts_is_followed() -> None:
    random = np.random.default_rng(2)
    finder = PeakFinder(radius_map(), settings=SETTINGS, mode="fast")
    robust = PeakFinder(radius_map(), settings=SETTINGS, mode="robust")
    frames = [frame(random, 2.0 + 0.02 * number, 40) for number in range(150)]
    agreement(finder, robust, frames[:100])
    recall, precision = agreement(finder, robust, frames[100:])
    assert recall > 0.95
    assert precision > 0.95


@pytest.mark.parametrize(("before", "after"), [(1.0, 20.0), (20.0, 1.0)])
def test_a_background_that_jumps_is_seen_at_once(before: float, after: float) -> None:
    random = np.random.default_rng(3)
    finder = PeakFinder(radius_map(), settings=SETTINGS, mode="fast")
    robust = PeakFinder(radius_map(), settings=SETTINGS, mode="robust")
    for _ in range(20):
        finder.find(frame(random, before, 10))
    assert finder.beginnings == 1
    recall, precision = agreement(finder, robust, [frame(random, after, 40) for _ in range(5)])
    assert finder.beginnings == 2
    assert recall > 0.95
    assert precision > 0.95


def test_after_forgetting_the_next_frame_counts_as_a_first_one() -> None:
    random = np.random.default_rng(4)
    finder = PeakFinder(radius_map(), settings=SETTINGS, mode="fast")
    robust = PeakFinder(radius_map(), settings=SETTINGS, mode="robust")
    for _ in range(5):
        finder.find(frame(random, 3.0, 10))
    finder.forget()
    one = frame(random, 3.5, 40)
    for got, wanted in zip(finder.find(one), robust.find(one), strict=True):
        np.testing.assert_array_equal(got, wanted)


def test_bright_pixels_that_are_masked_cost_nothing_but_time() -> None:
    random = np.random.default_rng(5)
    mask = np.ones(SHAPE, bool)
    mask[:, 100:110] = mask[50:60] = False
    finder = PeakFinder(radius_map(), mask=mask, settings=SETTINGS, mode="fast")
    robust = PeakFinder(radius_map(), mask=mask, settings=SETTINGS, mode="robust")
    frames = [np.where(mask, frame(random, 3.0, 40), 65535).astype(np.uint16) for _ in range(20)]
    recall, precision = agreement(finder, robust, frames)
    assert recall > 0.97
    assert precision > 0.97
    assert finder.beginnings == 1
