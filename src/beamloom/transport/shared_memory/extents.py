"""Which pages of a memory are taken.

Policy: the lowest place that is large enough is taken. So what is under way stays in few pages, which are in the processor's cache and in
the page tables of all who read them, and the rest is never touched.
"""

from __future__ import annotations

from bisect import bisect_right


class Extents:
    """The free and the taken of ``total`` pages. Invariant: free extents are sorted, disjoint, and no two of them touch."""

    def __init__(self, total: int) -> None:
        self._starts = [0] if total else []
        self._stops = [total] if total else []
        self.free = total
        """Pages that are not taken."""

    def take(self, count: int) -> int | None:
        """The first of ``count`` pages in a row, which are taken from now on; None where there are no such."""
        starts, stops = self._starts, self._stops
        for place, (start, stop) in enumerate(zip(starts, stops, strict=True)):
            if stop - start > count:
                starts[place] += count
            elif stop - start == count:
                del starts[place], stops[place]
            else:
                continue
            self.free -= count
            return start
        return None

    def give_back(self, first: int, count: int) -> None:
        """These pages, which were taken together, are free again. Raises ValueError where they were free already."""
        starts, stops = self._starts, self._stops
        stop = first + count
        # Free extents that end before these pages, or where they begin.
        at = bisect_right(stops, first)
        if at < len(starts) and starts[at] < stop:
            raise ValueError(f"pages {first} to {stop} are given back, and some of them are free")
        joins_before = at > 0 and stops[at - 1] == first
        joins_after = at < len(starts) and starts[at] == stop
        if joins_before and joins_after:
            stops[at - 1] = stops[at]
            del starts[at], stops[at]
        elif joins_before:
            stops[at - 1] = stop
        elif joins_after:
            starts[at] = first
        else:
            starts.insert(at, first)
            stops.insert(at, stop)
        self.free += count

    @property
    def pieces(self) -> int:
        """How many free extents there are."""
        return len(self._starts)
