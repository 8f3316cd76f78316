"""Imaging statistics: the simulation's truth is found again, in whichever order frames come."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
import pytest

from apps.runs import analysed, assert_same, camera_events, parameters_of
from beamloom import UserError
from beamloom.apps.imaging import PhotonSimulation, Reducer, Simulation, Worker
from beamloom.apps.imaging.statistics import centre_of_mass

SIMULATION = Simulation(seed=3)
FRAMES = 30


def found(images: list[Any], **given: Any) -> dict[str, Any]:
    return analysed(Worker, Reducer, camera_events(images), parameters_of(Worker, **given))


def test_sum_mean_maximum_and_regions_are_those_of_numpy() -> None:
    images = [SIMULATION.frame(index) for index in range(FRAMES)]
    tree = found(images, regions=[[0, 0, 10, 20], [40, 50, 60, 9999]], variance=True)
    stack = np.array(images)
    assert np.array_equal(tree["sum"]["sum"], stack.sum(axis=0))
    assert np.array_equal(tree["maximum"]["maximum"], stack.max(axis=0))
    assert np.array_equal(tree["mean_frame"]["mean"], stack.sum(axis=0) / FRAMES)
    np.testing.assert_allclose(tree["mean"]["variance"], stack.var(axis=0, ddof=1), rtol=1e-9, atol=1e-9)
    assert np.array_equal(tree["regions"]["region_1"], stack[:, :10, :20].mean(axis=(1, 2)))
    assert np.array_equal(tree["regions"]["region_2"], stack[:, 40:60, 50:].mean(axis=(1, 2)))
    assert tree["regions"]["event"].tolist() == list(range(1, FRAMES + 1))
    assert np.array_equal(tree["brightness"]["mean"], stack.mean(axis=(1, 2)))
    assert np.array_equal(tree["last"]["value"], stack[-1])


def test_the_beam_is_found_where_it_is() -> None:
    tree = found([SIMULATION.frame(index) for index in range(FRAMES)])
    truth = np.array([SIMULATION.truth(index)[:2] for index in range(FRAMES)])
    centre = np.column_stack([tree["centre"]["centre_row"], tree["centre"]["centre_column"]])
    # The centre of n photons of a spot of that width is known to width / sqrt(n).
    error = np.abs(centre - truth).max()
    assert error < 5 * SIMULATION.width / np.sqrt(SIMULATION.counts * 0.8)


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int32", "float32"])
def test_a_centre_above_a_threshold_leaves_out_the_background(dtype: str) -> None:
    image = np.full((20, 30), 10, dtype)
    image[4, 7], image[4, 9] = 60, 110
    assert centre_of_mass(image, 10.0) == pytest.approx((4.0, (7 * 50 + 9 * 100) / 150))
    assert centre_of_mass(image, 10.5)[1] == pytest.approx((7 * 49.5 + 9 * 99.5) / 149)
    assert np.isnan(centre_of_mass(image, 200.0)).all()


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.uint16, np.bool_])
def test_a_threshold_that_pixels_cannot_reach_leaves_no_centre(dtype: type) -> None:
    image: np.ndarray[Any, Any] = np.ones((4, 5), dtype)
    assert np.isnan(centre_of_mass(image, 70_000.0)).all()


def test_a_threshold_below_zero_weighs_the_largest_pixel_right() -> None:
    image = np.full((4, 5), -200, np.int16)
    image[2, 1] = 32767
    assert centre_of_mass(image, -100.0) == (2.0, 1.0)


def test_the_order_of_frames_and_the_number_of_workers_change_nothing() -> None:
    photons = PhotonSimulation(seed=5)
    events = camera_events([photons.frame(index) for index in range(FRAMES)])
    given = parameters_of(
        Worker, photon_threshold=20, photon_offset=100, photon_subpixels=3, regions=[0, 0, 9, 9]
    )
    straight = analysed(Worker, Reducer, events, given)
    order = np.random.default_rng(1).permutation(len(events)).tolist()
    assert_same(analysed(Worker, Reducer, events, given, order=order, workers=3), straight)


def test_regions_that_are_none_and_two_cameras_say_what_to_do() -> None:
    images = [SIMULATION.frame(0)]
    with pytest.raises(UserError, match="four for each region"):
        found(images, regions=[1, 2, 3])
    with pytest.raises(UserError, match="9 regions; give 8 at most"):
        found(images, regions=[[0, 0, 1, 1]] * 9)
    with pytest.raises(UserError, match=r"\[5, 0, 5, 9\] is empty"):
        found(images, regions=[[5, 0, 5, 9]])
    (_, event, _) = camera_events(images)
    event.streams["other"] = event.streams["camera"]
    with pytest.raises(UserError, match="say by the parameter detector_stream"):
        Worker().process_event(event, parameters_of(Worker))


def test_without_numba_all_works_but_counting_photons_which_says_what_to_install() -> None:
    code = (
        "import sys; sys.modules['numba'] = None\n"
        "from beamloom.apps.imaging import Reducer, Worker\n"
        "print('there')\n"
        "from beamloom.apps.imaging import find_photons\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=50)
    assert "there" in done.stdout
    assert done.returncode == 1
    assert "pip install 'beamloom[imaging]'" in done.stderr
