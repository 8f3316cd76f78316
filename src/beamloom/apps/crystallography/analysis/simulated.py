"""Frames that are known exactly: spots on rings over a background that falls off from the beam, on four panels with gaps between them.

A frame follows from the seed and its index alone. Each is a hit with the probability ``hit_share``; others have a few stray spots. Spots
are Gaussian, keep their distance from each other and from the edges of panels, and all counts are drawn from Poisson distributions.
"""

from __future__ import annotations

import dataclasses
import math
from typing import Any, Final, NamedTuple

import numpy as np

from beamloom.apps.crystallography.geometry.model import Geometry
from beamloom.apps.crystallography.geometry.parse import parse_geometry

Array = np.ndarray[Any, np.dtype[Any]]
WIDTH: Final = 0.9
"""Standard deviation of a spot, in pixels."""
_REACH: Final = 4
_APART: Final = 14.0
"""Pixels between two spots, at least, so that none is in another's local background's core."""


class Truth(NamedTuple):
    """What is in a frame."""

    hit: bool
    fs: Array
    """Centres of the spots, in pixels of the slab, (n,)."""
    ss: Array
    counts: Array
    """Expected counts of each spot, (n,)."""


@dataclasses.dataclass(frozen=True)
class Simulation:
    """A series of frames; see the top of the module."""

    seed: int = 0
    panel: tuple[int, int] = (128, 160)
    """Pixels of a panel along ss and fs; the slab has two by two."""
    gap: int = 9
    """Pixels between panels in space."""
    hit_share: float = 0.4
    spots: tuple[int, int] = (15, 30)
    """Spots of a hit, at least and at most."""
    strays: int = 3
    """Spots of others, at most."""
    counts: tuple[float, float] = (250.0, 900.0)
    """Expected counts of a spot, at least and at most."""
    level: float = 2.0
    """Counts of the background near the beam."""
    rings: int = 5

    @property
    def shape(self) -> tuple[int, int]:
        """Of the slab, (ss, fs)."""
        return 2 * self.panel[0], 2 * self.panel[1]

    def geometry_text(self) -> str:
        """The geometry as CrystFEL writes it: 75 um pixels, 0.1 m from the sample, 9500 eV."""
        height, width = self.panel
        lines = ["photon_energy = 9500 eV", "clen = 0.1 m", "res = 13333.3"]
        for row in (0, 1):
            for column in (0, 1):
                name = f"p{row}{column}"
                lines += [
                    f"{name}/min_ss = {row * height}",
                    f"{name}/max_ss = {row * height + height - 1}",
                    f"{name}/min_fs = {column * width}",
                    f"{name}/max_fs = {column * width + width - 1}",
                    f"{name}/corner_x = {self.gap / 2 if column else -width - self.gap / 2}",
                    f"{name}/corner_y = {self.gap / 2 if row else -height - self.gap / 2}",
                    f"{name}/fs = +1.0x +0.0y",
                    f"{name}/ss = +0.0x +1.0y",
                ]
        return "\n".join(lines) + "\n"

    def geometry(self) -> Geometry:
        """The same, read."""
        return parse_geometry(self.geometry_text())

    def truth(self, index: int) -> Truth:
        """What is in frame ``index``."""
        random = np.random.default_rng([self.seed, index])
        hit = bool(random.random() < self.hit_share)
        wanted = int(
            random.integers(self.spots[0], self.spots[1] + 1) if hit else random.integers(self.strays + 1)
        )
        places: list[tuple[float, float]] = []
        for _ in range(1000 * wanted):
            if len(places) == wanted:
                break
            place = self._place(random)
            if place and all(math.dist(place, other) >= _APART for other in places):
                places.append(place)
        fs, ss = np.array(places).reshape(-1, 2).T
        return Truth(hit, fs, ss, random.uniform(*self.counts, len(places)))

    def frame(self, index: int) -> Array:
        """Frame ``index``, (ss, fs), uint16."""
        truth = self.truth(index)
        expected = self._background()
        for fs, ss, counts in zip(truth.fs, truth.ss, truth.counts, strict=True):
            row, column = round(ss), round(fs)
            here = np.s_[row - _REACH : row + _REACH + 1, column - _REACH : column + _REACH + 1]
            down, along = np.ogrid[here]
            distance = (down - ss) ** 2 + (along - fs) ** 2
            expected[here] += counts * np.exp(-distance / (2 * WIDTH**2)) / (2 * math.pi * WIDTH**2)
        counts_seen: Array = np.random.default_rng([self.seed, index, 1]).poisson(expected)
        return np.minimum(counts_seen, np.iinfo(np.uint16).max).astype(np.uint16)

    def _place(self, random: np.random.Generator) -> tuple[float, float] | None:
        """A place on a ring, in the slab; None where it falls into a gap, off the detector, or too near to an edge."""
        reach = min(self.panel) + self.gap / 2
        radius = reach * (0.25 + 0.75 * random.integers(1, self.rings + 1) / self.rings)
        angle = random.uniform(0, 2 * math.pi)
        found = []
        for space, size in (
            (radius * math.cos(angle), self.panel[1]),
            (radius * math.sin(angle), self.panel[0]),
        ):
            # Space is measured to corners of pixels, the slab to their centres.
            along = (space - self.gap / 2 if space > 0 else space + self.gap / 2 + size) - 0.5
            if not _REACH + 2 <= along <= size - 3 - _REACH:
                return None
            found.append(along + (size if space > 0 else 0))
        return found[0], found[1]

    def _background(self) -> Array:
        height, width = self.panel
        y = np.arange(-height, height) + np.where(np.arange(-height, height) < 0, -1, 1) * self.gap / 2 + 0.5
        x = np.arange(-width, width) + np.where(np.arange(-width, width) < 0, -1, 1) * self.gap / 2 + 0.5
        background: Array = self.level * np.exp(-np.hypot(y[:, np.newaxis], x) / width) + 0.3
        return background
