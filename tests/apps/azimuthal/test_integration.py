"""Patterns, cakes and clipped patterns are those of pyFAI."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest

from beamloom import UserError
from beamloom.apps.azimuthal import Geometry, Integrator, SigmaClip, Simulation
from beamloom.apps.azimuthal.geometry import integrator_of, options_of
from beamloom.apps.azimuthal.spread import spread_of

SHAPE = (120, 130)
TILTED = Simulation(shape=SHAPE).poni.replace("Rot1: 0.0", "Rot1: 0.1").replace("Rot2: 0.0", "Rot2: -0.05")
RANDOM = np.random.default_rng(3)
FRAME = RANDOM.poisson(20, SHAPE).astype(np.uint16) + np.uint16(1)
CONFIGURATIONS: dict[str, dict[str, Any]] = {
    "few bins": {"bins": 60},
    "more bins than pixels": {"bins": 400},
    "mask and polarisation": {"bins": 60, "mask": RANDOM.random(SHAPE) < 0.05, "polarization": 0.9},
    "part of the rings": {"bins": 60, "unit": "2th_deg", "azimuth_range": (-50.0, 110.0)},
    "no solid angle": {"bins": 60, "unit": "r_mm", "solid_angle": False},
    "part of the radius": {"bins": 50, "radial_range": (0.5, 1.0), "polarization": -0.5},
}


@pytest.mark.parametrize(
    ("splitting", "name"),
    [
        *[("bbox", name) for name in CONFIGURATIONS],
        *[("no", name) for name in ("mask and polarisation", "part of the rings")],
        *[("full", name) for name in ("few bins", "part of the radius")],
    ],
)
def test_patterns_and_their_errors_are_those_of_pyfai(splitting: Any, name: str) -> None:
    geometry = Geometry(TILTED, splitting=splitting, **CONFIGURATIONS[name])
    theirs = integrator_of(geometry).integrate1d(
        FRAME, geometry.bins, error_model="poisson", **options_of(geometry)
    )
    integrator = Integrator(geometry, SHAPE)
    mine = integrator.integrate(FRAME, errors=True)
    seen = theirs.sum_normalization > 0
    assert np.array_equal(np.isfinite(mine.intensity), seen)
    np.testing.assert_allclose(integrator.weights.radial, theirs.radial, rtol=1e-6)
    np.testing.assert_allclose(mine.intensity[seen], theirs.intensity[seen], rtol=1e-5)
    assert mine.sigma is not None
    np.testing.assert_allclose(mine.sigma[seen], theirs.sem[seen], rtol=1e-5)


@pytest.mark.parametrize("dtype", ["uint32", "int32", "float32", ">u2", "uint64", "int64"])
def test_frames_of_all_types_give_the_same(dtype: str) -> None:
    for splitting in ("no", "bbox"):
        integrator = Integrator(Geometry(TILTED, bins=60, splitting=splitting), SHAPE)
        wanted = integrator.integrate(FRAME).intensity
        np.testing.assert_allclose(integrator.integrate(FRAME.astype(dtype)).intensity, wanted, rtol=1e-12)


@pytest.mark.parametrize("splitting", ["no", "full"])
def test_cakes_are_those_of_pyfai(splitting: Any) -> None:
    geometry = Geometry(TILTED, bins=40, splitting=splitting, polarization=0.95)
    theirs = integrator_of(geometry).integrate2d(FRAME, 40, 36, **options_of(geometry))
    integrator = Integrator(geometry, SHAPE, azimuths=36)
    mine = integrator.integrate(FRAME).intensity
    seen = theirs.sum_normalization > 0
    assert mine.shape == (36, 40)
    assert np.array_equal(np.isfinite(mine), seen)
    np.testing.assert_allclose(mine[seen], theirs.intensity[seen], rtol=1e-5)
    assert integrator.weights.azimuth is not None
    np.testing.assert_allclose(integrator.weights.azimuth, theirs.azimuthal, rtol=1e-6)


def test_clipped_patterns_are_those_of_pyfai() -> None:
    frame = FRAME.copy()
    frame.flat[RANDOM.integers(0, frame.size, frame.size // 30)] = 900
    geometry = Geometry(TILTED, bins=60)
    options = {name: one for name, one in options_of(geometry).items() if name != "method"}
    theirs = integrator_of(geometry).sigma_clip(
        frame, 60, error_model="azimuthal", thres=3.0, max_iter=5, **options
    )
    clip = SigmaClip(geometry, SHAPE, sigmas=3.0, rounds=5)
    mine = clip.integrate(frame)
    seen = theirs.count > 0
    assert np.array_equal(mine.counts[seen], theirs.count[seen])
    np.testing.assert_allclose(mine.intensity[seen], theirs.intensity[seen], rtol=1e-5)
    np.testing.assert_allclose(mine.deviation[seen], theirs.std[seen], rtol=5e-3)
    plain = Integrator(geometry, SHAPE).integrate(frame).intensity
    assert (mine.intensity[seen] < plain[seen]).mean() > 0.9


@pytest.mark.parametrize("splitting", ["no", "bbox"])
@pytest.mark.parametrize("bins", [60, 400])
def test_pixels_without_a_value_count_neither_above_nor_below_the_line(splitting: Any, bins: int) -> None:
    """As if they had been masked: what a detector marks in each frame anew, the mask of the geometry cannot know."""
    bad = RANDOM.random(SHAPE) < 0.1
    # The range is given, as pyFAI finds it from the pixels that are not masked.
    geometry = Geometry(TILTED, bins=bins, splitting=splitting, radial_range=(0.2, 1.6))
    wanted = Integrator(dataclasses.replace(geometry, mask=bad), SHAPE).integrate(FRAME).intensity
    marked = Integrator(geometry, SHAPE)
    frames = {
        "unsigned": np.where(bad, np.uint16(65535), FRAME),
        "signed": np.where(bad, -1, FRAME.astype(np.int32)),
        "real": np.where(bad, np.float32(np.nan), FRAME.astype(np.float32)),
    }
    for name, frame in frames.items():
        np.testing.assert_allclose(marked.integrate(frame).intensity, wanted, rtol=1e-5, err_msg=name)


def test_a_range_of_valid_values_leaves_out_the_others() -> None:
    frame = FRAME.copy()
    frame[40:50] = 5000
    geometry = Geometry(TILTED, bins=60)
    mask = np.zeros(SHAPE, bool)
    mask[40:50] = True
    wanted = Integrator(Geometry(TILTED, bins=60, mask=mask), SHAPE).integrate(FRAME).intensity
    found = Integrator(geometry, SHAPE, valid=(0, 4999)).integrate(frame).intensity
    np.testing.assert_allclose(found, wanted, rtol=1e-5)


def test_pixels_are_taken_in_their_order_where_bins_are_wide_and_by_bins_where_they_are_narrow() -> None:
    wide, narrow = (Integrator(Geometry(TILTED, bins=bins), SHAPE).weights for bins in (60, 400))
    assert spread_of(wide) is not None
    assert spread_of(narrow) is None


@pytest.mark.parametrize(
    ("poni", "geometry", "says"),
    [
        ("Distance: 0.1", {}, "content of a .poni file"),
        (TILTED.replace("Distance: 0.03", "Distance: far"), {}, "pyFAI does not read this .poni file"),
        (TILTED.replace("Wavelength", "Colour"), {}, "no wavelength"),
        (TILTED, {"radial_range": (50.0, 60.0)}, "no pixel lies within the ranges"),
        (TILTED, {"mask": np.zeros((3, 3), bool)}, "the mask has the shape"),
    ],
)
def test_what_cannot_be_integrated_is_refused_with_a_sentence(
    poni: str, geometry: dict[str, Any], says: str
) -> None:
    with pytest.raises(UserError, match=says):
        Integrator(Geometry(poni, **geometry), SHAPE)


def test_frames_of_another_detector_are_refused_with_a_sentence() -> None:
    with pytest.raises(UserError, match="a detector of 120 x 130 pixels"):
        Integrator(Geometry(TILTED), (100, 130))
    integrator = Integrator(Geometry(TILTED, bins=60), SHAPE)
    with pytest.raises(UserError, match=r"the shape \(120, 130\)"):
        integrator.integrate(FRAME[:-1])
    with pytest.raises(UserError, match="frames of complex128"):
        integrator.integrate(FRAME.astype(complex))
