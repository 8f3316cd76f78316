"""How a worker puts the packets of several streams together.

Invariant: of what is leased, deliveries become ready in the order of their events, each once, and only with the packets of all its
streams. A delivery that is settled elsewhere (lost, or taken from this worker) is passed over and holds up nothing.

Events that are leased again, because another worker is gone, so come before those that were leased ahead. The packets of the latter may
not even have been read, as long as the ingesters' retention is full of the former.
"""

from __future__ import annotations

from bisect import insort
from collections import deque
from collections.abc import Iterable, Iterator, Sequence

import msgspec

from beamloom.engine.assignment import Span
from beamloom.engine.ranges import RangeSet
from beamloom.events import Packet

DONE_KEPT = 4096
"""So many deliveries that have become ready are remembered: a frame that came to two ingesters of one stream comes here twice."""


class Ready(msgspec.Struct, gc=False):
    """One event with all packets of this delivery."""

    event: int
    slot: int
    attempt: int
    epoch: int
    streams: dict[str, Packet]
    split: bool = False
    """Whether this is one of several deliveries of the event, or could be."""


class _Partial:
    """The packets of one delivery that have come so far."""

    __slots__ = ("expected", "streams")

    def __init__(self, expected: int) -> None:
        self.expected = expected
        self.streams: dict[str, Packet] = {}


class Assembler:
    """Collects the packets of the deliveries that are leased to one worker."""

    def __init__(self) -> None:
        self._leases: deque[Span] = deque()
        self._next = 0
        self._partial: dict[tuple[int, int, int], _Partial] = {}
        self._done: set[tuple[int, int, int]] = set()
        self._done_in_order: deque[tuple[int, int, int]] = deque()
        self._void: dict[int, RangeSet] = {}
        """By attempt, the events that were dropped: late packets of them are not kept."""

    def lease(self, spans: Iterable[Span]) -> None:
        """The controller has leased these to this worker."""
        for span in spans:
            self._forget_attempts_before(span)
            if self._leases and span.first < self._leases[-1].first:
                self._lease_before_others(span)
            else:
                if not self._leases:
                    self._next = span.first
                self._leases.append(span)

    def _forget_attempts_before(self, span: Span) -> None:
        """What has come or will come under an earlier attempt is not meant any more."""
        for attempt in range(1, span.attempt):
            for event in range(span.first, span.stop):
                key = (event, span.slot, attempt)
                self._partial.pop(key, None)
                self._remember(key)

    def _lease_before_others(self, span: Span) -> None:
        head = self._leases[0]
        self._leases[0] = msgspec.structs.replace(head, first=self._next, count=head.stop - self._next)
        insort(self._leases, span, key=lambda lease: lease.first)
        self._next = self._leases[0].first

    def add(
        self, stream: str, slot: int, attempt: int, first: int, expected: int, packets: Sequence[Packet]
    ) -> None:
        """Packets of ``stream`` for consecutive events from ``first`` on; they may come before the lease does."""
        partial = self._partial
        void = self._void.get(attempt)
        for event, packet in enumerate(packets, first):
            if void is not None and event in void:
                continue
            key = (event, slot, attempt)
            found = partial.get(key)
            if found is None:
                if key in self._done:
                    continue
                found = partial[key] = _Partial(expected)
            found.streams[stream] = packet

    def drop(self, first: int, stop: int) -> None:
        """[first, stop) are settled elsewhere: nothing of what is leased of them is to become ready, until it is leased anew."""
        kept: deque[Span] = deque()
        for place, span in enumerate(self._leases):
            begin = self._next if place == 0 else span.first
            for a, b in RangeSet([(first, stop)]).missing(begin, span.stop):
                kept.append(msgspec.structs.replace(span, first=a, count=b - a))
            dropped = range(max(begin, first), min(span.stop, stop))
            if dropped:
                self._void.setdefault(span.attempt, RangeSet()).add(dropped.start, dropped.stop)
            for event in dropped:
                self._partial.pop((event, span.slot, span.attempt), None)
        self._leases = kept
        if kept:
            self._next = kept[0].first

    def take_ready(self, limit: int) -> list[Ready]:
        """At most ``limit`` deliveries that are complete, in the order of their events."""
        ready: list[Ready] = []
        while self._leases and len(ready) < limit:
            span = self._leases[0]
            key = (self._next, span.slot, span.attempt)
            found = self._partial.get(key)
            if found is None or len(found.streams) < found.expected:
                break
            del self._partial[key]
            self._remember(key)
            ready.append(
                Ready(
                    self._next, span.slot, span.attempt, span.epoch, found.streams, span.streams is not None
                )
            )
            self._next += 1
            if self._next >= span.stop:
                self._leases.popleft()
                if self._leases:
                    self._next = self._leases[0].first
        return ready

    def _remember(self, key: tuple[int, int, int]) -> None:
        self._done.add(key)
        self._done_in_order.append(key)
        if len(self._done_in_order) > DONE_KEPT:
            self._done.discard(self._done_in_order.popleft())

    @property
    def leased(self) -> int:
        """How many deliveries are leased and have not become ready yet."""
        if not self._leases:
            return 0
        return sum(span.count for span in self._leases) - (self._next - self._leases[0].first)

    def deliveries(self) -> Iterator[tuple[int, int, int]]:
        """Slot, first event and one past the last of what is leased and has not become ready yet."""
        for place, span in enumerate(self._leases):
            yield span.slot, self._next if place == 0 else span.first, span.stop

    @property
    def kept(self) -> int:
        """How many deliveries are incomplete, or wait for their lease."""
        return len(self._partial)

    @property
    def awaited(self) -> tuple[int, list[str]] | None:
        """The event that is next and the streams of it that are here; None when nothing is leased."""
        if not self._leases:
            return None
        span = self._leases[0]
        found = self._partial.get((self._next, span.slot, span.attempt))
        return self._next, sorted(found.streams) if found is not None else []
