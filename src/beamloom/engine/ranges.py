"""Sets of event numbers kept as ranges.

Invariant: the ranges are sorted, disjoint and not adjacent, so that a run of ten million settled events is one pair of integers.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator

Range = tuple[int, int]
"""First number, and one past the last."""


class RangeSet:
    """A set of integers that is cheap while its members come in long runs."""

    __slots__ = ("_starts", "_stops", "_total")

    def __init__(self, ranges: Iterable[Range] = ()) -> None:
        self._starts: list[int] = []
        self._stops: list[int] = []
        self._total = 0
        for first, stop in ranges:
            self.add(first, stop)

    def add(self, first: int, stop: int) -> int:
        """Put [first, stop) in; returns how many numbers were not in before."""
        if stop <= first:
            return 0
        starts, stops = self._starts, self._stops
        if starts and stops[-1] == first:
            stops[-1] = stop
            self._total += stop - first
            return stop - first
        if not starts or stops[-1] < first:
            starts.append(first)
            stops.append(stop)
            self._total += stop - first
            return stop - first
        low = bisect_left(stops, first)
        high = bisect_right(starts, stop)
        if low < high:
            covered = sum(stops[i] - starts[i] for i in range(low, high))
            first = min(first, starts[low])
            stop = max(stop, stops[high - 1])
        else:
            covered = 0
        starts[low:high] = [first]
        stops[low:high] = [stop]
        added = stop - first - covered
        self._total += added
        return added

    def remove(self, first: int, stop: int) -> list[Range]:
        """Take [first, stop) out; returns the ranges that were in."""
        if stop <= first or not self._starts:
            return []
        starts, stops = self._starts, self._stops
        low = bisect_right(stops, first)
        high = bisect_left(starts, stop)
        if low >= high:
            return []
        removed: list[Range] = []
        left: list[Range] = []
        for i in range(low, high):
            start, end = starts[i], stops[i]
            inner = (max(start, first), min(end, stop))
            removed.append(inner)
            if start < inner[0]:
                left.append((start, inner[0]))
            if inner[1] < end:
                left.append((inner[1], end))
        starts[low:high] = [start for start, _ in left]
        stops[low:high] = [end for _, end in left]
        self._total -= sum(end - start for start, end in removed)
        return removed

    def within(self, first: int, stop: int) -> list[Range]:
        """The parts of this set that lie in [first, stop)."""
        if stop <= first:
            return []
        low = bisect_right(self._stops, first)
        high = bisect_left(self._starts, stop)
        return [(max(self._starts[i], first), min(self._stops[i], stop)) for i in range(low, high)]

    def missing(self, first: int, stop: int) -> list[Range]:
        """The parts of [first, stop) that are not in this set."""
        gaps: list[Range] = []
        for start, end in self.within(first, stop):
            if first < start:
                gaps.append((first, start))
            first = end
        if first < stop:
            gaps.append((first, stop))
        return gaps

    def first_from(self, number: int) -> int | None:
        """The smallest member that is ``number`` or more; None when there is none."""
        i = bisect_right(self._stops, number)
        return None if i == len(self._starts) else max(self._starts[i], number)

    def first_common(self, other: RangeSet) -> int | None:
        """The smallest number that is in both; None when there is none."""
        for start, end in zip(other._starts, other._stops, strict=True):
            i = bisect_right(self._stops, start)
            if i < len(self._starts) and self._starts[i] < end:
                return max(self._starts[i], start)
        return None

    def last_begin(self, number: int) -> int | None:
        """Where the last run of members begins that begins before ``number``; None when there is none."""
        i = bisect_left(self._starts, number)
        return self._starts[i - 1] if i else None

    def run_from(self, number: int) -> int:
        """The end of the run of members that begins at ``number``; ``number`` itself when it is not in."""
        i = bisect_right(self._stops, number)
        if i == len(self._starts) or self._starts[i] > number:
            return number
        return self._stops[i]

    def copy(self) -> RangeSet:
        """The same set, which later changes of this one do not reach."""
        other = RangeSet()
        other._starts, other._stops, other._total = self._starts.copy(), self._stops.copy(), self._total
        return other

    def clear(self) -> list[Range]:
        """Empty the set; returns what it held."""
        held = list(self)
        self._starts.clear()
        self._stops.clear()
        self._total = 0
        return held

    @property
    def pieces(self) -> int:
        """How many ranges it is."""
        return len(self._starts)

    def columns(self) -> tuple[list[int], list[int]]:
        """Copies of the first numbers of the ranges and of the numbers past their last."""
        return list(self._starts), list(self._stops)

    def __contains__(self, number: int) -> bool:
        return self.run_from(number) > number

    def __iter__(self) -> Iterator[Range]:
        return iter(list(zip(self._starts, self._stops, strict=True)))

    def __len__(self) -> int:
        """How many numbers are in."""
        return self._total

    def __eq__(self, other: object) -> bool:
        return isinstance(other, RangeSet) and self._starts == other._starts and self._stops == other._stops

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        inside = ", ".join(f"{a}" if b == a + 1 else f"{a}-{b - 1}" for a, b in self)
        return f"RangeSet({inside})"
