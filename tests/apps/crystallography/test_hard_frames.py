"""Frames that searches of this kind stumble over: sparse photons, NaN and infinity, gaps, many peaks."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from beamloom.apps.crystallography import PeakFinder, PeakSettings, find_peaks

Array = np.ndarray[Any, np.dtype[Any]]
SIZE = 256
SETTINGS: dict[str, Any] = {
    "adc_threshold": 3.0,
    "minimum_snr": 5.0,
    "min_pixel_count": 2,
    "max_pixel_count": 40,
    "local_bg_radius": 3,
    "max_num_peaks": 1000,
}
SPOTS = [(row, column) for row in range(20, SIZE, 40) for column in range(20, SIZE, 40)]


def radius_map(size: int = SIZE) -> Array:
    y, x = np.ogrid[:size, :size]
    radius: Array = np.hypot(y - size / 2, x - size / 2).astype(np.float32)
    return radius


def frame_with_spots(level: float, dtype: str = "uint16", height: int = 60) -> Array:
    image = np.random.default_rng(4).poisson(level, (SIZE, SIZE)).astype(np.float64)
    for row, column in SPOTS:
        image[row : row + 2, column : column + 2] += height
    return image.astype(dtype)


def centres(found: Any) -> set[tuple[int, int]]:
    return {(int(ss), int(fs)) for ss, fs in zip(found.ss, found.fs, strict=True)}


@pytest.mark.parametrize("level", [0.0, 1e-4, 1e-3, 1e-2, 0.1])
@pytest.mark.parametrize("adc", [0.0, 3.0])
@pytest.mark.parametrize("mode", ["robust", "fast"])
def test_every_spot_is_found_on_sparse_photons(level: float, adc: float, mode: Any) -> None:
    finder = PeakFinder(radius_map(), settings=PeakSettings(**{**SETTINGS, "adc_threshold": adc}), mode=mode)
    for _ in range(3):
        found = finder.find(frame_with_spots(level))
        assert centres(found) >= set(SPOTS)
        assert len(found.fs) - len(SPOTS) <= 2


def test_exact_mode_is_blind_there_as_its_model_is() -> None:
    found = find_peaks(frame_with_spots(1e-4), radius=radius_map(), **{**SETTINGS, "adc_threshold": 0.0})
    assert len(found.fs) < len(SPOTS) / 4


def test_sparse_photons_in_floats_need_the_size_of_a_photon() -> None:
    frame = frame_with_spots(1e-3, "float32") * np.float32(9.5)
    found = find_peaks(
        frame,
        radius=radius_map(),
        **{**SETTINGS, "adc_threshold": 0.0, "min_pixel_count": 1},
        mode="robust",
        adu_per_photon=9.5,
    )
    assert centres(found) == set(SPOTS)


@pytest.mark.parametrize("mode", ["exact", "robust", "fast"])
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_pixels_that_are_no_numbers_are_ignored(mode: Any, bad: float) -> None:
    frame = frame_with_spots(3.0, "float32")
    where = np.random.default_rng(5).integers(0, SIZE, (2, 500))
    mask = np.ones(frame.shape, bool)
    mask[*where] = False
    broken = frame.copy()
    broken[*where] = bad
    wanted = PeakFinder(radius_map(), mask=mask, settings=PeakSettings(**SETTINGS), mode=mode)
    finder = PeakFinder(radius_map(), settings=PeakSettings(**SETTINGS), mode=mode)
    for _ in range(2):
        for got, expected in zip(finder.find(broken), wanted.find(frame), strict=True):
            np.testing.assert_allclose(got, expected, rtol=1e-6)


def test_a_frame_of_nothing_but_infinity_has_no_peaks() -> None:
    for value in (np.inf, np.nan):
        frame = np.full((SIZE, SIZE), value, np.float32)
        assert len(find_peaks(frame, radius=radius_map(), **SETTINGS).fs) == 0


def test_panels_of_any_size_with_gaps_are_searched_each_for_itself() -> None:
    frame = frame_with_spots(2.0)
    panels = [(0, 99, 0, 70), (103, 255, 0, 70), (0, 255, 75, 255)]
    found = find_peaks(frame, radius=radius_map(), panels=panels, **SETTINGS)
    inside = {
        (row, column)
        for row, column in SPOTS
        for top, bottom, left, right in panels
        if top <= row and row + 1 <= bottom and left <= column and column + 1 <= right
    }
    assert centres(found) == inside
    frame[100:103, :71] = 60000
    again = find_peaks(frame, radius=radius_map(), panels=panels, **SETTINGS)
    np.testing.assert_array_equal(again.intensity, found.intensity)


def test_peaks_come_panel_by_panel() -> None:
    found = find_peaks(
        frame_with_spots(2.0), radius=radius_map(), panels=[(0, 255, 128, 255), (0, 255, 0, 127)], **SETTINGS
    )
    assert list(found.fs >= 128) == sorted(found.fs >= 128)
    rows = found.ss[found.fs < 128].astype(int)
    assert list(rows) == sorted(rows)


def test_of_too_many_peaks_robust_mode_keeps_the_strongest_and_exact_mode_the_first() -> None:
    frame = np.random.default_rng(6).poisson(2.0, (SIZE, SIZE)).astype(np.uint16)
    for index, (row, column) in enumerate(SPOTS):
        frame[row : row + 2, column : column + 2] += 50 + 10 * index
    few = {**SETTINGS, "max_num_peaks": 5}
    first = find_peaks(frame, radius=radius_map(), **few, mode="exact")
    strongest = find_peaks(frame, radius=radius_map(), **few, mode="robust")
    assert centres(first) == set(SPOTS[:5])
    assert centres(strongest) == set(SPOTS[-5:])


@pytest.mark.parametrize("dtype", ["uint32", "int64", "float64", ">u2", "float16"])
def test_frames_of_every_type_of_number_are_searched(dtype: str) -> None:
    frame = frame_with_spots(2.0)
    small = {**SETTINGS, "max_num_peaks": 100}
    expected = find_peaks(frame, radius=radius_map(), **small)
    found = find_peaks(frame.astype(dtype), radius=radius_map(), **small)
    for got, wanted in zip(found, expected, strict=True):
        np.testing.assert_allclose(got, wanted, rtol=1e-6)


def test_a_frame_that_is_not_contiguous_or_not_writable_is_searched() -> None:
    frame = frame_with_spots(2.0)
    expected = find_peaks(frame, radius=radius_map(), **SETTINGS)
    wide = np.zeros((SIZE, 2 * SIZE), np.uint16)
    wide[:, ::2] = frame
    frozen = np.frombuffer(frame.tobytes(), np.uint16).reshape(frame.shape)
    for other in (wide[:, ::2], frozen):
        np.testing.assert_array_equal(find_peaks(other, radius=radius_map(), **SETTINGS).fs, expected.fs)


def test_a_mask_that_was_changed_in_place_is_seen() -> None:
    frame, mask = frame_with_spots(2.0), np.ones((SIZE, SIZE), np.int8)
    assert len(find_peaks(frame, radius=radius_map(), mask=mask, **SETTINGS).fs) == len(SPOTS)
    mask[:128] = 0
    found = find_peaks(frame, radius=radius_map(), mask=mask, **SETTINGS)
    assert np.all(found.ss >= 128)


def test_settings_are_changed_between_two_frames() -> None:
    for mode in ("exact", "robust", "fast"):
        finder = PeakFinder(radius_map(), settings=PeakSettings(**SETTINGS), mode=mode)
        frame = frame_with_spots(2.0)
        assert len(finder.find(frame).fs) == len(SPOTS)
        finder.settings = PeakSettings(**{**SETTINGS, "adc_threshold": 1000.0})
        assert len(finder.find(frame).fs) == 0
        finder.settings = PeakSettings(**SETTINGS)
        assert len(finder.find(frame).fs) == len(SPOTS)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"frame": np.zeros((4, 4))}, "the frame has the shape"),
        ({"frame": np.zeros((SIZE, SIZE), complex)}, "frames of complex128 are not searched"),
        ({"mask": np.ones((4, 4))}, "mask has the shape"),
        ({"radius": -radius_map()}, "negative"),
        ({"radius": np.zeros(5)}, "radius has the shape"),
        ({"panels": [(0, 256, 0, 255)]}, "does not lie in a frame"),
        ({"panels": [(0, 100, 0, 255), (100, 255, 0, 255)]}, "overlaps another"),
        ({"panels": [(0, 100, 0)]}, "panels is a list of"),
        ({"adc_threshold": np.nan}, "adc_threshold is nan"),
        ({"min_pixel_count": -1}, "min_pixel_count is -1"),
        ({"max_pixel_count": 1}, "exchange them"),
        ({"mode": "quick"}, "there is no mode 'quick'"),
        ({"adu_per_photon": 0.0}, "adu_per_photon is 0.0"),
    ],
)
def test_what_cannot_be_searched_is_refused_in_words(change: dict[str, Any], said: str) -> None:
    given = {"frame": frame_with_spots(1.0), "radius": radius_map(), **SETTINGS, **change}
    with pytest.raises(ValueError, match=said):
        find_peaks(given.pop("frame"), **given)
