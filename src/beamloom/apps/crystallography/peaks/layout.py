"""What is the same for all frames of a detector: to which radial bin and to which panel each pixel belongs.

A pixel's label is its radial bin; that of a pixel which is ignored is the bin plus the number of bins, so that the kernels that run over
all pixels need not ask whether one is ignored. Panels are searched from top to bottom and from left to right, in whatever order they
are given. What lies in no panel is ignored.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Sequence
from typing import Any

import numpy as np

from beamloom.apps.crystallography.peaks.found import Integers
from beamloom.apps.crystallography.peaks.settings import PeakSettingsError

Array = np.ndarray[Any, np.dtype[Any]]
Panel = tuple[int, int, int, int]
"""``(min_ss, max_ss, min_fs, max_fs)``, all inclusive."""


@dataclasses.dataclass(frozen=True, eq=False)
class Layout:
    """The labels and panels of a detector's frame of shape (ss, fs)."""

    labels: Array
    """Of shape (ss, fs), unsigned."""
    bins: int
    panels: Integers
    """Of shape (panels, 4), as in ``Panel``, in the order in which they are searched."""
    panel_of: Array
    """Of shape (ss, fs): the index of each pixel's panel; 0 also where there is none."""

    @functools.cached_property
    def pixels_of_bins(self) -> tuple[Array, Integers]:
        """Flat indices of the pixels that count, bin by bin, and where each bin begins and the last one ends."""
        flat = self.labels.reshape(-1)
        starts = np.concatenate(([0], np.cumsum(self.pixel_counts(0, 1))))
        order = np.argsort(flat, kind="stable")[: starts[-1]].astype(np.int32)
        return order, starts

    def pixel_counts(self, first: int, step: int) -> Integers:
        """How many pixels that count each bin has in the rows ``first``, ``first + step``, and so on."""
        counts: Integers = np.bincount(self.labels[first::step].reshape(-1), minlength=2 * self.bins)
        return counts[: self.bins]


def lay_out(radius: Array, mask: Array | None, panels: Sequence[Panel] | Array | None) -> Layout:
    """The layout of a detector; see ``find_peaks`` for the arguments. Raises PeakSettingsError."""
    radius = np.asarray(radius)
    if radius.ndim != 2 or radius.size == 0:
        raise PeakSettingsError(
            f"radius has the shape {radius.shape}; give one of (ss, fs), as the frames have"
        )
    if radius.size >= 2**31:
        raise PeakSettingsError("frames of 2 gigapixels and more are not searched; search parts of them")
    counts = np.isfinite(radius)
    if mask is not None:
        mask = np.asarray(mask)
        if mask.shape != radius.shape:
            raise PeakSettingsError(f"mask has the shape {mask.shape}, but radius {radius.shape}")
        counts &= mask != 0
    rows, panel_of, covered = _placed(panels, radius.shape)
    if covered is not None:
        counts &= covered
    known = radius[np.isfinite(radius)]
    if known.size and known.min() < 0:
        raise PeakSettingsError("radius has negative values; give distances from the beam in pixels")
    bins = (int(np.ceil(known.max())) if known.size else 0) + 1
    if bins > 1_000_000:
        raise PeakSettingsError(f"radius reaches {bins - 1} pixels; give it in pixels")
    labels = np.rint(np.where(np.isfinite(radius), radius, 0)).astype(np.int32)
    labels[~counts] += bins
    kind = np.uint16 if 2 * bins <= np.iinfo(np.uint16).max else np.uint32
    return Layout(np.ascontiguousarray(labels.astype(kind)), bins, rows, panel_of)


def _placed(
    panels: Sequence[Panel] | Array | None, shape: tuple[int, ...]
) -> tuple[Integers, Array, Array | None]:
    """The panels in order, the panel of each pixel, and which pixels are in one; None where all are."""
    if panels is None:
        whole = np.array([[0, shape[0] - 1, 0, shape[1] - 1]], np.int64)
        return whole, np.zeros(shape, np.uint16), None
    rows = np.array(panels, np.int64)
    if rows.ndim != 2 or rows.shape[1] != 4 or not 0 < len(rows) < 2**16:
        raise PeakSettingsError("panels is a list of (min_ss, max_ss, min_fs, max_fs), all inclusive")
    rows = rows[np.lexsort((rows[:, 2], rows[:, 0]))]
    panel_of = np.zeros(shape, np.uint16)
    covered = np.zeros(shape, np.bool_)
    for index, (top, bottom, left, right) in enumerate(rows.tolist()):
        if not (0 <= top <= bottom < shape[0] and 0 <= left <= right < shape[1]):
            raise PeakSettingsError(
                f"the panel of ss {top} to {bottom}, fs {left} to {right} does not lie in a frame of {shape[0]} x {shape[1]}"
            )
        place = np.s_[top : bottom + 1, left : right + 1]
        if covered[place].any():
            raise PeakSettingsError(
                f"the panel of ss {top} to {bottom}, fs {left} to {right} overlaps another; "
                "both ends of a panel are inclusive"
            )
        covered[place] = True
        panel_of[place] = index
    return rows, panel_of, covered
