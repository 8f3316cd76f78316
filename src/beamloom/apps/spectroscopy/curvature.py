"""How a line of one energy is bent on the detector: by a polynomial of the row, from its middle row on.

A photon of one energy falls into column ``c`` in the middle row, and into c + c1 d + c2 d^2 + ... in the row that is d away from it.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from beamloom import UserError

Array = np.ndarray[Any, np.dtype[Any]]


def bend(coefficients: Array, rows: Array, height: int) -> Array:
    """By how many columns a line is displaced in ``rows``, of a frame of ``height`` rows; ``coefficients`` are c1, c2, ..."""
    from_middle = rows - (height - 1) / 2
    displaced: Array = np.polynomial.polynomial.polyval(from_middle, np.concatenate([[0.0], coefficients]))
    return displaced


def find_curvature(image: Array, degree: int = 2, *, threshold: float = 0.0) -> Array:
    """The coefficients c1, c2, ... of an image in which one line stands out: an elastic line, or the strongest of a sum of frames.

    By the centre of mass of what exceeds ``threshold`` in each row, weighted by the counts in it. Raises UserError where there are not
    enough rows with counts.
    """
    above = np.where(image > threshold, image - np.float64(threshold), 0.0)
    counts = above.sum(axis=1)
    rows = np.flatnonzero(counts > 0)
    if len(rows) < degree + 2:
        raise UserError(
            f"only {len(rows)} rows exceed {threshold:g}, and a polynomial of degree {degree} needs more; lower the threshold"
        )
    centres = above[rows] @ np.arange(image.shape[1]) / counts[rows]
    from_middle = rows - (image.shape[0] - 1) / 2
    fitted = np.polynomial.polynomial.polyfit(from_middle, centres, degree, w=np.sqrt(counts[rows]))
    found: Array = fitted[1:]
    return found
