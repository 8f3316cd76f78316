"""What every result type keeps beside its value: the events that are in, a version, and the last snapshot."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from beamloom.engine.ranges import RangeSet


class Account:
    """The coverage of one result, and what readers were given last."""

    __slots__ = ("_shown", "_shown_version", "coverage", "version")

    def __init__(self, coverage: Iterable[tuple[int, int]] = ()) -> None:
        self.coverage = RangeSet(coverage)
        self.version = 0
        """Grows with every change."""
        self._shown: dict[str, Any] = {}
        self._shown_version = -1

    @classmethod
    def of(cls, ranges: npt.NDArray[np.int64]) -> Self:
        """The account of these events, as ``ranges`` gave them."""
        return cls(map(tuple, ranges.tolist()))

    def enter(self, event: int) -> None:
        """Something of this event has come in."""
        self.coverage.add(event, event + 1)
        self.version += 1

    def join(self, other: Account) -> None:
        """All that ``other`` accounts for has come in."""
        for first, stop in other.coverage:
            self.coverage.add(first, stop)
        self.version += 1

    def ranges(self) -> npt.NDArray[np.int64]:
        """The events that are in, (n, 2): first, and one past the last."""
        return np.array(list(self.coverage), np.int64).reshape(-1, 2)

    def snapshot(self, show: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """What ``show`` makes of the value, with the coverage; the same as before when nothing has changed."""
        if self._shown_version != self.version:
            self._shown = {**show(), "coverage": frozen(self.ranges()), "coverage_attrs": _COVERAGE}
            self._shown_version = self.version
        return self._shown


_COVERAGE = {"long_name": "events that are in: first, and one past the last"}


def event_number(event: Any) -> int:
    """An event number as given by the user. Raises TypeError for what is no whole number, ValueError for a negative one."""
    number = operator.index(event)
    if number < 0:
        raise ValueError(f"{number} is no event number; events are numbered from 0: pass event.event_number")
    return number


def same_type(mine: Any, other: Any) -> None:
    """Raises TypeError where ``other`` is of another type."""
    if type(other) is not type(mine):
        name = type(mine).__name__
        raise TypeError(
            f"a {name} merges with a {name}, not with a {type(other).__name__}; give each its own name"
        )


def same_settings(mine: Any, other: Any, *names: str) -> None:
    """Raises ValueError where two results were made with different settings."""
    for name in names:
        a, b = getattr(mine, name), getattr(other, name)
        if a != b:
            raise ValueError(
                f"a {type(mine).__name__} with {name} {a!r} does not merge with one with {name} {b!r}; make both the same way"
            )


def frozen(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """A view of an array that cannot be written to."""
    view = array.view()
    view.flags.writeable = False
    return view


def numbers(value: Any, kinds: str = "buifc") -> npt.NDArray[Any]:
    """The user's value as an array of numbers. Raises TypeError for anything else."""
    array = np.asarray(value)
    if array.dtype.kind not in kinds:
        raise TypeError(
            f"a value of the data type {array.dtype} cannot be added here; add numbers or an array of numbers"
        )
    return array


def sum_dtype(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """The data type in which many values of ``dtype`` are summed without overflow: 64 bits of their kind."""
    match dtype.kind:
        case "b" | "u":
            return np.dtype(np.uint64)
        case "i":
            return np.dtype(np.int64)
        case "f":
            return np.result_type(dtype, np.float64)
        case _:
            return np.result_type(dtype, np.complex128)
