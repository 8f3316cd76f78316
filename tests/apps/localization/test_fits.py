"""Fits reach the Cramér-Rao bound, and say what it is."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from apps.localization.series import EMCCD, isolated, paired
from beamloom.apps.localization import Camera, Settings, Status, localize
from beamloom.apps.localization.localizing import localize_at

CASES = [(300, 10, Camera()), (1000, 10, Camera()), (3000, 50, Camera()), (2000, 10, EMCCD)]
NAMES = ["300 photons", "1000 photons", "3000 photons", "EMCCD"]


@pytest.mark.parametrize(("photons", "background", "camera"), CASES, ids=NAMES)
def test_errors_are_at_most_a_twentieth_above_the_bound(
    photons: float, background: float, camera: Camera
) -> None:
    simulation = isolated(photons, background, camera)
    table = localize(simulation.stack(), simulation.settings())
    rows, places = paired(table, simulation)
    assert len(rows) > 0.999 * simulation.frames * 121
    off = np.column_stack([rows["x"], rows["y"]]) - places
    bound = np.column_stack([rows["crlb_x"], rows["crlb_y"]])
    rms, least = np.sqrt((off**2).mean()), np.sqrt((bound**2).mean())
    assert rms <= 1.05 * least
    assert rms >= 0.95 * least, "better than possible: the bound is wrong"
    assert np.abs(off.mean(axis=0)).max() < 4 * rms / math.sqrt(len(off))
    assert rows["photons"].mean() == pytest.approx(photons, rel=0.02)
    assert rows["photons"].std() == pytest.approx(rows["crlb_photons"].mean(), rel=0.06)
    assert rows["bg"].mean() == pytest.approx(background, rel=0.02)
    assert rows["sigma"].mean() == pytest.approx(130, rel=0.01)
    assert (rows["status"] == Status.CONVERGED).mean() > 0.999
    assert (rows["glrt"] / rows["ndof"]).mean() == pytest.approx(1, abs=0.05)


def test_the_bound_is_that_of_the_likelihood_derived_by_differences() -> None:
    settings = Settings(half_size=5)
    variance = settings.camera.read_variance

    def model(x: float, y: float, photons: float, background: float, sigma: float) -> np.ndarray:
        def shares(centre: float) -> list[float]:
            edges = [math.erf((k - 0.5 - centre) / (math.sqrt(2) * sigma)) for k in range(12)]
            return [0.5 * (above - below) for below, above in itertools.pairwise(edges)]

        return photons * np.outer(shares(y), shares(x)) + background

    truth = np.array([5.2, 4.7, 800.0, 12.0, 1.35])
    image = model(*truth)
    row = localize_at(image.astype(np.float32), np.array([5]), np.array([5]), settings)[0]
    found = [row["x"] / 100, row["y"] / 100, row["photons"], row["bg"], row["sigma"] / 100]
    assert found == pytest.approx(truth, rel=2e-4)
    slopes = []
    for k in range(5):
        step = np.zeros(5)
        step[k] = 1e-4 * max(1.0, truth[k])
        slopes.append((model(*(truth + step)) - model(*(truth - step))) / (2 * step[k]))
    weights = 1 / (image + variance)
    information = np.array([[(one * other * weights).sum() for other in slopes] for one in slopes])
    bound = np.sqrt(np.diag(np.linalg.inv(information)))
    told = [row["crlb_x"], row["crlb_y"], row["crlb_photons"], row["crlb_bg"], row["crlb_sigma"]]
    assert np.array(told) * [0.01, 0.01, 1, 1, 0.01] == pytest.approx(bound, rel=1e-3)


def test_two_spots_in_one_square_do_not_look_like_a_good_fit() -> None:
    simulation = isolated(3000, 10)
    image = simulation.expected(0)
    both = image + np.roll(image - 10, 3, axis=1)
    electrons = np.random.default_rng(0).poisson(both).astype(np.float32)
    truth = simulation.truth(0)
    rows, columns = (np.rint(places / 100).astype(np.int64) for places in (truth.y, truth.x))
    settings = simulation.settings(camera=Camera(offset=0, read_noise=0))
    table = localize_at(electrons, rows, columns, settings)
    assert np.median(table["glrt"] / table["ndof"]) > 3


def test_light_without_a_spot_never_fails_and_is_told_as_not_converged_or_with_a_large_bound() -> None:
    random = np.random.default_rng(3)
    electrons = random.poisson(5, (60, 60)).astype(np.float32)
    places = random.integers(0, 60, (2, 300))
    table = localize_at(electrons, places[0], places[1], Settings())
    settled = table[table["status"] == Status.CONVERGED]
    assert len(settled) < len(table)
    assert (np.maximum(settled["crlb_x"], settled["photons"]) > 30).all()
    for name in ("x", "y", "photons", "bg", "sigma", "glrt"):
        assert np.isfinite(table[name]).all(), name


def test_darkness_and_one_bright_pixel_end_with_a_status() -> None:
    dark = np.zeros((30, 30), np.float32)
    spike = dark.copy()
    spike[15, 15] = 1e4
    negative = dark - 50
    for electrons in (dark, spike, negative):
        table = localize_at(electrons, np.array([15, 0, 29]), np.array([15, 0, 29]), Settings())
        assert np.isfinite(table["x"]).all()
        assert (table["iterations"] <= Settings().iterations).all()
        assert set(table["status"]) <= set(Status)
