"""Spectra to amounts: the background is taken off, and a linear least-squares fit of the model's shapes to the rest solved.

The fit is that of PyMca's ``FastXRFLinearFit`` without weights. Its matrix does not depend on the spectrum, so all that is left for each is
one product with the pseudo-inverse. Where an element comes out below zero it is left out, the most significant first, and the others fitted
again, as long as there is one.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from beamloom.apps.fluorescence.background import snip
from beamloom.apps.fluorescence.model import Model

Array = np.ndarray[Any, np.dtype[Any]]
_KEPT: Final = 256
"""Models without some elements whose inverse is kept."""


class LinearFit:
    """Fits spectra by one model. Not for several threads at once."""

    def __init__(self, model: Model, *, negative: bool = False) -> None:
        """``negative``: whether amounts may be below zero."""
        self.model = model
        self._negative = negative
        self._inverses: dict[bytes, tuple[Array, Array]] = {}
        self._all = np.ones(len(model.names), bool)

    @property
    def elements(self) -> tuple[str, ...]:
        """The groups that are no background."""
        return self.model.names[self.model.backgrounds :]

    def amounts(self, spectrum: Array) -> Array:
        """The area of each of ``elements`` in counts, float64; NaN where a count is. ``spectrum``: counts of all channels (bins,)."""
        return self._solved(self._stripped(spectrum))[self.model.backgrounds :]

    def curves(self, spectrum: Array) -> dict[str, Array]:
        """Over the channels of the model: ``counts``, ``background``, and ``fit``, which is background and elements."""
        counts = np.asarray(spectrum[self.model.channels], np.float64)
        rest = self._stripped(spectrum)
        solved = self._solved(rest)
        first = self.model.backgrounds
        background = counts - rest + solved[:first] @ self.model.shapes[:first]
        return {
            "counts": counts,
            "background": background,
            "fit": background + solved[first:] @ self.model.shapes[first:],
        }

    def _stripped(self, spectrum: Array) -> Array:
        counts = np.array(spectrum[self.model.channels], np.float64)
        return counts - snip(counts, self.model) if self.model.strip else counts

    def _solved(self, counts: Array) -> Array:
        inverse, spread = self._inverse(self._all)
        solved: Array = inverse @ counts
        # What is not known stays so, whichever elements are left out.
        if self._negative or not np.isfinite(solved).all():
            return solved
        used = self._all
        while True:
            significance = solved[self.model.backgrounds :] / spread[self.model.backgrounds :]
            worst = int(significance.argmin()) if significance.size else 0
            if not significance.size or significance[worst] >= 0:
                return solved
            used = used.copy()
            used[self.model.backgrounds + worst] = False
            inverse, spread = self._inverse(used)
            solved = inverse @ counts

    def _inverse(self, used: Array) -> tuple[Array, Array]:
        """The pseudo-inverse with rows of 0 for what is not used, and the standard deviation that counts of 1 everywhere would give."""
        key = used.tobytes()
        found = self._inverses.get(key)
        if found is None:
            inverse = np.zeros_like(self.model.shapes)
            if used.any():
                inverse[used] = np.linalg.pinv(self.model.shapes[used].T)
            spread = np.sqrt((inverse**2).sum(axis=1))
            spread[~used] = 1.0
            while len(self._inverses) >= _KEPT:
                del self._inverses[next(iter(self._inverses))]
            found = self._inverses[key] = inverse, spread
        return found
