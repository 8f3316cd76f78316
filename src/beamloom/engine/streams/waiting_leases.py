"""The leases of one stream's events whose packets have not come, and what is delivered as they come.

Invariant: the leases are sorted by their first events, and each ends behind the last event that has been passed: what is behind that is
delivered from what is kept, or never.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Iterator

import msgspec

from beamloom.engine.assignment import Span
from beamloom.engine.ranges import RangeSet
from beamloom.engine.streams.packet_rows import PacketRow
from beamloom.engine.streams.streamplan import Stretch


class Delivery(msgspec.Struct, gc=False):
    """Packets of consecutive events for one worker."""

    span: Span
    first: int
    expected: int
    """From how many streams the worker is to wait for a packet of each of these events."""
    packets: PacketRow


class WaitingLeases:
    """Leases that wait for packets of one stream."""

    def __init__(self) -> None:
        self._leases: list[Span] = []

    def __len__(self) -> int:
        return len(self._leases)

    def __iter__(self) -> Iterator[Span]:
        return iter(self._leases)

    def add(self, span: Span) -> None:
        """These events have been leased, and packets of some of them are still to come."""
        if self._leases and self._leases[-1].first > span.first:
            insort(self._leases, span, key=lambda lease: lease.first)
        else:
            self._leases.append(span)

    def deliver(self, stretch: Stretch, packets: PacketRow) -> list[Delivery]:
        """The packets of all events of ``stretch`` have come: who gets them."""
        deliveries: list[Delivery] = []
        unfinished: list[Span] = []
        touched = 0
        for span in self._leases:
            if span.first >= stretch.stop:
                break
            touched += 1
            first, stop = max(span.first, stretch.first), min(span.stop, stretch.stop)
            if first < stop:
                expected = stretch.wanted if span.streams is None else len(span.streams)
                some = packets.part(first - stretch.first, stop - stretch.first)
                deliveries.append(Delivery(span, first, expected, some))
            if span.stop > stretch.stop:
                unfinished.append(span)
        if touched:
            self._leases[:touched] = unfinished
        return deliveries

    def clear(self) -> None:
        """None of them counts any more."""
        self._leases = []

    def forget_worker(self, worker: str) -> None:
        """A worker is gone: what was leased to it is not delivered any more."""
        self._leases = [span for span in self._leases if span.worker != worker]

    def pass_by(self, event: int) -> None:
        """No packet comes for the events before this one."""
        self._leases = [span for span in self._leases if span.stop > event]

    @property
    def first_stop(self) -> int | None:
        """Where the first of them ends; None where there is none."""
        return self._leases[0].stop if self._leases else None

    def forget_settled(self, settled: RangeSet, front: int) -> None:
        """From ``front`` on, no packet needs to come for these."""
        self._leases = [
            span
            for span in self._leases
            if span.stop > front and settled.run_from(max(span.first, front)) < span.stop
        ]

    def close(self, event: int) -> None:
        """The run ends before ``event``."""
        self._leases = [
            msgspec.structs.replace(span, count=min(span.count, event - span.first))
            for span in self._leases
            if span.first < event
        ]
