"""Mean: the mean of the values of all events, element by element, with their variance.

Values are taken in by the update of Welford (Technometrics 4 (1962) 419), partials are merged by the pairwise formula of Chan, Golub and
LeVeque (STAN-CS-79-773, 1979; The American Statistician 37 (1983) 242): with counts n, means m and sums of squared deviations M,

    d = m_b - m_a,   m = m_a + d n_b / n,   M = M_a + M_b + d² n_a n_b / n.

Both stay exact to rounding where the textbook formula (mean of squares less square of mean) loses all digits. Each merge rounds, so that
the last digits depend on how the events were spread over workers: results agree to about 1e-12, not bit for bit.
"""

from __future__ import annotations

from typing import Any, Self

import numpy as np
import numpy.typing as npt

from beamloom.engine.ranges import RangeSet
from beamloom.results.types._account import Account, event_number, frozen, numbers, same_type
from beamloom.results.types._nexus import Labels, nxdata

Floats = npt.NDArray[np.float64]


class Mean:
    """Mean and variance of real values of one shape, in float64. A NaN makes its element NaN."""

    def __init__(self, *, units: str = "", label: str = "") -> None:
        self._labels = Labels(units, label)
        self._count = 0
        self._mean: Floats | None = None
        self._squares: Floats | None = None
        """Sum of the squared deviations; None as long as it is 0 because there is one value."""
        self._account = Account()

    def add(self, event: int, value: Any) -> Self:
        """A value of an event; an event may have several. Raises ValueError for another shape, TypeError for what is no real number."""
        number, array = event_number(event), numbers(value, "buif")
        self._check_shape(array.shape)
        self._take(1, np.array(array, np.float64), None)
        self._account.enter(number)
        return self

    def _check_shape(self, shape: tuple[int, ...]) -> None:
        if self._mean is not None and shape != self._mean.shape:
            raise ValueError(
                f"a value of shape {shape} has no mean with values of shape {self._mean.shape}; give each shape its own Mean"
            )

    def _take(self, count: int, mean: Floats, squares: Floats | None) -> None:
        if self._mean is None:
            self._count, self._mean, self._squares = count, mean, squares
            return
        total = self._count + count
        difference = mean - self._mean
        # New arrays, as those before may be in a snapshot.
        spread = difference * difference * (self._count * count / total)
        for one in (self._squares, squares):
            if one is not None:
                spread += one
        difference *= count / total
        self._mean = np.asarray(self._mean + difference)
        self._squares = np.asarray(spread)
        self._count = total

    def check(self, other: Self) -> None:
        """Raises TypeError or ValueError where ``other`` cannot be merged into this."""
        same_type(self, other)
        if other._mean is not None:
            self._check_shape(other._mean.shape)

    def merge(self, other: Self) -> Self:
        """Take what ``other`` has seen. Raises as ``check`` does, and has changed nothing then."""
        self.check(other)
        if other._mean is not None:
            self._take(other._count, other._mean, other._squares)
        self._labels = self._labels.or_those_of(other._labels)
        self._account.join(other._account)
        return self

    @property
    def count(self) -> int:
        """How many values are in."""
        return self._count

    @property
    def value(self) -> Floats:
        """The mean; NaN as long as nothing is in."""
        return frozen(np.full((), np.nan) if self._mean is None else self._mean)

    @property
    def variance(self) -> Floats:
        """The variance of one value, by n - 1; NaN for fewer than two."""
        if self._squares is None or self._count < 2:
            return frozen(np.full_like(self.value, np.nan))
        return frozen(np.asarray(self._squares / (self._count - 1)))

    @property
    def coverage(self) -> RangeSet:
        """The events that are in."""
        return self._account.coverage

    @property
    def version(self) -> int:
        """Grows with every change."""
        return self._account.version

    def snapshot(self) -> dict[str, Any]:
        """An NXdata group with ``mean``, its standard error ``mean_errors``, ``variance`` and ``count``."""
        return self._account.snapshot(self._show)

    def _show(self) -> dict[str, Any]:
        variance = self.variance
        errors = np.sqrt(variance / max(1, self._count))
        datasets = {
            "mean": self.value,
            "mean_errors": frozen(np.asarray(errors)),
            "variance": variance,
            "count": self._count,
        }
        return nxdata("mean", self._labels, datasets)

    def wire_state(self) -> dict[str, Any]:
        """What travels."""
        return {
            "count": self._count,
            "mean": self._mean,
            "squares": self._squares,
            "coverage": self._account.ranges(),
            "labels": self._labels,
        }

    @classmethod
    def from_wire_state(cls, state: dict[str, Any]) -> Self:
        """What has travelled."""
        made = cls()
        made._count, made._mean, made._squares = state["count"], state["mean"], state["squares"]
        made._labels = state["labels"]
        made._account = Account.of(state["coverage"])
        return made
