"""The phantom is reconstructed from its projections, where it is and as much of it as there is."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest

from apps.runs import analysed, assert_same, parameters_of
from apps.tomography.scans import as_file, scan, settings
from beamloom import UserError
from beamloom.apps.tomography import Reducer, Simulation, Worker, centre_by_mass, centre_by_pair
from beamloom.apps.tomography.backprojection import weights_of
from beamloom.apps.tomography.correction import absorption, binned
from beamloom.apps.tomography.filtering import WINDOWS, filtered
from beamloom.apps.tomography.pictures import picture

Array = np.ndarray[Any, np.dtype[Any]]
SIMULATION = Simulation(seed=1)
ENCODER: dict[str, Any] = {"angle_scale": 1e-6}
BODY = SIMULATION.truth(32) > 0


@pytest.fixture(scope="module")
def tree() -> dict[str, Any]:
    return analysed(
        Worker, Reducer, scan(SIMULATION), parameters_of(Worker, **settings(SIMULATION, slice_y=5.0))
    )


def relative_error(image: Array, truth: Array) -> float:
    """The root mean square of the difference, in that of the truth."""
    return float(np.sqrt(np.mean((image - truth) ** 2) / np.mean(truth**2)))


def test_three_slices_are_those_of_the_phantom(tree: dict[str, Any]) -> None:
    across, along_x = (tree["slices"][name]["image"] for name in ("across", "along_x"))
    # Edges are blurred by the pixels, that is most of it: without noise it is 0.11 and 0.08.
    assert relative_error(across, SIMULATION.truth(32)) < 0.14
    assert relative_error(along_x, SIMULATION.truth_along_x(5.0)) < 0.10
    assert across[BODY].mean() == pytest.approx(SIMULATION.truth(32)[BODY].mean(), rel=0.02)
    along_y = tree["slices"]["along_y"]["image"]
    # The middle row of the slice over y is the middle column of the slice across.
    middle = across[:, [55, 56]].mean(axis=1)
    np.testing.assert_allclose(along_y[32], middle, atol=2e-3)
    assert tree["slices"]["across"]["x"][0] == -55.5


def test_what_has_rows_of_the_frame_is_shown_as_frames_are() -> None:
    image, places = np.zeros((3, 3)), np.arange(3)
    across, along, sinogram = (
        picture(image, (name, places), ("x", places), "", "") for name in ("y", "row", "event")
    )
    assert [one["_attrs"].get("y_down", False) for one in (across, along, sinogram)] == [False, True, False]
    # Events are no pixels, and a sinogram is not drawn as if they were.
    assert sinogram["event_attrs"] == {}
    assert sinogram["x_attrs"] == along["row_attrs"] == {"units": "pixel"}


def test_the_axis_and_the_angles_are_found(tree: dict[str, Any]) -> None:
    assert tree["axis"]["column"] == pytest.approx(SIMULATION.centre, abs=0.05)
    assert tree["axis"]["found_by"] == "mass"
    np.testing.assert_allclose(
        tree["angles"]["angle"], [SIMULATION.degrees(i) for i in range(180)], atol=1e-6
    )
    assert tree["sinogram"]["image"].shape == (180, 112)


def test_the_axis_is_found_by_two_projections_half_a_turn_apart() -> None:
    turned = dataclasses.replace(SIMULATION, frames=181, span=181.0)
    images = [filtered(turned.projection(degrees).astype(np.float32)) for degrees in (20.0, 200.0)]
    assert centre_by_pair(*images) == pytest.approx(SIMULATION.centre, abs=0.1)
    tree = analysed(
        Worker, Reducer, scan(turned), parameters_of(Worker, **settings(turned, centre_method="pair"))
    )
    assert tree["axis"]["column"] == pytest.approx(SIMULATION.centre, abs=0.1)
    assert tree["axis"]["found_by"] == "pair"


def test_too_little_of_a_turn_has_no_centre() -> None:
    angles = np.linspace(0, 0.5, 50)
    assert np.isnan(centre_by_mass(angles, np.full(50, 3.0), np.ones(50)))


def test_slices_get_better_as_projections_arrive_in_whichever_order() -> None:
    events, given = scan(SIMULATION), parameters_of(Worker, **settings(SIMULATION, centre=SIMULATION.centre))
    order = [0, *(1 + np.random.default_rng(2).permutation(180)).tolist()]
    errors = [
        relative_error(
            analysed(Worker, Reducer, events, given, order=order[:count])["slices"]["across"]["image"],
            SIMULATION.truth(32),
        )
        for count in (10, 30, 90, 181)
    ]
    assert errors == sorted(errors, reverse=True)
    assert errors[-1] < 0.14


def test_neither_the_order_nor_the_number_of_workers_changes_a_bit(tree: dict[str, Any]) -> None:
    events = scan(SIMULATION)
    order = [0, *(1 + np.random.default_rng(3).permutation(181)).tolist()]
    given = parameters_of(Worker, **settings(SIMULATION, slice_y=5.0))
    assert_same(analysed(Worker, Reducer, events, given, order=order, workers=3), tree)


def test_larger_pixels_give_the_same_slice_coarser() -> None:
    given = parameters_of(Worker, **settings(SIMULATION, slice_pixels=56))
    coarse = analysed(Worker, Reducer, scan(SIMULATION), given)
    assert coarse["axis"]["column"] == pytest.approx(SIMULATION.centre, abs=0.1)
    image = coarse["slices"]["across"]["image"]
    assert image.shape == (56, 56)
    truth = binned(SIMULATION.truth(32), 2)
    # The slice is of two rows.
    assert relative_error(image, truth) < 0.16
    assert image[truth > 0].mean() == pytest.approx(truth[truth > 0].mean(), rel=0.03)


def test_absorption_is_that_of_the_formula_and_survives_dead_pixels() -> None:
    frame, dark, flat = (
        np.array([[30, 110], [10, 60]], np.uint16),
        np.full((2, 2), 10.0),
        np.full((2, 2), 110.0),
    )
    np.testing.assert_allclose(
        absorption(frame, dark=dark, flat=flat), -np.log([[0.2, 1.0], [1e-6, 0.5]]), rtol=1e-6
    )


@pytest.mark.parametrize("window", WINDOWS)
def test_a_filtered_row_has_no_mean_and_windows_only_weaken(window: str) -> None:
    row = np.zeros((1, 64), np.float32)
    row[0, 30:34] = 1
    made = filtered(row, window)
    assert made.max() <= filtered(row, "ramp").max() * 1.0001
    # The ramp takes 0 at frequency 0: what falls outside of the row is missing here.
    assert abs(made.sum()) < 0.1 * np.abs(made).sum()


def test_angles_stand_for_the_half_turn_that_they_cover() -> None:
    even = np.radians(np.arange(0, 180, 10.0))
    np.testing.assert_allclose(weights_of(even), np.pi / 18)
    whole_turn = np.radians(np.arange(0, 360, 10.0))
    np.testing.assert_allclose(weights_of(whole_turn).sum(), np.pi)
    beginning = weights_of(np.radians([0.0, 1.0, 2.0, 3.0, 4.0]))
    assert beginning.max() <= np.radians(2.0) * 1.0001


def test_what_cannot_be_is_told_in_a_sentence() -> None:
    (_, event, *_) = scan(SIMULATION, 2)
    with pytest.raises(UserError, match=r"no stream has the column 'MOTOR'.*INENC1\.VAL\.Mean"):
        Worker().process_event(event, parameters_of(Worker, angle_column="MOTOR"))
    small = parameters_of(Worker, flat_file_file=as_file(np.ones((3, 4))), **ENCODER)
    with pytest.raises(UserError, match=r"flat_file has the shape \(3, 4\), and frames have \(64, 112\)"):
        Worker().process_event(event, small)
    with pytest.raises(UserError, match="no array of numbers"):
        Worker().process_event(event, parameters_of(Worker, dark_file_file=b"abc", **ENCODER))
    with pytest.raises(UserError, match="cannot be read by this process"):
        Worker().process_event(event, parameters_of(Worker, dark_file="/nowhere/dark.npy", **ENCODER))


@pytest.mark.parametrize("rows", [1, 3])
def test_a_camera_of_a_few_rows_is_binned_over_all_of_them(rows: int) -> None:
    frame = np.arange(rows * 64, dtype=np.uint16).reshape(rows, 64)
    np.testing.assert_allclose(binned(frame, 4), frame.reshape(rows, 16, 4).mean(axis=(0, 2))[np.newaxis])
