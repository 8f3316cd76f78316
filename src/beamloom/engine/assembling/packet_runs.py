"""The packets of one stream that a worker has, by event, as the runs of consecutive events in which they came.

Invariant: the runs are sorted by their first event and do not overlap; of packets for the same event the first that came is kept. So what
a thousand events cost is a few steps, and only what is irregular is looked at event by event.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from operator import attrgetter

from beamloom.engine.ranges import Range, RangeSet
from beamloom.events import Packet

_FIRST = attrgetter("first")


class Run:
    """Packets of consecutive events from ``first`` on, each of which wants packets of ``expected`` streams."""

    __slots__ = ("expected", "first", "packets", "stop")

    def __init__(self, first: int, packets: Sequence[Packet], expected: int) -> None:
        self.first = first
        self.stop = first + len(packets)
        self.packets = packets
        self.expected = expected

    def part(self, first: int, stop: int) -> Run:
        """The packets of [first, stop), which lies in this run."""
        return Run(first, self.packets[first - self.first : stop - self.first], self.expected)


class PacketRuns:
    """What one stream has brought for one slot under one attempt."""

    __slots__ = ("_runs",)

    def __init__(self) -> None:
        self._runs: list[Run] = []

    def add(self, run: Run) -> None:
        """Keep these packets, but for those of events that have one."""
        runs = self._runs
        if not runs or runs[-1].stop <= run.first:
            runs.append(run)
            return
        there = RangeSet((one.first, one.stop) for one in runs)
        runs += [run.part(first, stop) for first, stop in there.missing(run.first, run.stop)]
        runs.sort(key=_FIRST)

    def at(self, event: int) -> Run | None:
        """The run that ``event`` lies in, if its packet is here."""
        runs = self._runs
        place = 0 if runs and runs[0].stop > event else bisect_right(runs, event, key=_FIRST) - 1
        return (
            runs[place] if 0 <= place < len(runs) and runs[place].first <= event < runs[place].stop else None
        )

    def take(self, first: int, stop: int) -> Sequence[Packet]:
        """Take out the packets of [first, stop), which lies in one run."""
        runs = self._runs
        place = 0 if runs[0].stop > first else bisect_right(runs, first, key=_FIRST) - 1
        run = runs[place]
        rest = []
        if run.first < first:
            rest.append(run.part(run.first, first))
        if stop < run.stop:
            rest.append(run.part(stop, run.stop))
        runs[place : place + 1] = rest
        return run.packets if not rest else run.packets[first - run.first : stop - run.first]

    def drop(self, first: int, stop: int) -> None:
        """Forget the packets of [first, stop)."""
        for a, b in [(run.first, run.stop) for run in self._runs if run.first < stop and run.stop > first]:
            self.take(max(a, first), min(b, stop))

    def __iter__(self) -> Iterator[Range]:
        """The events whose packets are here."""
        return iter([(run.first, run.stop) for run in self._runs])

    def __bool__(self) -> bool:
        return bool(self._runs)
