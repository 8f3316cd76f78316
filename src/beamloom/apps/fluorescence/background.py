"""The background of a spectrum by SNIP: statistics-sensitive peak clipping (C. G. Ryan et al., Nucl. Instrum. Methods B 34 (1988) 396).

As PyMca does it, channel by channel the same numbers: after a filter by Savitsky and Golay, from the widest clipping to the narrowest, each
channel is brought down to the mean of the two that are so far to its sides, between anchors.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from PyMca5.PyMcaMath.fitting import SpecfitFuns

from beamloom.apps.compiled import compiled
from beamloom.apps.fluorescence.model import Model

Array = np.ndarray[Any, np.dtype[Any]]


def snip(counts: Array, model: Model) -> Array:
    """The background of ``counts``, float64, (channels,)."""
    background: Array = np.array(counts)
    if model.smoothing > 1:
        background = np.asarray(SpecfitFuns.SavitskyGolay(background, model.smoothing), np.float64)
    last = 0
    for anchor in (*model.anchors, len(background)):
        if last < anchor <= len(background):
            _clip(background[last:anchor], model.strip_width, np.empty(anchor - last))
            last = anchor
    return background


@compiled("fluorescence")
def _clip(counts: Array, width: int, clipped: Array) -> None:
    """In place; ``clipped`` is memory of the same length. Slices, as numba checks every single index of a sum for being negative."""
    for reach in range(width, 0, -1):
        count = counts.size - 2 * reach
        left, middle, right = counts[:count], counts[reach : reach + count], counts[2 * reach :]
        for channel in range(count):
            mean = 0.5 * (left[channel] + right[channel])
            clipped[channel] = mean if mean < middle[channel] else middle[channel]
        for channel in range(count):
            middle[channel] = clipped[channel]
