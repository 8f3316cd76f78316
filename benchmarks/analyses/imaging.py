"""Imaging statistics of camera frames of 1 and 4 million pixels: what a frame costs a worker, and single photons beside scipy.ndimage.

``--photons N`` sets how many single photons a frame has for each million pixels.
"""

from __future__ import annotations

import argparse
from typing import Any

import _measure as measure  # before numpy
import numpy as np
from scipy import ndimage

from beamloom import Event, Packet, ParameterSet
from beamloom.apps.imaging import DifferenceWorker, Worker, find_photons
from beamloom.devices import stins

Array = np.ndarray[Any, np.dtype[Any]]
THRESHOLD = 20


def frame_of(side: int, photons_per_million: int) -> Array:
    """Noise on an offset, and photons that share their charge between two pixels."""
    random = np.random.default_rng(1)
    image = random.normal(100, 3, (side, side))
    count = photons_per_million * side * side // 1_000_000
    rows, columns = random.integers(1, side - 2, (2, count))
    image[rows, columns] += 120
    image[rows, columns + 1] += 80
    return np.rint(image).clip(0).astype(np.uint16)


def by_scipy(image: Array) -> tuple[Array, Array, Array]:
    """The same clusters by the calls of scipy.ndimage: energies, sizes and centres."""
    above = image - 100.0
    above[above <= THRESHOLD] = 0
    labels, count = ndimage.label(above > 0, structure=np.ones((3, 3)))
    index = np.arange(1, count + 1)
    energies = ndimage.sum_labels(above, labels, index)
    sizes = np.bincount(labels.ravel(), minlength=count + 1)[1:]
    return energies, sizes, np.array(ndimage.center_of_mass(above, labels, index))


def main() -> None:
    """Print a line for each way."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--photons", type=int, default=1000)
    photons = arguments.parse_args().photons
    for side in (1024, 2048):
        image = frame_of(side, photons)
        mine = find_photons(image, THRESHOLD, offset=100.0, most_pixels=10**6)
        energies, sizes, centres = by_scipy(image)
        np.testing.assert_allclose(mine.energy, energies)
        np.testing.assert_array_equal(mine.pixels, sizes)
        np.testing.assert_allclose(np.column_stack([mine.row, mine.column]), centres)
        print(f"{side} x {side} uint16, {len(energies)} clusters")
        measure.row(
            "  photons", measure.cpu_seconds(lambda image=image: find_photons(image, THRESHOLD, offset=100.0))
        )
        measure.row("  photons by scipy.ndimage", measure.cpu_seconds(lambda image=image: by_scipy(image)))
        for what, worker_class, given in (
            ("  Worker, no photons", Worker, {}),
            ("  Worker, photons", Worker, {"photon_threshold": THRESHOLD, "photon_offset": 100}),
            ("  Worker, variance", Worker, {"variance": True}),
            ("  DifferenceWorker", DifferenceWorker, {}),
        ):
            parameters = ParameterSet.from_values(given, worker_class.describe_parameters())
            (_, message, *_) = stins.generate(images=[image])
            worker, number = worker_class(), iter(range(1, 10**6))
            measure.row(
                what,
                measure.cpu_seconds(
                    lambda worker=worker, number=number, message=message, parameters=parameters: (
                        worker.process_event(
                            Event(next(number), {"camera": Packet("STINS", message)}), parameters
                        )
                    )
                ),
            )


if __name__ == "__main__":
    main()
