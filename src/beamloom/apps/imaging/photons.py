"""Single photons: the charge that each has left in a few pixels that touch each other.

Pixels above ``threshold`` that touch are one cluster. Its energy is the sum of their values, its position their mean weighted by these
values, which tells where the photon fell to a fraction of a pixel where its charge is shared. A cluster counts if its brightest pixel
exceeds ``seed`` and it has at most ``most_pixels``: others are noise, or more than one photon.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from beamloom.apps.compiled import compiled
from beamloom.apps.images import native

Array = np.ndarray[Any, np.dtype[Any]]


class Photons(NamedTuple):
    """What was found in a frame, (n,) each, in the order of their first pixels."""

    row: Array
    """float64; the centre of a pixel is its index."""
    column: Array
    energy: Array
    """In the units of the frame, float64."""
    pixels: Array
    """How many the cluster has, int64."""


def find_photons(
    image: Array,
    threshold: float,
    *,
    seed: float = 0.0,
    offset: float = 0.0,
    most_pixels: int = 25,
    diagonal: bool = True,
) -> Photons:
    """The photons in ``image`` (rows, columns), from whose values ``offset`` is taken first.

    ``diagonal``: pixels touch at their corners, too. NaN is below every threshold.
    """
    pixels = np.ascontiguousarray(native(image))
    # Memory that nobody touches costs nothing: there are never more clusters than half of the pixels.
    room = image.size // 2 + 1
    rows, columns, energies = np.empty((3, room))
    sizes = np.empty(room, np.int64)
    seen, stack = np.zeros(image.size, np.bool_), np.empty(image.size, np.int64)
    found = _clusters(
        pixels, float(offset), float(threshold), float(max(seed, threshold)), most_pixels, diagonal,
        seen, stack, rows, columns, energies, sizes,
    )  # fmt: skip
    return Photons(*(one[:found].copy() for one in (rows, columns, energies, sizes)))


@compiled("imaging")
def _clusters(
    image: Array,
    offset: float,
    threshold: float,
    seed: float,
    most_pixels: int,
    diagonal: bool,
    seen: Array,
    stack: Array,
    rows: Array,
    columns: Array,
    energies: Array,
    sizes: Array,
) -> int:
    height, width = image.shape
    found = 0
    for start_row in range(height):
        for start_column in range(width):
            start = start_row * width + start_column
            if not image[start_row, start_column] - offset > threshold or seen[start]:
                continue
            seen[start] = True
            stack[0] = start
            waiting, size = 1, 0
            energy = brightest = row_moment = column_moment = 0.0
            while waiting:
                waiting -= 1
                place = stack[waiting]
                row, column = place // width, place % width
                value = image[row, column] - offset
                size += 1
                energy += value
                brightest = max(brightest, value)
                row_moment += value * (row - start_row)
                column_moment += value * (column - start_column)
                for down in range(-1, 2):
                    for right in range(-1, 2):
                        if not diagonal and down and right:
                            continue
                        r, c = row + down, column + right
                        if r < 0 or c < 0 or r >= height or c >= width:
                            continue
                        if not seen[r * width + c] and image[r, c] - offset > threshold:
                            seen[r * width + c] = True
                            stack[waiting] = r * width + c
                            waiting += 1
            if size <= most_pixels and brightest > seed:
                rows[found] = start_row + row_moment / energy
                columns[found] = start_column + column_moment / energy
                energies[found] = energy
                sizes[found] = size
                found += 1
    return found
