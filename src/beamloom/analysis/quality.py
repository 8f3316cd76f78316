"""Whether what has been measured is good enough, for reducers that say so with ``self.feedback``.

Each measure takes what a result brings and returns True once, at the call with which its answer turns to yes, so that a reducer writes
``if self.statistics.add(intensity): self.feedback("quality_reached")``. Results come in any order and each once, as reducers get them; no
measure looks at a clock, so that a replay comes to the same. All of them can be copied and pickled, as a checkpoint does.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

BINS = 64
"""Into which the seconds of a hit rate are divided: it is as exact as one of them is short."""


class _Turning:
    """Turns to yes, and perhaps back."""

    def __init__(self) -> None:
        self.reached = False
        """The answer now."""

    def _turn(self, answer: bool) -> bool:
        turned = answer and not self.reached
        self.reached = answer
        return turned


class RelativeError(_Turning):
    """Enough statistics: the relative standard error of the mean of what events measure is at most ``target``.

    It is s / (sqrt(n) |mean|) with the standard deviation s of the n values themselves, so that it holds for whatever makes them vary. Of
    arrays, as the pixels of a ROI, each element has its own, and all have to be good enough but a share ``but``, such as dead pixels.
    Before ``least`` values there is no answer: an error of few values is not known itself.
    """

    def __init__(self, target: float, *, least: int = 10, but: float = 0.0) -> None:
        """Raises ValueError."""
        super().__init__()
        _check(target > 0, f"target is {target}; it is a relative error above 0, such as 0.01")
        _check(least >= 2, f"least is {least}; an error needs two values at least")
        _check(0 <= but < 1, f"but is {but}; it is a share of the elements from 0 to below 1")
        self.target, self.least, self.but = target, least, but
        self.count = 0
        self._mean: npt.NDArray[np.float64] = np.zeros(())
        self._squares: npt.NDArray[np.float64] = np.zeros(())

    def add(self, value: npt.ArrayLike) -> bool:
        """The value of one event, or the array (always the same shape). Raises ValueError for another shape."""
        values = np.asarray(value, dtype=np.float64)
        if self.count == 0:
            self._mean, self._squares = np.zeros(values.shape), np.zeros(values.shape)
        _check(values.shape == self._mean.shape, f"the shape is {values.shape}, and was {self._mean.shape}")
        self.count += 1
        # Welford, Technometrics 4 (1962) 419: no large sums are subtracted from each other.
        before = values - self._mean
        self._mean = self._mean + before / self.count
        self._squares = self._squares + before * (values - self._mean)
        return self._turn(self.count >= self.least and self.error <= self.target)

    @property
    def mean(self) -> Any:
        """Of all values: a number, or an array."""
        return self._mean[()]

    @property
    def error(self) -> float:
        """The relative standard error, of arrays that of the worst element that counts; infinite while there is none."""
        if self.count < 2:
            return math.inf
        deviation = np.sqrt(self._squares / (self.count - 1) / self.count)
        with np.errstate(divide="ignore", invalid="ignore"):
            errors = np.where(deviation == 0, 0.0, deviation / np.abs(self._mean)).ravel()
        # Where nothing was measured nothing is known.
        errors[(self._mean == 0).ravel() | np.isnan(errors)] = math.inf
        counts = max(1, errors.size - math.floor(self.but * errors.size))
        return float(np.partition(errors, counts - 1)[counts - 1])


class CountingError(_Turning):
    """Enough statistics of counts: with N of them the relative error is 1 / sqrt(N) (Poisson), and is to be at most ``target``."""

    def __init__(self, target: float) -> None:
        """Raises ValueError."""
        super().__init__()
        _check(target > 0, f"target is {target}; it is a relative error above 0, such as 0.01")
        self.target = target
        self.total = 0.0

    def add(self, counts: npt.ArrayLike) -> bool:
        """The counts of one event, or of the pixels of its ROI, which are added up."""
        self.total += float(np.sum(counts))
        return self._turn(self.error <= self.target)

    @property
    def error(self) -> float:
        """1 / sqrt(N); infinite while nothing was counted."""
        return 1 / math.sqrt(self.total) if self.total > 0 else math.inf


class Convergence(_Turning):
    """A map or a curve that changes no more: between states of coverage its relative change is at most ``target``, ``quiet`` times running.

    A state is looked at when there are ``growth`` times the events of the state before, so that noise that goes with 1 / sqrt(n) makes
    changes that shrink from state to state. The change is the root mean square of the difference over that of the map, of the places that
    both states have; as long as more than a hundredth of the places is new, the map has not converged.
    """

    def __init__(self, target: float, *, growth: float = 1.25, quiet: int = 2) -> None:
        """Raises ValueError."""
        super().__init__()
        _check(target > 0, f"target is {target}; it is a relative change above 0, such as 0.02")
        _check(
            growth > 1, f"growth is {growth}; it is how many times the events of the state before, above 1"
        )
        _check(quiet >= 1, f"quiet is {quiet}; it is a number of looks from 1 on")
        self.target, self.growth, self.quiet = target, growth, quiet
        self.change = math.inf
        """The latest relative change."""
        self._events = 0
        self._calm = 0
        self._before: npt.NDArray[np.float64] | None = None

    def look(self, values: npt.ArrayLike | Callable[[], npt.ArrayLike], events: int) -> bool:
        """The map as it is with so many events in it, NaN where nothing was measured; a function is called only where it is looked at."""
        if events < max(1, math.ceil(self._events * self.growth)):
            return False
        now = np.array(values() if callable(values) else values, dtype=np.float64)
        before, self._before, self._events = self._before, now, events
        if before is None:
            return False
        _check(now.shape == before.shape, f"the shape is {now.shape}, and was {before.shape}")
        covered = np.isfinite(now)
        common = covered & np.isfinite(before)
        new = 1.0 - common.sum() / max(1, covered.sum())
        size = _rms(now[common])
        self.change = _rms((now - before)[common]) / size if size > 0 else math.inf
        self._calm = self._calm + 1 if self.change <= self.target and new <= 0.01 else 0
        return self._turn(self._calm >= self.quiet)


class LowRate(_Turning):
    """A rate of hits that is below ``limit`` for the last ``seconds``, by the time of the events.

    That is the time that a device gives its events, or their number times the exposure time, and not when they were analysed: a pipeline
    that is behind has the same rate. There is no answer before the first ``seconds`` are over. Memory does not grow.
    """

    def __init__(self, limit: float, seconds: float) -> None:
        """``limit``: hits per event, from 0 to 1. Raises ValueError."""
        super().__init__()
        _check(0 < limit <= 1, f"limit is {limit}; it is a share of the events above 0, such as 0.02")
        _check(0 < seconds < math.inf, f"seconds is {seconds}; it is a time above 0")
        self.limit, self.seconds = limit, seconds
        self._bins: dict[int, tuple[int, int]] = {}
        """Events and hits by the place of their time."""
        self._events = self._hits = 0
        self._oldest: float = -math.inf
        """The last place that does not count any more."""
        self._first = math.inf
        self._latest = -math.inf

    def add(self, hit: bool, at: float) -> bool:
        """Whether the event at this time (s, from any moment on) was a hit; events come in any order."""
        _check(math.isfinite(at), f"at is {at}; it is the time of the event in seconds")
        self._first, self._latest = min(self._first, at), max(self._latest, at)
        place, oldest = self._place(at), self._place(self._latest) - BINS
        if oldest > self._oldest:
            self._oldest = oldest
            for gone in [one for one in self._bins if one <= oldest]:
                events, hits = self._bins.pop(gone)
                self._events, self._hits = self._events - events, self._hits - hits
        if place > oldest:
            events, hits = self._bins.get(place, (0, 0))
            self._bins[place] = (events + 1, hits + bool(hit))
            self._events, self._hits = self._events + 1, self._hits + bool(hit)
        return self._turn(self._latest - self._first >= self.seconds and self.rate < self.limit)

    def _place(self, at: float) -> int:
        return math.floor(at / self.seconds * BINS)

    @property
    def rate(self) -> float:
        """Hits per event of the last ``seconds``; NaN while there were no events."""
        return self._hits / self._events if self._events else math.nan


def _rms(values: npt.NDArray[np.float64]) -> float:
    return math.sqrt(float(np.mean(np.square(values)))) if values.size else 0.0


def _check(fine: bool, sentence: str) -> None:
    if not fine:
        raise ValueError(sentence)
