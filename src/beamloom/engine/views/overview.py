"""All events of a run in a few bins: how many of each are in which state.

Invariant: the states of a bin add up to its events; making it takes as long as there are ranges and bins, however many events there are.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from beamloom.engine.ranges import RangeSet
from beamloom.engine.views.glimpse import Columns, WholeGlimpse, again

Counts = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Overview:
    """How many events of each bin are in each state; bin i has the events from ``edges[i]`` up to ``edges[i + 1]``."""

    edges: list[int]
    reduced: list[int]
    failed: list[int]
    lost: list[int]
    assigned: list[int]
    pending: list[int]
    again: list[int]
    """Those that were given out more than once, as far as that is remembered; they are in the states, too."""


def overview(seen: WholeGlimpse, bins: int) -> Overview:
    """At most so many bins, of one event or more each. An open-ended run is shown up to the last event that was given out."""
    ends = [
        seen.assigned_until,
        *(columns[1][-1] for columns in (seen.reduced, seen.failed, seen.lost) if columns[1]),
    ]
    end = max(ends) if seen.total is None else seen.total
    bins = min(bins, end)
    edges = [number * end // bins for number in range(bins + 1)] if bins else [0]
    at = np.array(edges, np.int64)
    reduced, failed, lost = (_counted(columns, at) for columns in (seen.reduced, seen.failed, seen.lost))
    given = np.diff(np.minimum(at, seen.assigned_until))
    # What is settled may lie behind what was given out: those events count as settled alone.
    settled_ahead = _counted(_behind(seen), at)
    assigned = given - (reduced + failed + lost - settled_ahead)
    pending = np.diff(at) - reduced - failed - lost - assigned
    columns = (reduced, failed, lost, assigned, pending, _counted(again(seen).columns(), at))
    return Overview(edges, *(column.tolist() for column in columns))


def _behind(seen: WholeGlimpse) -> Columns:
    """The settled events behind the last that was given out."""
    settled = RangeSet()
    for firsts, stops in (seen.reduced, seen.failed, seen.lost):
        begin = max(len(stops) - 1, 0)
        while begin > 0 and stops[begin - 1] > seen.assigned_until:
            begin -= 1
        for first, stop in zip(firsts[begin:], stops[begin:], strict=True):
            settled.add(max(first, seen.assigned_until), stop)
    return settled.columns()


def _counted(columns: Columns, edges: Counts) -> Counts:
    """How many members of these ranges are in each bin."""
    firsts, stops = (np.array(column, np.int64) for column in columns)
    before = np.concatenate([[0], np.cumsum(stops - firsts)])
    ranges = np.searchsorted(firsts, edges, "right")
    inside = np.zeros(len(edges), np.int64)
    some = ranges > 0
    last = ranges[some] - 1
    inside[some] = before[last] + np.minimum(edges[some], stops[last]) - firsts[last]
    return np.diff(inside)
