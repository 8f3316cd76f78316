"""The table of localizations: its columns, their units, and which rows are good.

A row is known by ``frame`` and ``roi``. It follows from its frame (and, with a background of several frames, from those around it) and the
settings alone, so that tables of chunks can be made anywhere, twice, and in any order: ``in_order`` of them all is the table of the series.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable
from typing import Any, Final

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]

LOCALIZATION: Final = np.dtype(
    [
        ("frame", "i4"),
        ("roi", "i4"),
        ("x", "f4"),
        ("y", "f4"),
        ("photons", "f4"),
        ("bg", "f4"),
        ("sigma", "f4"),
        ("crlb_x", "f4"),
        ("crlb_y", "f4"),
        ("crlb_photons", "f4"),
        ("crlb_bg", "f4"),
        ("crlb_sigma", "f4"),
        ("z_score", "f4"),
        ("glrt", "f4"),
        ("ndof", "i4"),
        ("nearest", "f4"),
        ("iterations", "u1"),
        ("status", "u1"),
        ("edge", "u1"),
    ]
)
"""One localization; what its columns are is in ``MEANINGS``."""
UNITS: Final = {
    "x": "nm",
    "y": "nm",
    "photons": "photon",
    "bg": "photon/pixel",
    "sigma": "nm",
    "crlb_x": "nm",
    "crlb_y": "nm",
    "crlb_photons": "photon",
    "crlb_bg": "photon/pixel",
    "crlb_sigma": "nm",
    "nearest": "nm",
}
MEANINGS: Final = {
    "frame": "number of the frame",
    "roi": "number of the candidate in its frame",
    "x": "along columns; 0 is the centre of the first pixel",
    "y": "along rows; 0 is the centre of the first pixel",
    "photons": "photo-electrons of the spot",
    "bg": "photo-electrons of a pixel under the spot",
    "sigma": "standard deviation of the spot",
    "crlb_x": "Cramér-Rao bound of x, as a standard deviation; the others alike",
    "z_score": "of the candidate: its height in standard deviations of the noise",
    "glrt": "twice the logarithm of the likelihood ratio to a perfect fit; about ndof where the model holds",
    "ndof": "pixels less parameters",
    "nearest": "distance to the nearest other candidate of the frame; infinite where there is none",
    "iterations": "steps of the fit",
    "status": "0 converged, 1 not within the steps allowed, 2 left its pixels or went dark, 3 cannot be determined",
    "edge": "1 where the frame ends within the fitted pixels around the candidate",
}


class Status(enum.IntEnum):
    """How a fit ended."""

    CONVERGED = 0
    STEPS = 1
    LEFT = 2
    SINGULAR = 3


def empty() -> Array:
    """A table without rows."""
    return np.empty(0, LOCALIZATION)


def in_order(tables: Iterable[Array]) -> Array:
    """All rows of ``tables`` by frame and candidate."""
    joined = np.concatenate([empty(), *tables])
    return joined[np.lexsort((joined["roi"], joined["frame"]))]


def good(table: Array, *, precision: float = np.inf, misfit: float = np.inf) -> Array:
    """The rows that converged, their bounds at most ``precision`` nm, their ``glrt`` at most ``misfit`` times ``ndof``."""
    kept = (
        (table["status"] == Status.CONVERGED)
        & (np.maximum(table["crlb_x"], table["crlb_y"]) <= precision)
        & (table["glrt"] <= misfit * table["ndof"])
    )
    rows: Array = table[kept]
    return rows
