"""Single photons: each is found, where it fell, with its energy."""

from __future__ import annotations

from collections import deque
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from apps.runs import analysed, camera_events, parameters_of
from beamloom.apps.images import Image
from beamloom.apps.imaging import PhotonSimulation, Reducer, Worker, find_photons

Array = np.ndarray[Any, np.dtype[Any]]
SIMULATION = PhotonSimulation(seed=2, noise=0.5)
THRESHOLD, SEED = 3.0, 40.0


def plainly(
    image: Array, threshold: float, seed: float, most: int, diagonal: bool
) -> list[tuple[float, ...]]:
    """The same by sets and queues."""
    left = {(int(r), int(c)) for r, c in np.argwhere(image > threshold)}
    steps = [(d, a) for d in (-1, 0, 1) for a in (-1, 0, 1) if (d or a) and (diagonal or not (d and a))]
    clusters: list[tuple[float, ...]] = []
    for start in sorted(left):
        if start not in left:
            continue
        left.remove(start)
        queue, cluster = deque([start]), [start]
        while queue:
            row, column = queue.popleft()
            for down, along in steps:
                if (near := (row + down, column + along)) in left:
                    left.remove(near)
                    queue.append(near)
                    cluster.append(near)
        values = np.array([float(image[place]) for place in cluster])
        if len(cluster) <= most and values.max() > seed:
            rows, columns = np.array(cluster).T
            clusters.append(
                (rows @ values / values.sum(), columns @ values / values.sum(), values.sum(), len(cluster))
            )
    return clusters


@pytest.mark.parametrize(("dtype", "diagonal"), [("uint16", True), ("float32", False)])
def test_clusters_are_those_of_the_plain_way(dtype: str, diagonal: bool) -> None:
    random = np.random.default_rng(8)
    for density in (0.05, 0.3, 0.6):
        image = (random.uniform(10, 99, (40, 50)) * (random.uniform(size=(40, 50)) < density)).astype(dtype)
        photons = find_photons(image, 9.0, seed=30.0, most_pixels=12, diagonal=diagonal)
        expected = plainly(image, 9.0, 30.0, 12, diagonal)
        assert len(photons.row) == len(expected) > 0
        np.testing.assert_allclose(np.column_stack(photons), np.array(expected), rtol=1e-9)


def test_nan_is_no_photon_and_an_empty_image_has_none() -> None:
    image = np.full((5, 6), np.nan)
    image[2, 3] = 50
    assert find_photons(image, 9.0).column.tolist() == [3.0]
    assert len(find_photons(np.zeros((0, 4)), 1.0).row) == 0


def test_every_photon_is_found_where_it_fell_with_its_energy() -> None:
    distances, energies = [], []
    for index in range(20):
        truth = SIMULATION.truth(index)
        photons = find_photons(SIMULATION.frame(index), THRESHOLD, seed=SEED, offset=SIMULATION.offset)
        assert len(photons.row) == SIMULATION.photons
        nearest = np.hypot(photons.row[:, None] - truth.row, photons.column[:, None] - truth.column)
        partner = nearest.argmin(axis=1)
        assert sorted(partner) == list(range(SIMULATION.photons))
        distances.append(nearest.min(axis=1))
        energies.append(photons.energy - truth.energy[partner])
    # A charge cloud of a third of a pixel shares little when it falls into the middle of one: the centre is drawn towards that.
    assert np.sqrt(np.mean(np.square(distances))) < 0.04
    # What lies below the threshold is lost.
    assert -2 * THRESHOLD < np.mean(energies) < 0
    assert np.std(energies) < 2 * THRESHOLD


def test_the_results_hold_what_fell() -> None:
    frames = 12
    events = camera_events([SIMULATION.frame(index) for index in range(frames)])
    given = parameters_of(
        Worker,
        photon_threshold=THRESHOLD,
        photon_seed=SEED,
        photon_offset=SIMULATION.offset,
        photon_subpixels=2,
    )
    tree = analysed(Worker, Reducer, events, given)
    wanted = frames * SIMULATION.photons
    image = tree["photons"]["image_2"]["sum"]
    assert image.shape == (2 * SIMULATION.shape[0], 2 * SIMULATION.shape[1])
    assert image.sum() == wanted
    spectrum = tree["photons"]["energies_5_500"]
    assert spectrum["counts"].sum() == wanted
    peak = np.average(spectrum["x"], weights=spectrum["counts"])
    assert peak == pytest.approx(SIMULATION.energy, abs=2 * THRESHOLD)
    assert tree["photons"]["pixels"]["counts"].sum() == wanted
    assert tree["photon_count"]["photons"].tolist() == [float(SIMULATION.photons)] * frames


@pytest.mark.parametrize("dtype", [">u2", ">f4"])
def test_frames_of_another_byte_order_give_the_same(dtype: str) -> None:
    image = np.random.default_rng(5).poisson(0.2, (20, 30)).astype(dtype)
    wanted = find_photons(image.astype(float), 0.5)
    assert len(wanted.row) > 5
    assert all(map(np.array_equal, find_photons(image, 0.5), wanted))
    assert Image("camera", SimpleNamespace(array=image)).array.dtype.isnative
