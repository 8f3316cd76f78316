"""The sums of hits and of non-hits, over the classes that each consists of."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]


class ClassSum(NamedTuple):
    """What was summed of one class."""

    summed: int
    """Frames that were summed."""
    frames: Array | None
    """Their sum, (ss, fs); None as long as there is none."""
    peaks: Array | None
    """The powder of their peaks, (ss, fs), float64."""


def totals(classes: Mapping[str, Mapping[str, Any]], name: str) -> ClassSum:
    """The sum of the classes ``name``, ``name_pumped`` and ``name_dark``."""
    count, frames, peaks = 0, None, None
    for member in (name, f"{name}_pumped", f"{name}_dark"):
        sums = classes.get(member, {})
        if "peaks" in sums:
            powder = sums["peaks"].value
            peaks = powder if peaks is None else peaks + powder
        if "frames" in sums:
            count += int(sums["frames"].snapshot()["count"])
            frames = sums["frames"].value if frames is None else frames + sums["frames"].value
    return ClassSum(count, frames, peaks)
