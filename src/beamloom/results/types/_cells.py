"""Arrays over bins: one number of each kind for every cell, growing with the bins that are reached.

Room is doubled when it does not suffice, so that growing costs no more than filling. What readers hold is copied before it is changed.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from beamloom.results.types._bins import OUTSIDE, Bins, Indices

MOST_CELLS = 1 << 26
"""Growing bins end here: one value far off must not take all memory."""

Reach = list[tuple[int, int]]
"""For each axis the first bin, and one past the last."""


class Cells:
    """Arrays by name, all over the same bins."""

    def __init__(self, axes: Sequence[Bins], kinds: Mapping[str, tuple[Any, Any]]) -> None:
        """``kinds``: data type and initial value of each array."""
        self.axes = tuple(axes)
        self.kinds = dict(kinds)
        self.reach: Reach = [(0, 0) for _ in axes]
        """The bins that are in use: a partial of one event is as small as what it reached, however many edges there are."""
        self._room: Reach = list(self.reach)
        self._arrays = self._made(self._room)
        self._shared = False

    def find(self, positions: Sequence[npt.NDArray[Any]]) -> tuple[list[Indices], npt.NDArray[np.bool_]]:
        """The bins of points by axis, and whether each is in a cell. Raises ValueError where the cells would become too many."""
        bins = [axis.find(values) for axis, values in zip(self.axes, positions, strict=True)]
        inside = np.logical_and.reduce([one != OUTSIDE for one in bins])
        bins = [one[inside] for one in bins]
        if len(bins[0]):
            self.check([(int(one.min()), int(one.max()) + 1) for one in bins])
        return bins, inside

    def check(self, reach: Reach) -> None:
        """Raises ValueError where reaching so far would make too many cells."""
        wanted = math.prod(high - low for low, high in self._joined(reach))
        if wanted > MOST_CELLS:
            raise ValueError(
                f"the bins would grow to {wanted:,} cells, beyond {MOST_CELLS:,}: a value is far off, or they are too narrow; "
                "give edges, or wider bins"
            )

    def write(self, bins: Sequence[Indices]) -> tuple[dict[str, npt.NDArray[Any]], tuple[Indices, ...]]:
        """The arrays to be written to, and the places in them of these bins."""
        self._grow([(int(one.min()), int(one.max()) + 1) for one in bins])
        return self._arrays, tuple(one - low for one, (low, _) in zip(bins, self._room, strict=True))

    def write_all(self, reach: Reach) -> dict[str, npt.NDArray[Any]]:
        """The part of the arrays that holds these bins, to be written to."""
        self._grow(reach)
        return self._part(reach)

    def read_all(self) -> dict[str, npt.NDArray[Any]]:
        """The arrays over all bins between given edges, and over those in use of an axis that grows."""
        self._grow(
            [
                reach if axis.edges is None else (0, len(axis.edges) - 1)
                for axis, reach in zip(self.axes, self.reach, strict=True)
            ]
        )
        return self.read()

    def read(self) -> dict[str, npt.NDArray[Any]]:
        """The arrays over the bins in use, which later changes do not reach."""
        self._shared = True
        return self._part(self.reach)

    def _part(self, reach: Reach) -> dict[str, npt.NDArray[Any]]:
        part = tuple(
            slice(low - start, high - start)
            for (low, high), (start, _) in zip(reach, self._room, strict=True)
        )
        return {name: array[part] for name, array in self._arrays.items()}

    def _joined(self, reach: Reach) -> Reach:
        return [
            mine
            if low == high
            else (low, high)
            if mine[0] == mine[1]
            else (min(mine[0], low), max(mine[1], high))
            for mine, (low, high) in zip(self.reach, reach, strict=True)
        ]

    def _grow(self, reach: Reach) -> None:
        before, used = self.reach, self._joined(reach)
        room = [
            held if held[0] <= low and high <= held[1] else _doubled(held, low, high)
            for held, (low, high) in zip(self._room, used, strict=True)
        ]
        if room == self._room:
            if self._shared:
                self._arrays = {name: array.copy() for name, array in self._arrays.items()}
        else:
            old = self._part(before)
            self._room = room
            self._arrays = self._made(room)
            for name, array in self._part(before).items() if has_cells(before) else ():
                array[...] = old[name]
        self._shared = False
        self.reach = used

    def _made(self, room: Reach) -> dict[str, npt.NDArray[Any]]:
        shape = [high - low for low, high in room]
        return {name: np.full(shape, initial, dtype) for name, (dtype, initial) in self.kinds.items()}

    def wire_state(self) -> dict[str, Any]:
        """What travels."""
        return {
            "axes": list(self.axes),
            "reach": [list(one) for one in self.reach],
            "arrays": {name: np.ascontiguousarray(array) for name, array in self.read().items()},
        }

    @classmethod
    def from_wire_state(cls, state: dict[str, Any], kinds: Mapping[str, tuple[Any, Any]]) -> Self:
        """What has travelled."""
        made = cls(state["axes"], kinds)
        reach: Reach = [(low, high) for low, high in state["reach"]]
        if has_cells(reach):
            for name, array in made.write_all(reach).items():
                array[...] = state["arrays"][name]
        return made


def has_cells(reach: Reach) -> bool:
    """Whether there is any cell."""
    return all(low < high for low, high in reach)


def _doubled(held: tuple[int, int], low: int, high: int) -> tuple[int, int]:
    """Room for [low, high), and as much again on the side on which it grows."""
    if held[0] == held[1]:
        return low, high
    more = (high - low) // 2
    return (low - more if low < held[0] else held[0]), (high + more if high > held[1] else held[1])
