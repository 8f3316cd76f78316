"""Which workers had which events, as far as their leases are remembered.

Invariant: of each delivery the latest lease counts, which is the one of the highest attempt.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from beamloom.engine.views.glimpse import Given, Glimpse, given

NOBODY = -1
"""Instead of a number: nobody has the event, or nobody knows any more who had it."""

Numbers = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Deliveries:
    """The deliveries of those events that several workers see, one row for each."""

    event: list[int] = field(default_factory=list)
    worker: list[int] = field(default_factory=list)
    attempt: list[int] = field(default_factory=list)
    streams: list[int] = field(default_factory=list)
    """Number of the set of streams whose packets belong to it; NOBODY: all that are wanted."""


class Handed:
    """Which workers had the events [first, stop) of what was seen."""

    def __init__(self, seen: Glimpse) -> None:
        self._first, count = seen.first, seen.stop - seen.first
        leases = {
            lease
            for lease in seen.remembered.leases
            if lease.span.first < seen.stop and seen.first < lease.span.stop
        }
        peers = {*seen.workers, *(lease.span.worker for lease in leases)}
        self.numbers = {peer: number for number, peer in enumerate(sorted(peers, key=_by_name))}
        """The workers that take part, and those that had one of the events."""
        self.stream_sets: dict[tuple[str, ...], int] = {}
        self._slots: dict[int, tuple[Numbers, Numbers, Numbers]] = {}
        for one in sorted(given(leases, seen.cut_at), key=lambda one: (one.times, one.lease.at)):
            if seen.first < one.stop:
                self._enter(one, count)
        gone = np.array([peer in seen.remembered.lost for peer in self.numbers] + [True], np.bool_)
        self.worker: Numbers = np.full(count, NOBODY, np.int64)
        """Per event who had it last, by ``numbers``; of several deliveries, who had the first one."""
        self.attempt: Numbers = np.zeros(count, np.int64)
        """Per event how often it was given out; 0 where that is not known."""
        self.orphaned: Flags = np.zeros(count, np.bool_)
        """Per event whether all who had it are gone."""
        self._held: Numbers = np.zeros(count, np.int64)
        for _, (worker, attempt, _) in sorted(self._slots.items()):
            here = worker != NOBODY
            self.orphaned = np.where(here, gone[worker] & (self.orphaned | (self._held == 0)), self.orphaned)
            self.worker = np.where(self.worker == NOBODY, worker, self.worker)
            self.attempt = np.maximum(self.attempt, attempt)
            self._held += here

    def _enter(self, one: Given, count: int) -> None:
        span = one.lease.span
        if span.slot not in self._slots:
            unknown = np.full(count, NOBODY, np.int64)
            self._slots[span.slot] = unknown, np.zeros(count, np.int64), unknown.copy()
        here = slice(max(one.first - self._first, 0), one.stop - self._first)
        whose = (
            NOBODY
            if span.streams is None
            else self.stream_sets.setdefault(span.streams, len(self.stream_sets))
        )
        for column, value in zip(
            self._slots[span.slot], (self.numbers[span.worker], one.times, whose), strict=True
        ):
            column[here] = value

    def deliveries(self) -> Deliveries:
        """Those of the events that have several."""
        rows: list[tuple[int, int, int, int]] = []
        several = self._held > 1
        for _, (worker, attempt, streams) in sorted(self._slots.items()):
            (places,) = np.nonzero(several & (worker != NOBODY))
            columns = (places + self._first, worker[places], attempt[places], streams[places])
            rows += zip(*(column.tolist() for column in columns), strict=True)
        return Deliveries(*([row[number] for row in sorted(rows)] for number in range(4)))


def _by_name(peer: str) -> tuple[list[tuple[int, str]], str]:
    """So that worker-10 comes behind worker-9."""
    name = peer.partition("@")[0]
    digits = "".join(one if one.isdecimal() else " " for one in name).split()
    letters = "".join(one for one in name if not one.isdecimal())
    return [(0, letters), *((int(number), "") for number in digits)], peer
