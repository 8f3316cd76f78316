"""A scan of the energy: frames of the same energy together, normalised by what was in the beam.

Counts and currents of the frames of a point are added up before they are divided: points with more frames, or more beam, count for
more, which is the best that counting statistics allows.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]


class Points(NamedTuple):
    """The points of a scan by rising energy, (n,) each."""

    energy: Array
    """The mean over the frames of the point."""
    fluorescence: Array
    """Counts for each unit of I0; without I0 for each frame."""
    errors: Array
    """Their standard deviation by counting statistics."""
    absorption: Array
    """ln(I0 / It); NaN without It."""
    beam: Array
    """The sum of I0, or the number of frames."""
    key: Array
    """Energies in steps, which tell points apart, int64."""


def key_of(energy: Any, step: float) -> Any:
    """The number of the step that an energy lies in."""
    return np.rint(np.asarray(energy) / step).astype(np.int64)


def points_of(
    energy: Array, counts: Array, i0: Array | None, transmitted: Array | None, step: float
) -> Points:
    """The points of frames, (n,) each in the order of their events; energies within the same ``step`` are one point.

    Frames without an energy, or without beam, are left out.
    """
    beam = np.ones(len(energy)) if i0 is None else i0
    known = np.isfinite(energy) & np.isfinite(counts) & (beam > 0)
    keys, place = np.unique(key_of(energy[known], step), return_inverse=True)

    def total(values: Array) -> Array:
        return np.bincount(place, values[known], minlength=len(keys))

    frames, beams, signal = total(np.ones(len(energy))), total(beam), total(counts)
    through = total(np.full(len(energy), np.nan) if transmitted is None else transmitted)
    with np.errstate(invalid="ignore", divide="ignore"):
        return Points(
            total(energy) / frames,
            signal / beams,
            np.sqrt(np.maximum(signal, 0)) / beams,
            np.log(beams / through),
            beams,
            keys,
        )
