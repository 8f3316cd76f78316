"""The score of a pixel is a z-score: its noise is 1 in any light, so that the threshold says how many false spots come."""

from __future__ import annotations

import math

import numpy as np
import pytest

from apps.localization.series import EMCCD, isolated, paired
from beamloom.apps.localization import Camera, Settings, Simulation, localize
from beamloom.apps.localization.detection import candidates, local_maxima, z_scores


@pytest.mark.parametrize("background", [2.0, 20.0, 500.0])
@pytest.mark.parametrize("camera", [Camera(), Camera(read_noise=5), EMCCD], ids=["sCMOS", "noisy", "EMCCD"])
def test_noise_scores_with_a_standard_deviation_of_one(camera: Camera, background: float) -> None:
    empty = Simulation(seed=4, frames=4, shape=(256, 256), molecules=0, background=background, camera=camera)
    electrons = camera.electrons(empty.stack())
    scores = np.stack([z_scores(frame, None, empty.settings()) for frame in electrons])
    assert scores.std() == pytest.approx(1, abs=0.03)
    assert scores.mean() == pytest.approx(0, abs=0.03)
    border = np.concatenate([scores[:, :2].ravel(), scores[:, -2:].ravel(), scores[:, :, -1].ravel()])
    assert border.std() == pytest.approx(1, abs=0.06), "mirrored pixels are not counted as they count"


def test_above_a_threshold_lie_as_many_noise_pixels_as_the_normal_distribution_says() -> None:
    empty = Simulation(seed=5, frames=8, shape=(256, 256), molecules=0, background=100)
    electrons = empty.camera.electrons(empty.stack())
    scores = np.stack([z_scores(frame, None, empty.settings()) for frame in electrons])
    for threshold in (2.0, 3.0):
        wanted = 0.5 * math.erfc(threshold / math.sqrt(2)) * scores.size
        assert np.count_nonzero(scores > threshold) == pytest.approx(wanted, rel=0.25)


def test_slopes_of_light_are_no_spots() -> None:
    light = np.add.outer(np.linspace(5, 300, 128), np.linspace(0, 100, 128)).astype(np.float32)
    scores = z_scores(light, None, Settings())
    assert np.abs(scores[12:-12, 12:-12]).max() < 0.05


def test_spots_of_few_photons_are_found_and_little_else() -> None:
    simulation = isolated(300, 5)
    table = localize(simulation.stack(), simulation.settings(threshold=5.0))
    rows, _ = paired(table, simulation, within=150)
    assert len(rows) > 0.999 * 25 * 121
    assert len(table) - len(rows) < 25


def test_what_always_shines_is_background_where_a_median_over_frames_is_taken() -> None:
    fixed = isolated(800, 5).expected(0) - 5
    simulation = Simulation(seed=6, frames=60, shape=(180, 180), background=5, lit=0.02, photons=1500)
    stack = simulation.stack() + np.random.default_rng(1).poisson(fixed, (60, 180, 180)).astype(np.uint16)
    alone = localize(stack, simulation.settings())
    against = localize(stack, simulation.settings(background=20))
    assert len(alone) > 60 * 100
    blinks = sum(len(simulation.truth(index).x) for index in range(60))
    assert len(against) < 1.1 * blinks + 60
    rows, _ = paired(against, simulation, within=150)
    assert len(rows) > 0.7 * blinks


def test_of_two_equal_pixels_the_first_is_the_candidate() -> None:
    scores = np.zeros((9, 9), np.float32)
    scores[4, 4] = scores[4, 5] = scores[5, 4] = 7
    rows, columns = local_maxima(scores, 5.0, 3)
    assert (rows.tolist(), columns.tolist()) == ([4], [4])
    scores[0, 8] = 6
    found = candidates(scores, Settings(threshold=5.0))
    assert list(zip(found.rows, found.columns, found.scores, strict=True)) == [(0, 8, 6), (4, 4, 7)]
