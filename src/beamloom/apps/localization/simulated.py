"""A series whose every photon is known: molecules that blink, on rings or on a grid, and a camera with offset, noise and gain.

A frame follows from the seed and its index alone. Molecules stay where they are but for the drift, are dark most of the time, and light
up for a whole number of frames.
"""

from __future__ import annotations

import dataclasses
import functools
import math
from typing import Any, Final, Literal, NamedTuple

import numpy as np

from beamloom.apps.localization.settings import Camera, Settings

Array = np.ndarray[Any, np.dtype[Any]]
_RING: Final = 8
"""Molecules of a ring."""


class Truth(NamedTuple):
    """What shines in a frame."""

    molecule: Array
    """Their numbers, (n,)."""
    x: Array
    """Where they are, drift included, in nm, (n,)."""
    y: Array
    photons: Array
    """Expected photo-electrons of each, (n,)."""


@dataclasses.dataclass(frozen=True)
class Simulation:
    """A series of frames; see the top of the module."""

    seed: int = 0
    frames: int = 1000
    shape: tuple[int, int] = (128, 128)
    """Rows and columns of a frame."""
    molecules: int = 400
    pattern: Literal["rings", "grid"] = "rings"
    """On a grid molecules are 14 pixels apart and more, so that no spot is in the pixels of another; ``molecules`` is not used then."""
    ring: float = 500.0
    """Radius of a ring, in nm."""
    lit: float = 0.03
    """Share of the frames that a molecule is lit in."""
    blink: float = 2.0
    """Mean length of a blink, in frames."""
    photons: float = 1000.0
    """Expected of a molecule in a frame."""
    background: float = 10.0
    """Expected photo-electrons of a pixel."""
    psf_sigma: float = 130.0
    """In nm."""
    drift: tuple[float, float] = (0.0, 0.0)
    """Of all molecules along x and y, in nm, from the first to the last frame, as a parabola."""
    camera: Camera = dataclasses.field(default_factory=Camera)

    def settings(self, **changes: Any) -> Settings:
        """What fits this series."""
        return dataclasses.replace(Settings(camera=self.camera, psf_sigma=self.psf_sigma), **changes)

    @functools.cached_property
    def places(self) -> Array:
        """Of the molecules without drift: x and y in nm, (molecules, 2)."""
        random = np.random.default_rng([self.seed, 1])
        size, (height, width) = self.camera.pixel_size, self.shape
        if self.pattern == "grid":
            down, along = np.meshgrid(
                np.arange(10, height - 10, 15), np.arange(10, width - 10, 15), indexing="ij"
            )
            grid = np.column_stack([along.ravel(), down.ravel()])
            return (grid + random.uniform(-0.5, 0.5, grid.shape)) * size
        rings = -(-self.molecules // _RING)
        margin = self.ring + 8 * size
        centres = random.uniform(margin, np.array([width, height]) * size - margin, (rings, 2))
        angles = np.arange(_RING) * 2 * math.pi / _RING + random.uniform(0, math.pi, (rings, 1))
        around = self.ring * np.stack([np.cos(angles), np.sin(angles)], axis=-1)
        return (centres[:, None, :] + around).reshape(-1, 2)[: self.molecules]

    def drift_at(self, index: int) -> tuple[float, float]:
        """How far all molecules have drifted in frame ``index``, in nm along x and y."""
        share = index / max(self.frames - 1, 1)
        return self.drift[0] * share**2, self.drift[1] * share**2

    def truth(self, index: int) -> Truth:
        """What shines in frame ``index``."""
        molecule = np.flatnonzero(self._lit_in[index])
        x, y = (self.places[molecule] + self.drift_at(index)).T
        return Truth(molecule, x, y, np.full(len(molecule), float(self.photons)))

    def expected(self, index: int) -> Array:
        """Photo-electrons that are expected in each pixel of frame ``index``, float64 (rows, columns)."""
        image = np.full(self.shape, float(self.background))
        truth, scale = self.truth(index), 1 / self.camera.pixel_size
        width = self.psf_sigma * scale
        for x, y, photons in zip(truth.x * scale, truth.y * scale, truth.photons, strict=True):
            image += photons * np.outer(_shares(y, width, self.shape[0]), _shares(x, width, self.shape[1]))
        return image

    def frame(self, index: int) -> Array:
        """Frame ``index`` as the camera counts it, uint16 (rows, columns)."""
        random, camera = np.random.default_rng([self.seed, 2, index]), self.camera
        electrons: Array = random.poisson(self.expected(index)).astype(np.float64)
        if camera.em_gain > 1:
            electrons = random.gamma(np.maximum(electrons, 1e-9), camera.em_gain)
        electrons += random.normal(0, camera.read_noise, self.shape) if camera.read_noise else 0.0
        counts = np.rint(electrons / camera.electrons_per_count + camera.offset)
        return np.clip(counts, 0, np.iinfo(np.uint16).max).astype(np.uint16)

    def stack(self, first: int = 0, stop: int | None = None) -> Array:
        """Frames ``first`` to ``stop``, (stop - first, rows, columns)."""
        return np.stack([self.frame(index) for index in range(first, self.frames if stop is None else stop)])

    @functools.cached_property
    def _lit_in(self) -> Array:
        """Which molecule is lit in which frame, (frames, molecules)."""
        random = np.random.default_rng([self.seed, 3])
        count = len(self.places)
        lit = np.empty((self.frames, count), bool)
        state = random.random(count) < self.lit
        off = 1 / max(self.blink, 1.0)
        on = off * self.lit / max(1 - self.lit, 1e-9)
        for index in range(self.frames):
            lit[index] = state
            chance = random.random(count)
            state = np.where(state, chance >= off, chance < on)
        return lit


def _shares(centre: float, sigma: float, size: int) -> Array:
    """The share of a Gaussian that falls into each pixel along one axis; none farther than eight standard deviations."""
    shares = np.zeros(size)
    first = max(0, int(centre - 8 * sigma))
    stop = min(size, int(centre + 8 * sigma) + 2)
    root = 1 / (math.sqrt(2) * sigma)
    edges = [math.erf((edge - 0.5 - centre) * root) for edge in range(first, stop + 1)]
    shares[first:stop] = 0.5 * np.diff(edges)
    return shares
