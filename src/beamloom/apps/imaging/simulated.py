"""Frames that are known exactly: a beam that wanders, and single photons that share their charge among pixels.

A frame follows from the seed and its index alone.
"""

from __future__ import annotations

import dataclasses
import math
from typing import Any, NamedTuple

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]


class Beam(NamedTuple):
    """What is in a frame of ``Simulation``."""

    row: float
    column: float
    counts: float
    """Of the whole spot, expected."""


@dataclasses.dataclass(frozen=True)
class Simulation:
    """A Gaussian spot that goes round on an ellipse and flickers, with Poisson noise, over a flat background."""

    seed: int = 0
    shape: tuple[int, int] = (96, 128)
    width: float = 5.0
    """Standard deviation of the spot, in pixels."""
    counts: float = 2e5
    background: float = 0.0
    """Expected counts of each pixel."""
    period: int = 40
    """Frames of one round."""

    def truth(self, index: int) -> Beam:
        """What is in frame ``index``."""
        height, width = self.shape
        turn = 2 * math.pi * index / self.period
        flicker = np.random.default_rng([self.seed, index, 1]).uniform(0.8, 1.2)
        return Beam(
            height / 2 + height / 8 * math.sin(turn),
            width / 2 + width / 8 * math.cos(turn),
            self.counts * flicker,
        )

    def frame(self, index: int) -> Array:
        """Frame ``index``, (rows, columns), uint16."""
        beam = self.truth(index)
        height, width = self.shape
        down, along = (
            np.exp(-((np.arange(size) - centre) ** 2) / (2 * self.width**2))
            for size, centre in ((height, beam.row), (width, beam.column))
        )
        spot = np.outer(down, along) / (2 * math.pi * self.width**2)
        counts = np.random.default_rng([self.seed, index]).poisson(beam.counts * spot + self.background)
        return np.minimum(counts, 65535).astype(np.uint16)


class PhotonTruth(NamedTuple):
    """The photons of a frame, (n,) each."""

    row: Array
    """Where they fell; the centre of a pixel is its index."""
    column: Array
    energy: Array


@dataclasses.dataclass(frozen=True)
class PhotonSimulation:
    """Single photons apart from each other, whose charge clouds are Gaussian, on an offset with Gaussian noise."""

    seed: int = 0
    shape: tuple[int, int] = (64, 80)
    photons: int = 20
    """In each frame."""
    energy: float = 200.0
    """Of a photon, in counts; its spread is ``spread``."""
    spread: float = 4.0
    cloud: float = 0.35
    """Standard deviation of a charge cloud, in pixels."""
    offset: float = 100.0
    noise: float = 2.0
    """Standard deviation of a pixel, in counts."""
    _apart: int = 7

    def truth(self, index: int) -> PhotonTruth:
        """The photons of frame ``index``: at most one in each cell of a grid, and away from its edges."""
        random = np.random.default_rng([self.seed, index])
        rows, columns = (size // self._apart for size in self.shape)
        cells = random.choice(rows * columns, min(self.photons, rows * columns), replace=False)
        inside = self._apart / 2 + random.uniform(-1.0, 1.0, (2, len(cells))) - 0.5
        down, along = np.divmod(cells, columns)
        return PhotonTruth(
            down * self._apart + inside[0],
            along * self._apart + inside[1],
            random.normal(self.energy, self.spread, len(cells)),
        )

    def frame(self, index: int) -> Array:
        """Frame ``index``, (rows, columns), uint16."""
        truth = self.truth(index)
        random = np.random.default_rng([self.seed, index, 1])
        image = random.normal(self.offset, self.noise, self.shape)
        for row, column, energy in zip(*truth, strict=True):
            top, left = round(row) - 2, round(column) - 2
            down, along = self._shares(row, top), self._shares(column, left)
            image[top : top + 5, left : left + 5] += energy * np.outer(down, along)
        return np.rint(np.clip(image, 0, 65535)).astype(np.uint16)

    def _shares(self, centre: float, first: int) -> Array:
        """How much of a cloud falls into each of five pixels along one axis."""
        edges = (first - 0.5 + np.arange(6) - centre) / (self.cloud * math.sqrt(2))
        return np.diff([math.erf(edge) / 2 for edge in edges])
