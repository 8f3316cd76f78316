"""A sample that is known exactly, under a beam that is not constant, seen by a detector that misses counts.

Calcium lies in a disc, iron in stripes, copper thickens from left to right. Their lines are those of the X-ray Data Booklet (tables 1-2 and
1-3), as wide as a silicon drift detector shows them, over a background that falls with the energy. Counts are drawn by the seed.
"""

from __future__ import annotations

import dataclasses
import functools
from typing import Any, Final

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]
CHANNEL_EV: Final = 10.0
LINES: Final = {
    "Ca": ((3691.7, 100), (3688.1, 50), (4012.7, 13)),
    "Fe": ((6403.8, 100), (6390.8, 50), (7058.0, 17)),
    "Cu": ((8047.8, 100), (8027.8, 51), (8905.3, 17)),
}
"""Kα1, Kα2 and Kβ1 of each element: eV and relative intensity."""
_NOISE: Final = 90.0
"""Width (FWHM) of a line of no energy, eV."""
_FANO: Final = 0.114
_PAIR: Final = 3.85
"""Energy of an electron-hole pair in silicon, eV."""


@dataclasses.dataclass(frozen=True)
class Simulation:
    """A mesh of ``rows`` by ``columns`` points, line by line."""

    columns: int = 20
    rows: int = 15
    step: float = 0.5
    """Micrometres."""
    counts: float = 2000.0
    """Of an element where there is most of it, at an i0 of 1, in all elements of the detector."""
    channels: int = 4096
    corrections: tuple[float, ...] = (1.05, 1.10, 1.02, 1.20)
    """By how much the elements of the detector count too little."""
    jitter: float = 0.0
    """Standard deviation by which the beam misses its place, in steps."""
    seed: int = 1

    @property
    def points(self) -> int:
        """How many points there are."""
        return self.rows * self.columns

    def position(self, point: int) -> tuple[float, float]:
        """Where the beam is at a point: x and y in micrometres."""
        row, column = divmod(point, self.columns)
        missed = self.jitter * np.random.default_rng([self.seed, point, 1]).normal(size=2)
        return self.step * (column + float(missed[0])), self.step * (row + float(missed[1]))

    def i0(self, point: int) -> float:
        """The intensity of the beam."""
        return 1.0 + 0.2 * float(np.sin(0.37 * point))

    def amounts(self, point: int) -> dict[str, float]:
        """Counts of each element at an i0 of 1, as the detector would see them if it missed none."""
        x, y = self.position(point)
        across, down = x / (self.step * self.columns), y / (self.step * self.rows)
        return {
            "Ca": self.counts * float(np.hypot(across - 0.5, down - 0.5) < 0.3),
            "Fe": self.counts * float(int(5 * down) % 2),
            "Cu": self.counts * min(1.0, max(0.0, across)),
        }

    def spectrum(self, point: int) -> Array:
        """What the elements of the detector count, uint32, (elements, channels)."""
        shapes, background = self._shapes
        expected = background + sum(
            amount * shapes[element] for element, amount in self.amounts(point).items()
        )
        shares = np.array([1 / factor for factor in self.corrections]) / len(self.corrections)
        drawn: Array = np.random.default_rng([self.seed, point]).poisson(
            self.i0(point) * shares[:, np.newaxis] * expected
        )
        return drawn.astype(np.uint32)

    @property
    def configuration(self) -> str:
        """PyMca's configuration for these spectra."""
        peaks = "".join(f"{element} = K\n" for element in LINES)
        return (
            f"[peaks]\n{peaks}\n[fit]\nxmin = 250\nxmax = 1100\nlinearfitflag = 1\nfitweight = 0\nhypermetflag = 1\n"
            "escapeflag = 0\nsumflag = 0\nscatterflag = 0\nstripflag = 0\nstripalgorithm = 1\nsnipwidth = 40\n"
            "stripfilterwidth = 5\nstripanchorsflag = 0\ncontinuum = 4\nlinpolorder = 4\nenergy = 12.0\n\n"
            f"[detector]\ndetele = Si\nzero = 0.0\ngain = {CHANNEL_EV / 1000}\nnoise = {_NOISE / 1000}\nfano = {_FANO}\n"
            "sum = 0.0\nfixedzero = 1\nfixedgain = 1\nfixednoise = 1\nfixedfano = 1\nfixedsum = 1\n"
        )

    @functools.cached_property
    def _shapes(self) -> tuple[dict[str, Array], Array]:
        """The spectrum of each element, of area 1, and the background."""
        energy = CHANNEL_EV * np.arange(self.channels)
        shapes = {}
        for element, lines in LINES.items():
            total = sum(weight for _, weight in lines)
            shapes[element] = np.sum(
                [weight / total * _line(energy, place) for place, weight in lines], axis=0
            )
        return shapes, 4.0 * np.exp(-energy / 6000.0) + 0.1


def _line(energy: Array, place: float) -> Array:
    """A line of area 1 in channels."""
    sigma = np.sqrt((_NOISE / 2.3548) ** 2 + _FANO * _PAIR * place)
    line: Array = CHANNEL_EV / (sigma * np.sqrt(2 * np.pi)) * np.exp(-0.5 * ((energy - place) / sigma) ** 2)
    return line
