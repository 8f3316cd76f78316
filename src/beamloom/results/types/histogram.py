"""Histogram: how often values were met, in one or two dimensions."""

from __future__ import annotations

from typing import Any, Self

import numpy as np

from beamloom.engine.ranges import RangeSet
from beamloom.results.types._account import Account, event_number, frozen, numbers, same_type
from beamloom.results.types._bins import bins_of
from beamloom.results.types._cells import Cells, has_cells
from beamloom.results.types._nexus import Labels, nxdata

AXES = ("x", "y")
KINDS = {"counts": (np.int64, 0)}
WEIGHTED = {"counts": (np.float64, 0.0)}


class Histogram:
    """Counts over bins of ``x``, and of ``y`` where it is given: edges, or ``Bins(width=...)`` that grow with the values.

    With ``weighted`` the sums of the weights, in float64. Values outside of the edges and those that are not finite are in ``outside``.
    """

    def __init__(
        self, x: Any, y: Any = None, *, weighted: bool = False, units: str = "", label: str = ""
    ) -> None:
        axes = [bins_of(x)] if y is None else [bins_of(x), bins_of(y)]
        self._weighted = weighted
        self._cells = Cells(axes, WEIGHTED if weighted else KINDS)
        self._outside = 0
        self._labels = Labels(units, label)
        self._account = Account()

    def add(self, event: int, value: Any, y: Any = None, *, weight: Any = None) -> Self:
        """Values of an event: numbers or arrays of any shape; ``y`` and ``weight`` of the same shape or one number for all.

        Raises ValueError where ``y`` or ``weight`` is missing, too many or of another shape, TypeError for what is no real number.
        """
        number = event_number(event)
        wanted = len(self._cells.axes)
        if (y is None) != (wanted == 1):
            raise ValueError(
                f"this histogram has {wanted} axes; add " + ("x alone" if wanted == 1 else "x and y")
            )
        if not self._weighted and weight is not None:
            raise ValueError("this histogram counts; make it with weighted=True to add weights")
        given = [numbers(one, "buif") for one in ((value,) if y is None else (value, y))]
        *positions, weights = np.broadcast_arrays(*given, numbers(1 if weight is None else weight, "buif"))
        bins, inside = self._cells.find([one.ravel().astype(np.float64) for one in positions])
        if len(bins[0]):
            arrays, places = self._cells.write(bins)
            np.add.at(arrays["counts"], places, weights.ravel()[inside] if self._weighted else 1)
        self._outside += int(len(inside) - len(bins[0]))
        self._account.enter(number)
        return self

    def check(self, other: Self) -> None:
        """Raises TypeError or ValueError where ``other`` cannot be merged into this."""
        same_type(self, other)
        if self._cells.axes != other._cells.axes or self._weighted != other._weighted:
            raise ValueError(
                f"a histogram over {self._cells.axes} does not merge with one over {other._cells.axes}; make both the same way"
            )
        self._cells.check(other._cells.reach)

    def merge(self, other: Self) -> Self:
        """Add the counts of ``other``. Raises as ``check`` does, and has changed nothing then."""
        self.check(other)
        if has_cells(other._cells.reach):
            mine = self._cells.write_all(other._cells.reach)
            mine["counts"] += other._cells.read()["counts"]
        self._outside += other._outside
        self._labels = self._labels.or_those_of(other._labels)
        self._account.join(other._account)
        return self

    @property
    def coverage(self) -> RangeSet:
        """The events that are in."""
        return self._account.coverage

    @property
    def version(self) -> int:
        """Grows with every change."""
        return self._account.version

    def snapshot(self) -> dict[str, Any]:
        """An NXdata group: ``counts`` (y first) over the centres ``x`` and ``y`` with their ``x_edges``, and ``outside``."""
        return self._account.snapshot(self._show)

    def _show(self) -> dict[str, Any]:
        datasets: dict[str, Any] = {
            "counts": frozen(self._cells.read_all()["counts"].T),
            "outside": self._outside,
        }
        axes = AXES[: len(self._cells.axes)]
        for name, bins, (low, high) in zip(axes, self._cells.axes, self._cells.reach, strict=True):
            edges = bins.edges_of(low, high)
            datasets[name] = frozen((edges[1:] + edges[:-1]) / 2)
            datasets[f"{name}_attrs"] = bins.attributes()
            datasets[f"{name}_edges"] = edges
        return nxdata("counts", self._labels, datasets, axes[::-1])

    def wire_state(self) -> dict[str, Any]:
        """What travels."""
        return {
            "weighted": self._weighted,
            "cells": self._cells.wire_state(),
            "outside": self._outside,
            "coverage": self._account.ranges(),
            "labels": self._labels,
        }

    @classmethod
    def from_wire_state(cls, state: dict[str, Any]) -> Self:
        """What has travelled."""
        made = cls(*state["cells"]["axes"], weighted=state["weighted"])
        made._cells = Cells.from_wire_state(state["cells"], made._cells.kinds)
        made._outside, made._labels = state["outside"], state["labels"]
        made._account = Account.of(state["coverage"])
        return made
