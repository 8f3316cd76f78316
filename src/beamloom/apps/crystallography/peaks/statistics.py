"""The radial statistics of a whole frame, with all the buffers that they need; exact or robust, from every pixel that counts."""

from __future__ import annotations

import dataclasses
from typing import Any, Final

import numpy as np

from beamloom.apps.crystallography.peaks import radial
from beamloom.apps.crystallography.peaks.bands import Crew, bands
from beamloom.apps.crystallography.peaks.layout import Layout

Array = np.ndarray[Any, np.dtype[Any]]

SAMPLE: Final = 256
"""Pixels of a bin by which its core is chosen."""
TOO_MANY: Final = 0.02
"""Share of the pixels outside of their cores, or of open bins, from which on cores are chosen anew."""
PATIENCE: Final = 16
"""Frames between one choice and the next."""


@dataclasses.dataclass(frozen=True)
class Clipping:
    """How a bin is clipped."""

    snr: float
    adc: float
    least_sigma: float
    exact: bool


class FrameStatistics:
    """Computes the statistics of frames of one layout."""

    def __init__(self, layout: Layout, crew: Crew) -> None:
        self._layout = layout
        self._crew = crew
        self._labels = layout.labels.reshape(-1)
        self._bands = bands(layout.labels.shape[0])
        self._counts = layout.pixel_counts(0, 1)
        self._pixels = max(1, int(self._counts.sum()))
        self._tail = np.empty(layout.labels.size, np.int32)
        self._cores: Array | None = None
        self._since_choice = 0

    def forget(self) -> None:
        """Frames of another kind follow: choose the cores by the next one."""
        self._cores = None

    def of(self, frame: Array, clipping: Clipping) -> tuple[Array, Array]:
        """The states of all bins (columns offset, sigma, low, high), and the pixels above ``high``, flat and in order."""
        flat = frame.reshape(-1)
        if self._cores is None:
            self._cores = self._chosen(flat, clipping)
        tail, cores = self._folded(frame, self._cores)
        owners = self._labels[tail]
        counted = owners < self._layout.bins
        tail, owners = tail[counted], owners[counted].astype(np.int32)
        values = flat[tail].astype(np.float64)
        # An infinite one is neither between limits nor a candidate.
        values[~np.isfinite(values)] = np.nan
        states = np.zeros((self._layout.bins, 4), np.float64)
        is_open = np.zeros(self._layout.bins, np.bool_)
        radial.settle(
            values,
            owners,
            self._layout.bins,
            self._counts,
            cores,
            clipping.snr,
            clipping.adc,
            clipping.least_sigma,
            clipping.exact,
            states,
            is_open,
        )
        candidates = tail[~is_open[owners] & (values > states[owners, 3])]
        in_open = int(self._counts[is_open].sum())
        if in_open:
            candidates = np.sort(np.append(candidates, self._examined(flat, clipping, is_open, states)))
        self._since_choice += 1
        if tail.size + in_open > TOO_MANY * self._pixels and self._since_choice >= PATIENCE:
            self.forget()
        return states, candidates

    def _examined(self, flat: Array, clipping: Clipping, is_open: Array, states: Array) -> Array:
        """Put the states of the open bins right, and return their pixels above the threshold."""
        order, starts = self._layout.pixels_of_bins
        labels = np.flatnonzero(is_open)
        pixels = np.concatenate([order[starts[label] : starts[label + 1]] for label in labels])
        counts = self._counts[labels]
        values = flat[pixels].astype(np.float64)
        values[~np.isfinite(values)] = np.nan
        radial.examine_each(
            values,
            np.concatenate(([0], np.cumsum(counts))),
            labels,
            clipping.snr,
            clipping.adc,
            clipping.least_sigma,
            clipping.exact,
            states,
        )
        above: Array = pixels[values > np.repeat(states[labels, 3], counts)]
        return above

    def _chosen(self, flat: Array, clipping: Clipping) -> Array:
        cores = np.zeros((2 * self._layout.bins, 4), np.float64)
        cores[self._layout.bins :, radial.LOW] = -np.inf
        cores[self._layout.bins :, radial.HIGH] = np.inf
        order, starts = self._layout.pixels_of_bins
        radial.choose_cores(
            flat[order].astype(np.float64),
            starts,
            clipping.snr,
            clipping.adc,
            clipping.least_sigma,
            np.issubdtype(flat.dtype, np.integer),
            SAMPLE,
            cores,
        )
        self._since_choice = 0
        return cores

    def _folded(self, frame: Array, cores: Array) -> tuple[Array, Array]:
        """The pixels outside of their cores, in order, and the cores with their sums."""
        columns = frame.shape[1]

        def fold(band: int) -> tuple[Array, Array]:
            first, last = self._bands[band]
            own = cores.copy()
            own[:, radial.SUM :] = 0.0
            tail = self._tail[first * columns : last * columns]
            return own, tail[: radial.fold(frame, self._layout.labels, first, last, 1, own, tail)]

        parts = self._crew.each(fold, len(self._bands))
        total = parts[0][0]
        for own, _ in parts[1:]:
            total[:, radial.SUM :] += own[:, radial.SUM :]
        return np.concatenate([tail for _, tail in parts]), total
