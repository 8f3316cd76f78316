"""The projection of a dispersive image of 1 million pixels to a spectrum, beside numpy's ``bincount`` and a sparse matrix of scipy."""

from __future__ import annotations

from typing import Any

import _measure as measure  # before numpy
import numpy as np
from scipy import sparse

from beamloom import Event, Packet, ParameterSet
from beamloom.apps.spectroscopy import Projector, Worker
from beamloom.apps.spectroscopy.curvature import bend
from beamloom.devices import stins

Array = np.ndarray[Any, np.dtype[Any]]
SIDE = 1024
CURVATURE = np.array([0.05, 1e-4])


def main() -> None:
    """Print a line for each way."""
    image = np.random.default_rng(1).poisson(0.3, (SIDE, SIDE)).astype(np.uint16)
    projector = Projector((SIDE, SIDE), curvature=CURVATURE)
    displaced = bend(CURVATURE, np.arange(SIDE), SIDE)
    places = np.arange(SIDE) - displaced[:, np.newaxis] - projector.columns[0]
    left = np.floor(places).astype(np.int64).ravel()
    share = places.ravel() - left
    bins = len(projector.columns)

    def by_bincount() -> Array:
        values = image.ravel()
        return np.bincount(left, values * (1 - share), bins) + np.bincount(left + 1, values * share, bins)

    pixels = np.arange(image.size)
    matrix = sparse.csr_array(
        (
            np.concatenate([1 - share, share]),
            (np.concatenate([left, left + 1]), np.concatenate([pixels, pixels])),
        ),
        shape=(bins, image.size),
    )

    def by_matrix() -> Array:
        return np.asarray(matrix @ image.ravel().astype(np.float64))

    for work in (by_bincount, by_matrix):
        np.testing.assert_allclose(work(), projector.spectrum(image), atol=1e-3)
    print(f"{SIDE} x {SIDE} uint16")
    measure.row("  projection", measure.cpu_seconds(lambda: projector.spectrum(image)))
    measure.row("  projection by numpy.bincount", measure.cpu_seconds(by_bincount))
    measure.row("  projection by a scipy.sparse matrix", measure.cpu_seconds(by_matrix))
    parameters = ParameterSet.from_values({"curvature": CURVATURE}, Worker.describe_parameters())
    _, message, _ = stins.generate(images=[image])
    worker, numbers = Worker(), iter(range(1, 10**6))
    measure.row(
        "  Worker",
        measure.cpu_seconds(
            lambda: worker.process_event(
                Event(next(numbers), {"camera": Packet("STINS", message)}), parameters
            )
        ),
    )


if __name__ == "__main__":
    main()
