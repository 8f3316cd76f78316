"""The lines of a scan, found from where its points were."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

SHARE_OF_STEP = 0.25

Floats = npt.NDArray[np.float64]


def find_lines(positions: Floats, tolerance: float | None) -> tuple[Floats, npt.NDArray[np.intp]]:
    """The lines (n,) on which positions (m,) lie, rising, and the line of each position (m,).

    Positions belong to the same line while there is no gap of more than ``tolerance`` between one and the next; by default a quarter of
    the largest gap, so that encoder noise below that joins and steps of about the same size part. A line is where the middle between
    its lowest and highest position is.
    """
    distinct, places = np.unique(positions, return_inverse=True)
    if len(distinct) < 2:
        return distinct, places.reshape(-1)
    gaps = np.diff(distinct)
    limit = gaps.max() * SHARE_OF_STEP if tolerance is None else tolerance
    line = np.concatenate([[0], np.cumsum(gaps > limit)])
    first = np.searchsorted(line, np.arange(line[-1] + 1), "left")
    last = np.searchsorted(line, np.arange(line[-1] + 1), "right") - 1
    return (distinct[first] + distinct[last]) / 2, line[places.reshape(-1)]
