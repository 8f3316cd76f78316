"""What single photons add to the results."""

from __future__ import annotations

from typing import Any

import numpy as np

from beamloom import Bins, Histogram, ParameterSet, Sum

Array = np.ndarray[Any, np.dtype[Any]]


def of_photons(number: int, frame: Array, given: ParameterSet) -> tuple[dict[str, Any], float]:
    """The image, the spectrum and the sizes of the photons in a frame, and how many there are.

    The pixels of the image are parts of those of the frame. What has a shape that parameters decide has them in its name, so that results
    of different settings are never summed into one.
    """
    from beamloom.apps.imaging.photons import find_photons

    found = find_photons(
        frame,
        float(given["photon_threshold"]),
        seed=float(given["photon_seed"]),
        offset=float(given["photon_offset"]),
        most_pixels=int(given["photon_most_pixels"]),
        diagonal=given["photon_neighbours"].value == 8,
    )
    parts, width = int(given["photon_subpixels"]), float(given["photon_energy_bin"])
    image = Sum(units="photons", label="photons").add(
        number, counted(found.row, found.column, frame.shape, parts)
    )
    edges = width * np.arange(int(given["photon_energy_bins"]) + 1)
    energies = Histogram(Bins(edges, units="counts", label="energy of the photon"), label="photons")
    pixels = Histogram(
        Bins(width=1.0, start=-0.5, units="pixel", label="pixels of the photon"), label="photons"
    )
    return {
        f"image_{parts}": image,
        f"energies_{width:g}_{len(edges) - 1}": energies.add(number, found.energy),
        "pixels": pixels.add(number, found.pixels),
    }, float(len(found.row))


def counted(row: Array, column: Array, shape: tuple[int, ...], parts: int) -> Array:
    """How many positions fall into each of ``parts`` x ``parts`` parts of each pixel, uint16."""
    height, width = shape[0] * parts, shape[1] * parts
    down = np.clip(np.floor((row + 0.5) * parts).astype(np.int64), 0, height - 1)
    along = np.clip(np.floor((column + 0.5) * parts).astype(np.int64), 0, width - 1)
    image = np.zeros(height * width, np.uint16)
    np.add.at(image, down * width + along, 1)
    return image.reshape(height, width)
