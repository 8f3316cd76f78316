"""Drift is found, blinks become molecules, and images have what they show."""

from __future__ import annotations

import numpy as np
import pytest

from apps.localization.series import isolated
from beamloom.apps.localization import (
    LOCALIZATION,
    Simulation,
    blurred,
    counted,
    drift_of,
    frame_extent,
    in_order,
    linked,
    localize,
    molecules,
    undrifted,
)

SIMULATION = Simulation(
    seed=9, frames=400, shape=(96, 96), molecules=240, photons=2000, drift=(160.0, -90.0), lit=0.02
)


@pytest.fixture(scope="module")
def table() -> np.ndarray:
    return localize(SIMULATION.stack(), SIMULATION.settings())


def test_drift_is_found_to_a_few_nanometres_and_taken_off(table: np.ndarray) -> None:
    truth = np.array([SIMULATION.drift_at(index) for index in range(SIMULATION.frames)])
    found = drift_of(table, segments=8)
    assert found.shape == (400, 2)
    off = (found - found.mean(axis=0)) - (truth - truth.mean(axis=0))
    assert np.sqrt((off**2).mean()) < 4
    assert np.abs(off).max() < 15
    # What drift had spread is together again, so that the image has its light in fewer pixels.
    extent = frame_extent(SIMULATION.shape, 100)
    sharpness = [
        (counted(one, extent, 20).astype(float) ** 2).sum() for one in (table, undrifted(table, found))
    ]
    assert sharpness[1] > 1.3 * sharpness[0]


def test_a_series_too_short_for_its_segments_is_refused(table: np.ndarray) -> None:
    with pytest.raises(ValueError, match="400 frames in 500 segments do not tell a drift"):
        drift_of(table, segments=500)
    with pytest.raises(ValueError, match="give fewer segments"):
        drift_of(table[table["frame"] % 100 < 2], segments=50)
    with pytest.raises(ValueError, match="do not tell a drift"):
        drift_of(table[:0])


def test_blinks_become_molecules_with_all_their_photons() -> None:
    simulation = Simulation(seed=2, frames=200, pattern="grid", shape=(128, 128), lit=0.1, blink=4)
    table = localize(simulation.stack(), simulation.settings(threshold=6))
    found = molecules(table, linked(table, reach=80, dark=0))
    lit = np.zeros((200, len(simulation.places)), bool)
    for frame in range(200):
        lit[frame, simulation.truth(frame).molecule] = True
    starts = np.argwhere(lit & ~np.vstack([np.zeros(len(lit[0]), bool), lit[:-1]]))
    assert len(found) == pytest.approx(len(starts), rel=0.02)
    lengths = []
    for frame, molecule in starts:
        dark_again = np.flatnonzero(~lit[frame:, molecule])
        lengths.append(int(dark_again[0]) if len(dark_again) else 200 - frame)
    assert found["count"].mean() == pytest.approx(np.mean(lengths), rel=0.03)
    assert found["photons"].sum() == pytest.approx(1000 * lit.sum(), rel=0.03)
    assert np.array_equal(found["last_frame"] - found["frame"] + 1, found["count"])
    distance = np.hypot(*(np.stack([found["x"], found["y"]])[:, :, None] - simulation.places.T[:, None, :]))
    off = distance.min(axis=1)
    told = np.hypot(found["crlb_x"], found["crlb_y"])
    assert np.sqrt((off**2).mean()) == pytest.approx(np.sqrt((told**2).mean()), rel=0.1)
    assert found["crlb_x"][found["count"] >= 4].mean() < 0.6 * table["crlb_x"].mean()


def rows(*places: tuple[int, float, float]) -> np.ndarray:
    table = np.zeros(len(places), LOCALIZATION)
    for row, (frame, x, y) in zip(table, places, strict=True):
        row["frame"], row["x"], row["y"] = frame, x, y
        row["crlb_x"] = row["crlb_y"] = 10
    return table


def test_a_link_goes_over_dark_frames_that_are_allowed_and_over_no_more() -> None:
    table = rows((0, 0, 0), (2, 10, 0), (5, 10, 10))
    assert linked(table, reach=20, dark=0).tolist() == [0, 1, 2]
    assert linked(table, reach=20, dark=1).tolist() == [0, 0, 1]
    assert linked(table, reach=20, dark=2).tolist() == [0, 0, 0]
    assert linked(table, reach=9, dark=2).tolist() == [0, 1, 2]


def test_a_track_goes_on_with_the_nearest_of_two() -> None:
    table = rows((0, 0, 0), (1, 15, 0), (1, 5, 0), (2, 14, 0), (2, 6, 0))
    assert linked(table, reach=20).tolist() == [0, 1, 0, 1, 0]


def test_a_table_in_another_order_is_not_linked() -> None:
    with pytest.raises(ValueError, match="not in the order of its frames"):
        linked(rows((3, 0, 0), (1, 0, 0)))
    assert linked(in_order([rows((3, 0, 0), (1, 90, 0))])).tolist() == [0, 1]
    assert len(molecules(rows(), linked(rows()))) == 0


def test_images_count_and_keep_the_light_of_what_lies_in_them() -> None:
    simulation = isolated(1000, 10)
    table = localize(simulation.stack(0, 2), simulation.settings())
    extent = frame_extent(simulation.shape, 100)
    assert extent == (-50, 17950, -50, 17950)
    image = counted(table, extent, 50)
    assert image.shape == (360, 360)
    assert image.sum() == len(table)
    row = table[0]
    assert image[int((row["y"] + 50) // 50), int((row["x"] + 50) // 50)] >= 1
    soft = blurred(table, extent, 25, least=20)
    assert soft.shape == (720, 720)
    assert soft.sum() == pytest.approx(len(table), rel=1e-6)
    with pytest.raises(ValueError, match="has no pixels"):
        counted(table, (0, 0, 0, 10), 1)


def test_a_gaussian_is_as_wide_as_its_bound_and_in_its_place() -> None:
    table = rows((0, 500.0, 300.0))
    table["crlb_x"], table["crlb_y"] = 40, 80
    image = blurred(table, (0, 1000, 0, 1000), 10)
    at = np.arange(100) * 10 + 5
    across, down = image.sum(axis=0), image.sum(axis=1)
    for profile, centre, width in ((across, 500, 40), (down, 300, 80)):
        assert (profile * at).sum() == pytest.approx(centre, abs=0.5)
        assert np.sqrt((profile * (at - centre) ** 2).sum()) == pytest.approx(width, rel=0.02)
    far = rows((0, 1e9, -1e9), (0, 5, 5))
    far["crlb_x"][1] = np.inf
    assert blurred(far, (0, 100, 0, 100), 10).sum() == 0
