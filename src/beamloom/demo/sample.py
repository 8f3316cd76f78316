"""The sample of the demo, known exactly: a cloth with a weft of iron, a warp of copper, and a letter embroidered in gold.

``Sample`` says what is where and what a spectrometer counts there: the expected spectrum without noise is the truth, and a Poisson
draw from it with a fixed seed is what the simulated spectrometer sends. So every run measures the same, count by count.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.float64]
"""One number for each point of the mesh, (rows, columns)."""
Spectrum = NDArray[np.float64]
"""Expected counts in each channel."""

STEP: Final = 0.5
"""From one point of the mesh to the next, in micrometres."""
DETECTOR_ELEMENTS: Final = 4
BINS: Final = 4096
CHANNEL_EV: Final = 10.0
COUNTS: Final = 400.0
"""Expected in the strongest line of an element, in one exposure, where the sample has most of it."""
LINE_SIGMA: Final = 6.0
"""Of a line in channels; a resolution of 140 eV (FWHM), as silicon drift detectors have it."""

LINE_ENERGIES: Final[Mapping[str, tuple[tuple[float, float], ...]]] = {
    "Fe": ((6404.0, 1.0), (7058.0, 0.14)),
    "Cu": ((8048.0, 1.0), (8905.0, 0.14)),
    "Au": ((9713.0, 1.0), (11443.0, 0.67)),
}
"""Lines of each element: energy in eV (X-ray Data Booklet, tables 1-2 and 1-3: Ka1 and Kb1, for Au La1 and Lb1) and relative intensity."""

_BACKGROUND: Final = ((7000.0, 4000.0, 500.0), (12700.0, 90.0, 300.0))
"""Centre and standard deviation in eV, and counts, of what is in every spectrum: scattering, and the elastic peak of the beam."""

_LETTER: Final = ("######.", *["##...##"] * 3, *["######."] * 2, *["##...##"] * 3, "######.")
_THREADS: Final = 4
"""Threads of the weft, and of the warp, in the picture."""
_COVERED: Final = 0.75
"""How much of a thread its fluorescence does not show where another one lies on it."""


@dataclass(frozen=True)
class Sample:
    """The sample under a mesh of ``rows`` by ``columns`` points, the beam going along the rows."""

    columns: int = 25
    rows: int = 28
    seed: int = 1895

    @property
    def points(self) -> int:
        """Number of points of the scan."""
        return self.rows * self.columns

    def positions(self) -> list[tuple[float, float]]:
        """The points as (y, x) in micrometres, in the order of the scan."""
        return [(row * STEP, column * STEP) for row in range(self.rows) for column in range(self.columns)]

    def place_of(self, x: float, y: float) -> tuple[int, int]:
        """Row and column of the point at a position in micrometres."""
        return round(y / STEP), round(x / STEP)

    def pictures(self) -> dict[str, Picture]:
        """How much of each element is where, from 0 to 1."""
        y, x = np.meshgrid(_middles(self.rows), _middles(self.columns), indexing="ij")
        weft, warp = _threads(y), _threads(x)
        weft_on_top = (np.floor(_THREADS * x) + np.floor(_THREADS * y)) % 2 == 0
        return {
            "Fe": weft * np.where(weft_on_top, 1.0, 1.0 - _COVERED * warp),
            "Cu": warp * np.where(weft_on_top, 1.0 - _COVERED * weft, 1.0),
            "Au": _letter(x, y),
        }

    def expected_counts(self, first: int, stop: int) -> Picture:
        """Counts that the whole detector is expected to have in the channels from ``first`` to before ``stop``."""
        background = self._background()[first:stop].sum()
        lines = (picture * line[first:stop].sum() for picture, line in self._lines())
        counts: Picture = sum(lines, np.full((self.rows, self.columns), background))
        return counts

    def spectra(self) -> Iterator[NDArray[np.int64]]:
        """What the spectrometer counts at each point, (detector elements, bins), in the order of the scan."""
        noise = np.random.default_rng(self.seed)
        background = self._background()
        lines = [(picture.ravel(), line) for picture, line in self._lines()]
        for point in range(self.points):
            expected = sum((picture[point] * line for picture, line in lines), background)
            yield noise.poisson(expected / DETECTOR_ELEMENTS, (DETECTOR_ELEMENTS, BINS))

    def _lines(self) -> list[tuple[Picture, Spectrum]]:
        """For each element where it is, and its spectrum where there is most of it."""
        return [
            (
                picture,
                _peaks(
                    (energy, LINE_SIGMA * CHANNEL_EV, COUNTS * share)
                    for energy, share in LINE_ENERGIES[element]
                ),
            )
            for element, picture in self.pictures().items()
        ]

    @staticmethod
    def _background() -> Spectrum:
        return _peaks(_BACKGROUND)


def _middles(pixels: int) -> Picture:
    """Where the middle of each pixel is, the picture reaching from 0 to 1."""
    middles: Picture = (np.arange(pixels) + 0.5) / pixels
    return middles


def _threads(across: Picture) -> Picture:
    """Parallel threads, thickest in their middle."""
    profile: Picture = np.clip(1.3 * np.sin(np.pi * _THREADS * across) ** 2 - 0.15, 0.0, 1.0)
    return profile


def _letter(x: Picture, y: Picture) -> Picture:
    """A letter in the middle of the picture, filled with slanting stitches."""
    rows, columns = len(_LETTER), len(_LETTER[0])
    row = np.floor((y - 4 / 28) / (20 / 28) * rows).astype(int)
    column = np.floor((x - 6 / 25) / (14 / 25) * columns).astype(int)
    inside = (row >= 0) & (row < rows) & (column >= 0) & (column < columns)
    strokes = np.array([[mark == "#" for mark in line] for line in _LETTER])
    covered = inside & strokes[row.clip(0, rows - 1), column.clip(0, columns - 1)]
    stitches = 0.8 + 0.2 * np.sin(2 * np.pi * (6 * x + 7 * y))
    letter: Picture = np.where(covered, stitches, 0.0)
    return letter


def _peaks(peaks: Iterable[tuple[float, float, float]]) -> Spectrum:
    """Gaussian peaks, each given by its centre and standard deviation in eV and its counts, as expected counts in each channel."""
    energy = np.arange(BINS) * CHANNEL_EV
    spectrum = np.zeros(BINS)
    for centre, sigma, counts in peaks:
        height = counts * CHANNEL_EV / (sigma * np.sqrt(2 * np.pi))
        spectrum += height * np.exp(-0.5 * ((energy - centre) / sigma) ** 2)
    return spectrum
