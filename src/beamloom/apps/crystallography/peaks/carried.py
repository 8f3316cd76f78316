"""Radial statistics that are carried over frames, and the search that follows from them: the fast mode.

The first frame gives them from all its pixels. Each later frame adds one row in ``STEP``, another one each time, clipped by the limits
that hold; after ``STEP`` frames, when every row had its turn, the limits are renewed, and what was gathered before counts for
``KEPT`` of what it did. So the statistics remember some 64 frames.

Where the background changes at once (more than ``STRAY`` of the added pixels outside of the limits, or their mean shifted by
half a sigma), the statistics are taken from all pixels of the frame in which it is seen, as from a first one.
"""

from __future__ import annotations

import dataclasses
from typing import Any, Final

import numpy as np

from beamloom.apps.crystallography.peaks import radial
from beamloom.apps.crystallography.peaks.bands import Crew, bands
from beamloom.apps.crystallography.peaks.blocks import Blocks, as_whole_numbers, scan
from beamloom.apps.crystallography.peaks.layout import Layout
from beamloom.apps.crystallography.peaks.statistics import Clipping, FrameStatistics

Array = np.ndarray[Any, np.dtype[Any]]

STEP: Final = 16
KEPT: Final = 0.75
STRAY: Final = 0.01
SHIFT: Final = 0.5
LEAST_CLIPPING: Final = 3.0
"""Limits nearer than 3 sigma, renewed without end, would close in on nothing."""


@dataclasses.dataclass(frozen=True, eq=False)
class _Background:
    """Number, mean, and sum of squared differences to the mean, of the background pixels of each bin."""

    count: Array
    mean: Array
    squares: Array

    def joined(self, other: _Background) -> _Background:
        """Both together, without taking differences of large sums (Chan, Golub and LeVeque 1983)."""
        count = self.count + other.count
        share = np.divide(other.count, count, out=np.zeros_like(count), where=count > 0)
        apart = other.mean - self.mean
        return _Background(
            count,
            self.mean + apart * share,
            self.squares + other.squares + apart * apart * self.count * share,
        )

    def faded(self, kept: float) -> _Background:
        return _Background(self.count * kept, self.mean, self.squares * kept)


@dataclasses.dataclass(frozen=True, eq=False)
class _Standing:
    """What holds between two renewals, for frames of one type."""

    states: Array
    clipping: Clipping
    dtype: np.dtype[Any]
    background: _Background
    cores: Array
    thresholds: Array
    floors: Array
    gathered: Array
    """Number, and sums of value - low and of its square, of what the frames since have added to each bin."""


