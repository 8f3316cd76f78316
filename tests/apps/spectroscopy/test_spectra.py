"""Spectra and scans are those of the simulation, in whichever order frames come."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from apps.runs import analysed, assert_same, camera_events, parameters_of
from apps.spectroscopy.series import scan, settings
from apps.tomography.scans import as_file
from beamloom import UserError
from beamloom.apps.spectroscopy import Projector, Reducer, Simulation, Worker, find_curvature
from beamloom.apps.spectroscopy.projection import Region

SIMULATION = Simulation(seed=1)


@pytest.fixture(scope="module")
def tree() -> dict[str, Any]:
    return analysed(Worker, Reducer, scan(SIMULATION), parameters_of(Worker, **settings(SIMULATION)))


def expected_sum() -> Any:
    return sum(SIMULATION.expected(index) for index in range(SIMULATION.total))


def test_a_straightened_line_is_as_narrow_as_it_was_emitted(tree: dict[str, Any]) -> None:
    spectrum = tree["spectrum"]
    energy, counts = spectrum["emission_energy"], spectrum["counts"]
    for line in SIMULATION.lines:
        near = np.abs(energy - line.energy) < 3 * line.width
        weights = np.maximum(counts[near] - np.median(counts), 0)
        centre = np.average(energy[near], weights=weights)
        width = np.sqrt(np.average((energy[near] - centre) ** 2, weights=weights))
        assert centre == pytest.approx(line.energy, abs=0.1)
        # Splitting between bins and the cut at three widths change it by little.
        assert width == pytest.approx(line.width, rel=0.06)
    crooked = analysed(
        Worker, Reducer, scan(SIMULATION), parameters_of(Worker, **settings(SIMULATION, curvature=[]))
    )
    assert crooked["spectrum"]["counts"].max() < 0.85 * counts.max()


def test_no_count_is_lost_and_bad_pixels_are_made_up_for(tree: dict[str, Any]) -> None:
    total = float(expected_sum().sum())
    assert tree["spectrum"]["counts"].sum() == pytest.approx(total, abs=6 * np.sqrt(total))
    seen = sum(int((SIMULATION.frame(index) * (SIMULATION.mask() == 0)).sum()) for index in range(3))
    told = tree["frames"]["counts"][1:4].sum()
    assert told == pytest.approx(seen, abs=1e-3)


def test_fluorescence_and_absorption_are_those_of_the_sample(tree: dict[str, Any]) -> None:
    energies = np.array([SIMULATION.energy(index) for index in range(0, SIMULATION.total, 2)])
    np.testing.assert_allclose(tree["absorption"]["energy"], energies, atol=1e-6)
    truth = SIMULATION.absorption(energies)
    # Two frames with their own beams: ln of sums is not the sum of ln, and here both have the same absorption.
    np.testing.assert_allclose(tree["absorption"]["absorption"], truth, rtol=1e-6)
    fluorescence, errors = tree["fluorescence"]["fluorescence"], tree["fluorescence"]["fluorescence_errors"]
    clean = np.array(
        [
            sum((SIMULATION.expected(index + more) * (SIMULATION.mask() == 0)).sum() for more in (0, 1))
            / sum(SIMULATION.i0(index + more) for more in (0, 1))
            for index in range(0, SIMULATION.total, 2)
        ]
    )
    assert np.sqrt(np.mean(((fluorescence - clean) / errors) ** 2)) == pytest.approx(1.0, abs=0.4)
    # Without the normalisation, the beam's flicker would be seen.
    raw = analysed(Worker, Reducer, scan(SIMULATION), parameters_of(Worker, **settings(SIMULATION, i0="")))
    assert (
        np.std(raw["fluorescence"]["fluorescence"] / clean)
        / np.mean(raw["fluorescence"]["fluorescence"] / clean)
        > 0.05
    )


def test_the_plane_has_the_emission_at_each_energy(tree: dict[str, Any]) -> None:
    plane = tree["plane"]
    assert plane["counts"].shape == (31, len(tree["spectrum"]["emission_energy"]))
    beams = np.array(
        [SIMULATION.i0(index) + SIMULATION.i0(index + 1) for index in range(0, SIMULATION.total, 2)]
    )
    np.testing.assert_allclose(
        (plane["counts"] * beams[:, None]).sum(axis=0), tree["spectrum"]["counts"], rtol=1e-9
    )


def test_frames_without_beam_are_in_the_sum_and_not_in_what_is_normalised() -> None:
    events = scan(SIMULATION)
    dark = 7
    row, header = events[dark].streams["box"].frames
    energy, _, through = row.split()
    events[dark].streams["box"].frames[:] = [b" ".join([b"", energy, b"0", through]) + b"\n", header]
    given = parameters_of(Worker, **settings(SIMULATION))
    shown = analysed(Worker, Reducer, events, given)
    without = analysed(Worker, Reducer, [event for event in events if event.event_number != dark], given)
    for name in ("normalised_spectrum", "plane", "fluorescence", "absorption"):
        assert_same(shown[name], without[name])
    assert shown["spectrum"]["counts"].sum() > without["spectrum"]["counts"].sum()


def test_a_window_counts_one_line_alone() -> None:
    given = settings(SIMULATION, emission_window=[6398.0, 6410.0])
    narrow = analysed(Worker, Reducer, scan(SIMULATION), parameters_of(Worker, **given))
    whole = analysed(Worker, Reducer, scan(SIMULATION), parameters_of(Worker, **settings(SIMULATION)))
    share = narrow["fluorescence"]["fluorescence"].sum() / whole["fluorescence"]["fluorescence"].sum()
    assert share == pytest.approx(0.66, abs=0.03)


def test_neither_the_order_nor_the_number_of_workers_changes_a_bit(tree: dict[str, Any]) -> None:
    events = scan(SIMULATION)
    order = np.random.default_rng(3).permutation(len(events)).tolist()
    given = parameters_of(Worker, **settings(SIMULATION))
    assert_same(analysed(Worker, Reducer, events, given, order=order, workers=3), tree)


def test_the_curvature_is_found_from_a_sum_of_frames() -> None:
    image = expected_sum()[:, 100:]
    found = find_curvature(image, 2, threshold=float(np.median(image)) * 3)
    assert found == pytest.approx(SIMULATION.curvature, abs=5e-4)
    with pytest.raises(UserError, match="lower the threshold"):
        find_curvature(image, 2, threshold=1e12)


def test_a_projection_is_that_of_the_plain_way() -> None:
    random = np.random.default_rng(5)
    image = random.poisson(30, (20, 40)).astype(np.uint16)
    bad = random.uniform(size=image.shape) < 0.1
    region = Region(2, 5, 17, 38)
    projector = Projector(
        (20, 40), curvature=np.array([0.2, -0.03]), region=region, bad=bad, per_pixel=2, least=20, most=40
    )
    plain = np.zeros(len(projector.columns))
    for row in range(2, 17):
        away = row - 9.5
        for column in range(5, 38):
            if bad[row, column] or not 20 <= image[row, column] <= 40:
                continue
            at = (column - (0.2 * away - 0.03 * away**2) - projector.columns[0]) * 2
            left = int(at)
            plain[left] += image[row, column] * (1 - (at - left))
            plain[left + 1] += image[row, column] * (at - left)
    np.testing.assert_allclose(projector.spectrum(image), plain, atol=1e-3)
    assert projector.spectrum(image).sum() == pytest.approx(plain.sum(), abs=0.1)


def test_an_image_on_its_side_gives_the_same() -> None:
    upright, turned = (
        analysed(
            Worker,
            Reducer,
            camera_events(images),
            parameters_of(
                Worker, curvature=[0.1], region=region, energy_along=along, mask_file_file=as_file(mask)
            ),
        )
        for images, region, along, mask in (
            ([SIMULATION.frame(0)], [5, 10, 50, 150], "columns", SIMULATION.mask()),
            ([SIMULATION.frame(0).T], [10, 5, 150, 50], "rows", SIMULATION.mask().T),
        )
    )
    assert_same(turned["spectrum"], upright["spectrum"])


def test_what_cannot_be_is_told_in_a_sentence() -> None:
    (_, event, *_) = scan(SIMULATION)
    for given, sentence in (
        ({"region": [0, 0, 999, 9]}, "does not lie in frames of 60 rows and 160 columns"),
        ({"region": [1, 2, 3]}, "region takes four numbers"),
        ({"emission_window": [1.0]}, "emission_window takes two energies"),
        ({"i0": "box.values.NOTHING"}, "i0 is box.values.NOTHING, but"),
        ({"mask_file_file": as_file(np.zeros((3, 4)))}, "mask_file has the shape"),
    ):
        with pytest.raises(UserError, match=sentence):
            Worker().process_event(event, parameters_of(Worker, **given))


def test_frames_of_another_byte_order_give_the_same_spectrum() -> None:
    image = SIMULATION.frame(0)
    projector = Projector(image.shape)
    turned = image.astype(image.dtype.newbyteorder(">"))
    assert np.array_equal(projector.spectrum(turned), projector.spectrum(image))
