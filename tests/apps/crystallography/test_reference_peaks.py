"""Exact mode finds what OM 23.8.3 finds, in the frames for which that is known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from apps.crystallography.reference import Case, big_case, edge_cases
from beamloom.apps.crystallography import PeakFinder, Peaks, PeakSettings, find_peaks

CORRECTED = {
    "stale_corner": "a hot pixel in the corner of a panel is not merged into the first peak",
    "stale_other_panel": "nor into the first one of another panel",
    "offset_20000_sd3": "a pedestal of 20,000 does not swallow a sigma of 3",
}
"""Edge cases in which OM is wrong, and what is right (docs/apps/crystallography.md)."""


@pytest.fixture(scope="module")
def folder(shared_data: Path) -> Path:
    return shared_data / "peakfinder8"


@pytest.fixture(scope="module")
def edges(folder: Path) -> dict[str, Case]:
    return edge_cases(folder)


def assert_equal(found: Peaks, case: Case, message: str = "") -> None:
    wanted = case.peaks
    assert len(found.fs) == len(wanted["fs"]), message
    np.testing.assert_array_equal(found.num_pixels, wanted["num_pixels"], message)
    np.testing.assert_array_equal(found.fs.astype(np.float32), wanted["fs"].astype(np.float32), message)
    np.testing.assert_array_equal(found.ss.astype(np.float32), wanted["ss"].astype(np.float32), message)
    for field in ("intensity", "max_pixel_intensity"):
        np.testing.assert_allclose(getattr(found, field), wanted[field], rtol=1e-5, err_msg=message)
    # The reference's sigma comes from sums of float32 squares, which a pedestal of 200 makes inexact.
    inexact = 2e-3 if message == "offset_200_sd3" else 2e-4
    np.testing.assert_allclose(found.snr, wanted["snr"], rtol=inexact, err_msg=message)


@pytest.mark.parametrize(
    "name", ["eiger4m_u16_hit", "eiger4m_u16_blank", "cspad_f32_hit", "jungfrau4m_f32_blank"]
)
def test_exact_mode_gives_the_reference_list(folder: Path, name: str) -> None:
    case = big_case(folder, name)
    found = find_peaks(
        case.frame, radius=case.radius, mask=case.mask, panels=case.panels, **case.settings, mode="exact"
    )
    assert_equal(found, case)


def test_exact_mode_gives_the_reference_lists_of_the_edge_cases(edges: dict[str, Case]) -> None:
    assert len(edges) == 44
    for name, case in edges.items():
        if name in CORRECTED:
            continue
        found = find_peaks(
            case.frame, radius=case.radius, mask=case.mask, panels=case.panels, **case.settings
        )
        assert_equal(found, case, name)


def test_a_far_pixel_is_not_merged_into_a_peak(edges: dict[str, Case]) -> None:
    case = edges["stale_corner"]
    found = find_peaks(case.frame, radius=case.radius, mask=case.mask, panels=case.panels, **case.settings)
    np.testing.assert_array_equal(found.num_pixels, [1])
    assert (found.fs[0], found.ss[0]) == (40, 40)
    case = edges["stale_other_panel"]
    found = find_peaks(case.frame, radius=case.radius, mask=case.mask, panels=case.panels, **case.settings)
    np.testing.assert_array_equal(found.num_pixels, [9, 1, 1])


def test_a_pedestal_does_not_hide_peaks(edges: dict[str, Case]) -> None:
    high, low = edges["offset_20000_sd3"], edges["offset_200_sd3"]
    found = find_peaks(high.frame, radius=high.radius, mask=high.mask, panels=high.panels, **high.settings)
    assert len(low.peaks["fs"]) == 2
    brightest = int(np.argmax(found.intensity))
    np.testing.assert_allclose((found.fs[brightest], found.ss[brightest]), (101, 101), atol=0.1)
    # float32 holds 20,000 to some 0.002.
    np.testing.assert_allclose(found.intensity[brightest], low.peaks["intensity"][1], rtol=0.01)


@pytest.mark.parametrize("mode", ["exact", "robust", "fast"])
def test_the_number_of_threads_does_not_matter(folder: Path, mode: str) -> None:
    case = big_case(folder, "cspad_f32_hit")
    settings = PeakSettings(**case.settings)
    found = []
    for threads in (1, 3):
        with PeakFinder(
            case.radius,
            mask=case.mask,
            panels=case.panels,
            settings=settings,
            mode=mode,  # type: ignore[arg-type]
            threads=threads,
        ) as finder:
            found.append([finder.find(case.frame) for _ in range(2)])
    for one, three in zip(*found, strict=True):
        for mine, other in zip(one, three, strict=True):
            np.testing.assert_array_equal(mine, other)


def test_the_order_in_which_panels_are_given_does_not_matter(folder: Path) -> None:
    case = big_case(folder, "cspad_f32_hit")
    found = find_peaks(
        case.frame, radius=case.radius, mask=case.mask, panels=case.panels[::-1], **case.settings
    )
    assert_equal(found, case)


def test_robust_mode_finds_the_same_where_no_bin_is_blind(folder: Path) -> None:
    case = big_case(folder, "eiger4m_u16_hit")
    settings = PeakSettings(**case.settings)
    finder = PeakFinder(case.radius, mask=case.mask, settings=settings, mode="robust")
    assert_equal(finder.find(case.frame), case)


def test_frames_before_do_not_change_what_exact_mode_finds(folder: Path) -> None:
    hit, blank = big_case(folder, "eiger4m_u16_hit"), big_case(folder, "eiger4m_u16_blank")
    finder = PeakFinder(hit.radius, mask=hit.mask, settings=PeakSettings(**hit.settings), mode="exact")
    assert_equal(finder.find(blank.frame), blank)
    assert_equal(finder.find(hit.frame), hit)
    assert_equal(finder.find(np.zeros_like(hit.frame)), blank)
    assert_equal(finder.find(hit.frame), hit)
