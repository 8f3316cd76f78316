"""Map2D: values of a scan, scattered to a grid."""

from __future__ import annotations

from typing import Any, Literal, Self

import numpy as np
import numpy.typing as npt

from beamloom.engine.ranges import RangeSet
from beamloom.results.types._account import (
    Account,
    event_number,
    frozen,
    numbers,
    same_settings,
    same_type,
)
from beamloom.results.types._bins import Bins, bins_of
from beamloom.results.types._cells import Cells, has_cells
from beamloom.results.types._lines import find_lines
from beamloom.results.types._nexus import Labels, nxdata
from beamloom.results.types._points import Points

How = Literal["mean", "sum", "last"]
KINDS = {"count": (np.int64, 0), "value": (np.float64, 0.0)}
KINDS_OF_LAST = KINDS | {"event": (np.int64, -1)}
GRIDLESS = (Bins(width=1.0), Bins(width=1.0))


class Map2D:
    """One value for each cell of a grid: the mean or the sum of those measured there, or that of the highest event number.

    The grid is given by ``x`` and ``y`` (edges, or ``Bins(width=...)`` that grow), or found from the positions: then all points are kept,
    those closer than ``tolerance`` = (x, y) are on one line (by default a quarter of the largest step), and the grid is made anew for each
    snapshot, which takes about 0.2 s for a million points. Cells without a measurement are NaN.
    """

    def __init__(
        self,
        x: Any = None,
        y: Any = None,
        *,
        how: How = "mean",
        tolerance: tuple[float, float] | None = None,
        units: str = "",
        label: str = "",
        x_units: str = "",
        y_units: str = "",
        x_label: str = "",
        y_label: str = "",
    ) -> None:
        if (x is None) != (y is None):
            raise ValueError("the grid is given by x and y, or found from the positions; give both or none")
        if how not in ("mean", "sum", "last"):
            raise ValueError(f"how is 'mean', 'sum' or 'last', not {how!r}")
        self.how = how
        self.tolerance = None if tolerance is None else (float(tolerance[0]), float(tolerance[1]))
        self._kinds = KINDS_OF_LAST if how == "last" else KINDS
        self._cells = None if x is None else Cells([bins_of(y), bins_of(x)], self._kinds)
        self._points = Points()
        self._outside = 0
        self._labels = Labels(units, label)
        self._axis_labels = (Labels(y_units, y_label), Labels(x_units, x_label))
        self._account = Account()

    def add(self, event: int, value: Any, x: Any, y: Any) -> Self:
        """Values of an event and where they were measured: numbers, or arrays of one shape.

        Points whose position is not finite or beyond the edges are counted in ``outside``. Raises ValueError for shapes that do not
        go together, TypeError for what is no real number.
        """
        number = event_number(event)
        values, xs, ys = (
            one.ravel().astype(np.float64)
            for one in np.broadcast_arrays(*(numbers(given, "buif") for given in (value, x, y)))
        )
        if self._cells is None:
            inside = np.isfinite(xs) & np.isfinite(ys)
            if inside.any():
                self._points.add(number, xs[inside], ys[inside], values[inside])
        else:
            bins, inside = self._cells.find((ys, xs))
            if inside.any():
                self._put(*self._cells.write(bins), values[inside], number)
        self._outside += int(len(inside) - np.count_nonzero(inside))
        self._account.enter(number)
        return self

    def _put(
        self,
        arrays: dict[str, npt.NDArray[Any]],
        places: tuple[npt.NDArray[np.int64], ...],
        values: npt.NDArray[np.float64],
        event: int,
    ) -> None:
        np.add.at(arrays["count"], places, 1)
        if self.how != "last":
            np.add.at(arrays["value"], places, values)
            return
        newer = arrays["event"][places] <= event
        places = tuple(one[newer] for one in places)
        arrays["value"][places] = values[newer]
        arrays["event"][places] = event

    def check(self, other: Self) -> None:
        """Raises TypeError or ValueError where ``other`` cannot be merged into this."""
        same_type(self, other)
        same_settings(self, other, "how", "tolerance")
        mine, others = self._cells, other._cells
        if (mine is None) != (others is None):
            raise ValueError(
                "a map with a given grid does not merge with one that finds it; make both the same way"
            )
        if mine is not None and others is not None:
            if mine.axes != others.axes:
                raise ValueError(
                    f"a map over {mine.axes} does not merge with one over {others.axes}; make both the same way"
                )
            mine.check(others.reach)

    def merge(self, other: Self) -> Self:
        """Take the points of ``other``. Raises as ``check`` does, and has changed nothing then."""
        self.check(other)
        self._points.merge(other._points)
        if self._cells is not None and other._cells is not None and has_cells(other._cells.reach):
            mine, theirs = self._cells.write_all(other._cells.reach), other._cells.read()
            mine["count"] += theirs["count"]
            if self.how == "last":
                newer = theirs["event"] > mine["event"]
                mine["value"][newer], mine["event"][newer] = theirs["value"][newer], theirs["event"][newer]
            else:
                mine["value"] += theirs["value"]
        self._outside += other._outside
        self._labels = self._labels.or_those_of(other._labels)
        self._axis_labels = (
            self._axis_labels[0].or_those_of(other._axis_labels[0]),
            self._axis_labels[1].or_those_of(other._axis_labels[1]),
        )
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
        """An NXdata group: ``map`` and ``count`` (y, x) over the positions ``y`` and ``x``, and ``outside``."""
        return self._account.snapshot(self._show)

    def _show(self) -> dict[str, Any]:
        cells, edges = (self._cells, {}) if self._cells is not None else self._gridded()
        arrays = cells.read_all()
        centres = []
        for axis, bins, (low, high) in zip("yx", cells.axes, cells.reach, strict=True):
            bounds = bins.edges_of(low, high)
            centres.append(edges.get(axis, (bounds[1:] + bounds[:-1]) / 2))
        count = arrays["count"]
        with np.errstate(invalid="ignore"):
            value = arrays["value"] / count if self.how == "mean" else arrays["value"].copy()
        value[count == 0] = np.nan
        datasets: dict[str, Any] = {"map": frozen(value), "count": frozen(count), "outside": self._outside}
        for axis, positions, labels, bins in zip("yx", centres, self._axis_labels, cells.axes, strict=True):
            named = labels.or_those_of(Labels(bins.units, bins.label))
            datasets |= {axis: frozen(positions), f"{axis}_attrs": named.attributes()}
        return nxdata("map", self._labels, datasets, ("y", "x"))

    def _gridded(self) -> tuple[Cells, dict[str, npt.NDArray[np.float64]]]:
        """The points on the grid that they lie on, and its lines by axis."""
        _, xs, ys, values = self._points.sorted()
        near_x, near_y = self.tolerance or (None, None)
        x_lines, x_places = find_lines(xs, near_x)
        y_lines, y_places = find_lines(ys, near_y)
        cells = Cells(GRIDLESS, KINDS)
        if len(values):
            places = (y_places.astype(np.int64), x_places.astype(np.int64))
            arrays, places = cells.write(places)  # type: ignore[assignment]
            np.add.at(arrays["count"], places, 1)
            if self.how == "last":
                # They are in the order of their events, and of several writes to one place the last one stays.
                arrays["value"][places] = values
            else:
                np.add.at(arrays["value"], places, values)
        return cells, {"x": x_lines, "y": y_lines}

    def wire_state(self) -> dict[str, Any]:
        """What travels."""
        return {
            "how": self.how,
            "tolerance": self.tolerance,
            "cells": None if self._cells is None else self._cells.wire_state(),
            "points": self._points.sorted(),
            "outside": self._outside,
            "coverage": self._account.ranges(),
            "labels": self._labels,
            "axis_labels": self._axis_labels,
        }

    @classmethod
    def from_wire_state(cls, state: dict[str, Any]) -> Self:
        """What has travelled."""
        made = cls(how=state["how"], tolerance=state["tolerance"])
        if state["cells"] is not None:
            made._cells = Cells.from_wire_state(state["cells"], made._kinds)
        made._points = Points(state["points"])
        made._outside, made._labels = state["outside"], state["labels"]
        made._axis_labels = state["axis_labels"]
        made._account = Account.of(state["coverage"])
        return made
