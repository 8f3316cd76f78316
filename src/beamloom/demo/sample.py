"""The sample of the demo, known exactly: a cloth with a weft of iron, a warp of copper, and a letter embroidered in gold.

``Sample`` says what is where and what a spectrometer counts there: the expected spectrum without noise is the truth, and a Poisson
draw from it with a fixed seed is what the simulated spectrometer sends. So every run measures the same, count by count.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.float64]
"""One number for each point of the mesh, (rows, columns)."""

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
"""Lines of each element: energy in eV (X-ray Data Booklet, table 1-2: Ka1 and Kb1, for Au La1 and Lb1) and relative intensity."""

_BACKGROUND: Final = ((3000.0, 2500.0, 200.0), (12700.0, 90.0, 300.0))
"""Centre and width in eV, and counts, of what is in every spectrum: scattering in the sample, and the elastic peak of the beam."""

_LETTER: Final = ("####.", "#...#", "#...#", "####.", "#...#", "#...#", "####.")
_THREADS: Final = 4
"""Threads of the weft, and of the warp, in the picture."""


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
        y = (np.arange(self.rows)[:, None] + 0.5) / self.rows
        x = (np.arange(self.columns)[None, :] + 0.5) / self.columns
        weft, warp = _thread(y), _thread(x)
        # At each crossing one thread covers the other, by turns.
        weft_on_top = 0.5 + 0.5 * np.sign(np.sin(np.pi * _THREADS * x) * 0 + _turn(x, y))
        return {
            "Fe": weft * np.where(warp * (1 - weft_on_top) > 0.3, 0.15, 1.0),
            "Cu": warp * np.where(weft * weft_on_top > 0.3, 0.15, 1.0),
            "Au": _letter(x, y),
        }

    def expected_counts(self, first: int, stop: int) -> Picture:
        """Counts that the whole detector is expected to have in the channels ``first`` up to ``stop``, without it."""
        return (
            self._background()[first:stop].sum()
            + sum(picture * line[first:stop].sum() for picture, line in self._lines())
        ).reshape(self.rows, self.columns)

    def spectra(self) -> Iterator[NDArray[np.int64]]:
        """What the spectrometer counts at each point, (detector elements, bins), in the order of the scan."""
        noise = np.random.default_rng(self.seed)
        background = self._background()
        lines = [(picture.ravel(), line) for picture, line in self._lines()]
        for point in range(self.points):
            expected = background + sum(picture[point] * line for picture, line in lines)
            yield noise.poisson(expected / DETECTOR_ELEMENTS, (DETECTOR_ELEMENTS, BINS))

    def _lines(self) -> list[tuple[Picture, NDArray[np.float64]]]:
        """For each element where it is, and its spectrum where there is most of it."""
        spectra = {
            element: sum(_peak(energy, LINE_SIGMA * CHANNEL_EV, COUNTS * share) for energy, share in lines)
            for element, lines in LINE_ENERGIES.items()
        }
        return [(picture, np.asarray(spectra[element])) for element, picture in self.pictures().items()]

    @staticmethod
    def _background() -> NDArray[np.float64]:
        return np.sum([_peak(*peak) for peak in _BACKGROUND], axis=0)
