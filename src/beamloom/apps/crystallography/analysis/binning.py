"""Binning of what is summed and shown: squares of pixels as one, each panel for itself.

A bin is the sum of its good pixels times the number of pixels of a whole bin over the number of good ones, so that masked pixels and
the edges of panels leave the level as it is; NaN where it has too few. Pixels beyond the edge of a panel count as bad ones. The panels of
the binned slab lie as before, moved together so that none overlaps another.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from beamloom.apps.crystallography.geometry.model import Geometry

Array = np.ndarray[Any, np.dtype[Any]]
Place = tuple[int, int, int, int]


class Binning:
    """Bins of ``size`` x ``size`` pixels over the panels of a slab; size 1 leaves everything as it is."""

    def __init__(self, places: Sequence[Place], good: Array, size: int, least: int = 0) -> None:
        """``places`` of the panels, ``good`` pixels (ss, fs), and the ``least`` number of good ones that a bin needs; 0: all."""
        self.size = size
        self._least = min(least or size * size, size * size)
        self._from = list(places)
        self.places = self._from if size == 1 else _moved_together(self._from, size)
        """Of the panels in the binned slab."""
        self.shape = (
            good.shape
            if size == 1
            else (max(place[1] for place in self.places) + 1, max(place[3] for place in self.places) + 1)
        )
        self._masked = good
        self._counts = None if size == 1 else self._blocks(good)
        self.good = good if self._counts is None else self._counts >= self._least
        """True for bins that have a value of all frames without NaN."""

    def image(self, slab: Array) -> Array:
        """``slab`` binned: float64, NaN in bad bins; itself for size 1."""
        if self._counts is None:
            return slab
        used, counts = self._masked, self._counts
        if slab.dtype.kind == "f":
            finite = np.isfinite(slab)
            if not finite[used].all():
                used = used & finite
                counts = self._blocks(used)
        sums = self._blocks(np.where(used, slab, slab.dtype.type(0)))
        with np.errstate(invalid="ignore", divide="ignore"):
            values: Array = np.where(counts >= self._least, sums * (self.size**2 / counts), np.nan)
        return values

    def positions(self, fs: Array, ss: Array, panel: Array) -> tuple[Array, Array]:
        """Peaks at ``fs`` and ``ss``, of the panels with these indices, in the binned slab; the centre of a bin is its index."""
        if self.size == 1 or not len(fs):
            return fs, ss
        before, after = np.array(self._from)[panel], np.array(self.places)[panel]
        along = (fs - before[:, 2] + 0.5) / self.size - 0.5 + after[:, 2]
        down = (ss - before[:, 0] + 0.5) / self.size - 0.5 + after[:, 0]
        return along, down

    def geometry(self, geometry: Geometry) -> Geometry:
        """The geometry of the binned slab: its pixels are bins."""
        if self.size == 1:
            return geometry
        panels = tuple(
            dataclasses.replace(
                panel,
                min_ss=top,
                max_ss=bottom,
                min_fs=left,
                max_fs=right,
                corner_x=panel.corner_x / self.size,
                corner_y=panel.corner_y / self.size,
                res=panel.res / self.size,
                data="/data/data",
                dims=("ss", "fs"),
                masks={},
            )
            for panel, (top, bottom, left, right) in zip(geometry.panels, self.places, strict=True)
        )
        return dataclasses.replace(geometry, panels=panels, bad_regions=())

    def _blocks(self, values: Array) -> Array:
        """The sum of ``values`` in each bin; 0 outside of the panels."""
        blocks = np.zeros(self.shape)
        for (top, bottom, left, right), (row, last_row, column, last_column) in zip(
            self._from, self.places, strict=True
        ):
            panel = values[top : bottom + 1, left : right + 1]
            rows = np.zeros((last_row - row + 1, panel.shape[1]))
            for step in range(min(self.size, len(panel))):
                part = panel[step :: self.size]
                rows[: len(part)] += part
            bins = blocks[row : last_row + 1, column : last_column + 1]
            for step in range(min(self.size, rows.shape[1])):
                columns = rows[:, step :: self.size]
                bins[:, : columns.shape[1]] += columns
        return blocks


def _moved_together(places: list[Place], size: int) -> list[Place]:
    rows = _starts([(top, bottom) for top, bottom, _, _ in places], size)
    columns = _starts([(left, right) for _, _, left, right in places], size)
    return [
        (
            rows[top, bottom],
            rows[top, bottom] + math.ceil((bottom - top + 1) / size) - 1,
            columns[left, right],
            columns[left, right] + math.ceil((right - left + 1) / size) - 1,
        )
        for top, bottom, left, right in places
    ]


def _starts(spans: list[tuple[int, int]], size: int) -> dict[tuple[int, int], int]:
    """Where each span begins once binned: after all that ended before it."""
    starts: dict[tuple[int, int], int] = {}
    for first, last in sorted(set(spans)):
        starts[first, last] = max(
            (
                start + math.ceil((stop - begin + 1) / size)
                for (begin, stop), start in starts.items()
                if stop < first
            ),
            default=0,
        )
    return starts