class CarriedStatistics:
    """The statistics of a stream of frames of one layout."""

    def __init__(self, layout: Layout, crew: Crew, of_frames: FrameStatistics) -> None:
        self._layout = layout
        self._crew = crew
        self._of_frames = of_frames
        self._labels = layout.labels.reshape(-1)
        self._bands = bands(layout.labels.shape[0])
        self._blocks = Blocks(layout.labels, layout.bins)
        self._row_counts = [layout.pixel_counts(phase, STEP) for phase in range(STEP)]
        self._tail = np.empty(-(-layout.labels.shape[0] // STEP) * layout.labels.shape[1], np.int32)
        self._found = np.empty(layout.labels.size, np.int32)
        self._standing: _Standing | None = None
        self._phase = 0
        self.beginnings = 0
        """How often the statistics were taken from all pixels of a frame."""

    def forget(self) -> None:
        """Frames of another kind follow: take the statistics from the next one."""
        self._standing = None

    def of(self, frame: Array, clipping: Clipping) -> tuple[Array, Array]:
        """As ``FrameStatistics.of``, by what earlier frames taught."""
        standing = self._standing
        if (
            standing is None
            or standing.clipping != clipping
            or standing.dtype != frame.dtype
            or not self._gather(frame, standing)
        ):
            return self._begin(frame, clipping)
        candidates = self._candidates(frame, standing)
        self._phase += 1
        if self._phase == STEP:
            self._renew(standing)
        return standing.states, candidates

    def _begin(self, frame: Array, clipping: Clipping) -> tuple[Array, Array]:
        """Take the statistics from all pixels of ``frame``."""
        states, candidates = self._of_frames.of(frame, clipping)
        counts = self._layout.pixel_counts(0, 1).astype(np.float64)
        background = _Background(counts, states[:, 0], counts * states[:, 1] ** 2)
        self._settle(states, clipping, frame.dtype, background)
        self.beginnings += 1
        return states, candidates

    def _settle(
        self, states: Array, clipping: Clipping, dtype: np.dtype[Any], background: _Background
    ) -> None:
        bins = self._layout.bins
        reach = max(clipping.snr, LEAST_CLIPPING) * states[:, 1]
        cores = np.zeros((2 * bins, 4), np.float64)
        cores[:bins, radial.LOW] = states[:, 0] - reach
        cores[:bins, radial.HIGH] = np.maximum(states[:, 0] + reach, states[:, 3])
        cores[bins:, radial.LOW] = -np.inf
        cores[bins:, radial.HIGH] = np.inf
        thresholds = np.full(2 * bins, np.inf)
        thresholds[:bins] = states[:, 3]
        self._phase = 0
        self._standing = _Standing(
            states,
            clipping,
            dtype,
            background,
            cores,
            thresholds,
            self._blocks.floors(states[:, 3], dtype),
            np.zeros((bins, 3), np.float64),
        )

    def _gather(self, frame: Array, standing: _Standing) -> bool:
        """Add some rows of ``frame``; False, and nothing added, if they do not go with what holds."""
        bins = self._layout.bins
        cores = standing.cores.copy()
        rows = frame.shape[0]
        tail = self._tail[
            : radial.fold(frame, self._layout.labels, self._phase, rows, STEP, cores, self._tail)
        ]
        outside = np.bincount(self._labels[tail], minlength=2 * bins)[:bins]
        seen = self._row_counts[self._phase]
        if outside.sum() > STRAY * seen.sum():
            return False
        counts = seen - outside
        sums = cores[:bins, radial.SUM]
        states = standing.states
        shift = float(np.sum(sums + counts * (cores[:bins, radial.LOW] - states[:, 0])))
        if abs(shift) > SHIFT * float(np.sum(counts * states[:, 1])):
            return False
        standing.gathered[:, 0] += counts
        standing.gathered[:, 1] += sums
        standing.gathered[:, 2] += cores[:bins, radial.SQUARES]
        return True

    def _candidates(self, frame: Array, standing: _Standing) -> Array:
        columns = frame.shape[1]
        whole = as_whole_numbers(frame)

        def search(band: int) -> Array:
            first, last = self._bands[band]
            found = self._found[first * columns : last * columns]
            count = scan(
                frame,
                whole,
                self._layout.labels,
                standing.thresholds,
                standing.floors,
                self._blocks.live,
                first,
                last,
                found,
            )
            return found[:count]

        return np.concatenate(self._crew.each(search, len(self._bands)))

    def _renew(self, standing: _Standing) -> None:
        """New limits, from what was gathered and from what was known before."""
        clipping = standing.clipping
        count, total, squares = standing.gathered.T
        mean = np.divide(total, count, out=np.zeros_like(total), where=count > 0)
        fresh = _Background(
            count, standing.cores[: self._layout.bins, radial.LOW] + mean, squares - mean * total
        )
        background = standing.background.faded(KEPT).joined(fresh)
        variance = np.divide(
            background.squares,
            background.count,
            out=np.zeros_like(background.squares),
            where=background.count > 0,
        )
        sigma = np.sqrt(np.maximum(variance, 0.0))
        sigma = np.maximum(np.where(sigma > 0, sigma, standing.states[:, 1]), clipping.least_sigma)
        states = np.empty_like(standing.states)
        states[:, 0] = background.mean
        states[:, 1] = sigma
        states[:, 2] = background.mean - clipping.snr * sigma
        states[:, 3] = np.maximum(background.mean + clipping.snr * sigma, clipping.adc)
        empty = background.count == 0
        states[empty] = standing.states[empty]
        self._settle(states, clipping, standing.dtype, background)
