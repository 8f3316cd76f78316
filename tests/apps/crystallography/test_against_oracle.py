"""Whatever the frame: the kernels find what a plain search finds that was written without them."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from apps.crystallography.oracle import background, search
from beamloom.apps.crystallography import PeakFinder, PeakSettings
from beamloom.apps.crystallography.peaks import Mode

Array = np.ndarray[Any, np.dtype[Any]]
Panel = tuple[int, int, int, int]
SHAPES = [(24, 30), (24, 30), (1, 60), (50, 1), (3, 40)]
TYPES = ["uint16", "float32", "float32 noisy", "float64 noisy", "int16", "int32", "uint32"]


def cut(draw: st.DrawFn, length: int) -> list[tuple[int, int]]:
    """Intervals, both ends inclusive, with gaps between them or none."""
    ends = sorted(draw(st.sets(st.integers(0, length), min_size=2, max_size=4)))
    gap = draw(st.integers(0, 2))
    found = [(first, last - 1 - gap) for first, last in itertools.pairwise(ends)]
    return [(first, last) for first, last in found if first <= last] or [(0, length - 1)]


@st.composite
def frames(draw: st.DrawFn) -> tuple[Array, Array, Array, list[Panel], dict[str, Any]]:
    """Frame, mask, radius, panels and settings."""
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    shape = draw(st.sampled_from(SHAPES))
    level = draw(st.sampled_from([0.0, 0.01, 0.3, 3.0, 100.0]))
    image = random.poisson(level, shape).astype(np.float64)
    for _ in range(draw(st.integers(0, 8))):
        row, column = random.integers(0, shape[0]), random.integers(0, shape[1])
        height, width = random.integers(1, 4, 2)
        image[row : row + height, column : column + width] += random.integers(1, 300)
    kind = draw(st.sampled_from(TYPES))
    if kind.endswith("noisy"):
        image += random.normal(0, 1.5, shape) - draw(st.sampled_from([0.0, 20.0]))
        for value in draw(st.lists(st.sampled_from([np.nan, np.inf, -np.inf]), max_size=3)):
            image[random.integers(0, shape[0]), random.integers(0, shape[1])] = value
    elif kind.startswith("int"):
        image -= draw(st.sampled_from([0, 2, 150]))
    # What is in no float32 is not seen by OM either.
    frame = image.astype(np.float32).astype(kind.split()[0])
    mask = (random.random(shape) >= draw(st.sampled_from([0.0, 0.05, 0.5, 1.0]))).astype(np.int8)
    y, x = np.ogrid[: shape[0], : shape[1]]
    centre = draw(st.tuples(st.floats(-40, 40), st.floats(-40, 40)))
    radius = np.hypot(y - centre[0], x - centre[1]).astype(np.float32)
    match draw(st.sampled_from(["rings", "rings", "no order", "one", "holes"])):
        case "no order":
            radius = random.permutation(radius.reshape(-1)).reshape(shape)
        case "one":
            radius[...] = 7.5
        case "holes":
            radius[random.random(shape) < 0.2] = np.nan
    panels = [
        (top, bottom, left, right)
        for top, bottom in cut(draw, shape[0])
        for left, right in cut(draw, shape[1])
    ]
    least = draw(st.integers(0, 3))
    return (
        frame,
        mask,
        radius,
        panels,
        {
            "adc_threshold": draw(st.sampled_from([-1e9, 0.0, 1.5, 10.0])),
            "minimum_snr": draw(st.sampled_from([1.3, 4.1, 6.3])),
            "min_pixel_count": least,
            "max_pixel_count": least + draw(st.integers(0, 30)),
            "local_bg_radius": draw(st.sampled_from([0, 1, 2, 3, 40])),
            "max_num_peaks": draw(st.sampled_from([0, 1, 2, 1000])),
        },
    )


def covered(mask: Array, radius: Array, panels: list[Panel]) -> Array:
    """The mask of what is searched: pixels in panels, of known radius."""
    inside = np.zeros(mask.shape, bool)
    for top, bottom, left, right in panels:
        inside[top : bottom + 1, left : right + 1] = True
    return np.where(inside & np.isfinite(radius), mask, 0)


def compare(
    case: tuple[Array, Array, Array, list[Panel], dict[str, Any]],
    mode: Mode,
    photon: float | None,
    repeat: int,
) -> None:
    frame, mask, radius, panels, wanted = case
    finder = PeakFinder(
        radius,
        mask=mask,
        panels=panels,
        settings=PeakSettings(**wanted, adu_per_photon=photon),
        mode=mode,
    )
    searched, rings = covered(mask, radius, panels), np.nan_to_num(radius)
    everything = search(frame, searched, rings, panels, **{**wanted, "max_num_peaks": 10_000}, photon=photon)
    if photon is not None and 0 < wanted["max_num_peaks"] < len(everything):
        kept, dropped = sorted((peak[2] for peak in everything), reverse=True)[
            wanted["max_num_peaks"] - 1 : wanted["max_num_peaks"] + 1
        ]
        # Which of two equal peaks is stronger is a matter of rounding.
        assume(kept - dropped > 1e-6 * abs(kept))
    expected = search(frame, searched, rings, panels, **wanted, photon=photon)
    # The second time the cores were chosen by an equal frame, the third time by a very different one.
    for earlier in (None, frame, np.zeros_like(frame))[:repeat]:
        if earlier is not None:
            finder.find(earlier)
        found = finder.find(frame)
        assert len(found.fs) == len(expected)
        for name, field, values in zip(found._fields, found, zip(*expected, strict=True), strict=False):
            np.testing.assert_allclose(field, values, rtol=1e-4, atol=1e-4, err_msg=name)


@given(frames())
@settings(max_examples=80)
def test_robust_mode_finds_what_a_plain_search_finds(case: Any) -> None:
    compare(case, "robust", 1.0, 3)


@given(frames())
@settings(max_examples=80)
def test_exact_mode_finds_what_a_plain_search_finds(case: Any) -> None:
    compare(case, "exact", None, 3)


@given(frames())
@settings(max_examples=30)
def test_fast_mode_begins_with_what_robust_mode_finds(case: Any) -> None:
    compare(case, "fast", 1.0, 1)


@given(frames())
@settings(max_examples=30)
def test_no_bin_is_blind_in_robust_mode(case: Any) -> None:
    frame, mask, radius, panels, wanted = case
    finder = PeakFinder(
        radius, mask=mask, panels=panels, settings=PeakSettings(**wanted, adu_per_photon=1.0), mode="robust"
    )
    states = finder.thresholds(frame)
    searched = covered(mask, radius, panels)
    offsets, thresholds = background(
        frame, searched, np.nan_to_num(radius), wanted["minimum_snr"], wanted["adc_threshold"], 1.0
    )
    usable = (searched != 0) & np.isfinite(frame)
    rings = np.rint(radius[usable]).astype(int)
    np.testing.assert_allclose(states[rings, 0], offsets[usable], rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(states[rings, 3], thresholds[usable], rtol=1e-6, atol=1e-6)
    highest = np.max(frame[usable].astype(np.float64), initial=0.0)
    limit = max(
        wanted["adc_threshold"],
        highest + wanted["minimum_snr"] * max(0.5, np.ptp(np.append(frame[usable], 0.0))),
    )
    assert np.all(states[rings, 3] <= limit)
