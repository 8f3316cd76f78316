"""Run by ``localization.py`` in another environment: fits the same spots by spotfitlm, and by the curve fit of scipy.

``FILE SIZE SPOTS``: the file has ``electrons``, ``rows`` and ``columns``; scipy fits the first SPOTS alone. Prints a JSON object: for
each library the positions in pixels, x and y, and the CPU time.
"""

from __future__ import annotations

import json
import os
import sys
import time
from typing import Any

os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = "1"

import numpy as np
from scipy.optimize import curve_fit
from spotfitlm import fit_symmetric_gaussian_mle

Array = np.ndarray[Any, np.dtype[Any]]


def by_spotfitlm(electrons: Array, rows: Array, columns: Array, size: int) -> dict[str, Any]:
    """Its maximum likelihood fit by Levenberg and Marquardt, in C; one core."""
    places = np.full((rows.size, 2), np.nan)
    begun = time.process_time()
    for index, frame in enumerate(electrons):
        found = fit_symmetric_gaussian_mle(frame, (rows[index], columns[index]), size, 1.3, 50)
        fitted = found.index.to_numpy()
        places[index * rows.shape[1] + fitted] = found[["x", "y"]]
    return {"seconds": time.process_time() - begun, "spots": rows.size, "places": places.tolist()}


def by_scipy(electrons: Array, rows: Array, columns: Array, size: int, spots: int) -> dict[str, Any]:
    """A weighted least squares fit of a Gaussian taken at the centres of pixels, as most scripts have it."""
    half = size // 2
    y, x = np.mgrid[-half : half + 1, -half : half + 1]

    def model(_: Any, at_x: float, at_y: float, height: float, background: float, sigma: float) -> Array:
        squares = (x - at_x) ** 2 + (y - at_y) ** 2
        return (height * np.exp(-squares / (2 * sigma**2)) + background).ravel()

    places = []
    begun = time.process_time()
    for row, column in zip(rows[0][:spots], columns[0][:spots], strict=True):
        square = electrons[0, row - half : row + half + 1, column - half : column + half + 1]
        start = (0.0, 0.0, float(np.ptp(square)), float(np.median(square)), 1.3)
        try:
            found = curve_fit(model, None, square.ravel(), start, np.sqrt(np.maximum(square.ravel(), 1)))[0]
            places.append((column + found[0], row + found[1]))
        except RuntimeError:
            places.append((np.nan, np.nan))
    return {"seconds": time.process_time() - begun, "spots": len(places), "places": places}


def main() -> None:
    """Fit, and print what was found."""
    given = np.load(sys.argv[1])
    electrons, rows, columns = given["electrons"], given["rows"], given["columns"]
    size, spots = int(sys.argv[2]), int(sys.argv[3])
    by_spotfitlm(electrons[:1], rows[:1], columns[:1], size)
    print(
        json.dumps(
            {
                "spotfitlm": by_spotfitlm(electrons, rows, columns, size),
                "scipy.optimize.curve_fit": by_scipy(electrons, rows, columns, size, spots),
            }
        )
    )


if __name__ == "__main__":
    main()
