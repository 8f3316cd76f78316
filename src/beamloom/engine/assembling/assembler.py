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

from beamloom.engine.assembling.packet_runs import PacketRuns, Run
from beamloom.engine.assembling.ready import ReadyRun
from beamloom.engine.assignment import Span
from beamloom.engine.ranges import Range, RangeSet
from beamloom.events import Packet

DONE_KEPT = 1 << 16
"""So many events back it is remembered which have become ready: a frame that came to two ingesters of one stream comes here twice."""


class Assembler:
    """Collects the packets of the deliveries that are leased to one worker."""

    def __init__(self) -> None:
        self._leases: deque[Span] = deque()
        self._next = 0
        self._here: dict[tuple[int, int], dict[str, PacketRuns]] = {}
        """By slot and attempt, and by stream, the packets of deliveries that have not become ready."""
        self._done: dict[tuple[int, int], RangeSet] = {}
        """By slot and attempt, the events whose packets are not wanted any more."""
        self._void: dict[int, RangeSet] = {}
        """By attempt, the events that were dropped: late packets of them are not kept."""

    def lease(self, spans: Iterable[Span]) -> None:
        """The controller has leased these to this worker."""
        for span in spans:
            for attempt in () if span.is_rehearsal else range(1, span.attempt):
                # What has come or will come under an earlier attempt is not meant any more.
                self._forget(span.slot, attempt, span.first, span.stop)
            if span.attempt > 1 and not span.is_rehearsal:
                self._end_earlier(span)
            if self._leases and span.first < self._leases[-1].first:
                self._lease_before_others(span)
            else:
                if not self._leases:
                    self._next = span.first
                self._leases.append(span)

    def _end_earlier(self, span: Span) -> None:
        """What this worker still has of these deliveries under an earlier attempt is not to be waited for."""
        kept: deque[Span] = deque()
        for place, one in enumerate(self._leases):
            begin = self._next if place == 0 else one.first
            ended = one.slot == span.slot and one.attempt < span.attempt
            for a, b in RangeSet([(span.first, span.stop)] if ended else []).missing(begin, one.stop):
                kept.append(msgspec.structs.replace(one, first=a, count=b - a))
        self._leases = kept
        if kept:
            self._next = kept[0].first

    def _lease_before_others(self, span: Span) -> None:
        head = self._leases[0]
        self._leases[0] = msgspec.structs.replace(head, first=self._next, count=head.stop - self._next)
        insort(self._leases, span, key=lambda lease: lease.first)
        self._next = self._leases[0].first

    def add(
        self, stream: str, slot: int, attempt: int, first: int, expected: int, packets: Sequence[Packet]
    ) -> None:
        """Packets of ``stream`` for consecutive events from ``first`` on; they may come before the lease does."""
        run = Run(first, packets, expected)
        key = (slot, attempt)
        unwanted = [
            part
            for known in (self._done.get(key), self._void.get(attempt))
            if known is not None
            for part in known.within(first, run.stop)
        ]
        wanted = (
            [run.part(a, b) for a, b in RangeSet(unwanted).missing(first, run.stop)] if unwanted else [run]
        )
        for part in wanted:
            self._here.setdefault(key, {}).setdefault(stream, PacketRuns()).add(part)

    def drop(self, first: int, stop: int) -> None:
        """[first, stop) are settled elsewhere: nothing of what is leased of them is to become ready, until it is leased anew."""
        kept: deque[Span] = deque()
        for place, span in enumerate(self._leases):
            begin = self._next if place == 0 else span.first
            for a, b in RangeSet([(first, stop)]).missing(begin, span.stop):
                kept.append(msgspec.structs.replace(span, first=a, count=b - a))
            a, b = max(begin, first), min(span.stop, stop)
            if a < b:
                self._void.setdefault(span.attempt, RangeSet()).add(a, b)
                self._forget_packets(span.slot, span.attempt, a, b)
        self._leases = kept
        if kept:
            self._next = kept[0].first

    def end_lives(self, lives: Iterable[Range]) -> None:
        """Nobody needs these states any more: nothing is to be worked through for them."""
        over = RangeSet(lives)
        for key in [key for key in self._done if -key[0] in over]:
            del self._done[key]
        if not any(span.life in over for span in self._leases):
            return
        kept: deque[Span] = deque()
        for place, span in enumerate(self._leases):
            if place == 0:
                span = msgspec.structs.replace(span, first=self._next, count=span.stop - self._next)
            if span.life in over:
                self._forget(span.slot, span.attempt, span.first, span.stop)
            else:
                kept.append(span)
        self._leases = kept
        if kept:
            self._next = kept[0].first

    def take_ready(self, limit: int) -> list[ReadyRun]:
        """At most ``limit`` deliveries that are complete, in the order of their events."""
        ready: list[ReadyRun] = []
        while self._leases and limit > 0:
            span, first = self._leases[0], self._next
            key = (span.slot, span.attempt)
            columns = self._columns(key, first)
            stop = min(span.stop, first + limit, *(run.stop for _, _, run in columns))
            if not columns or len(columns) < columns[0][2].expected:
                break
            taken = {stream: runs.take(first, stop) for stream, runs, _ in columns}
            self._tidy(key)
            self._finish(key, first, stop)
            split = span.streams is not None
            ready.append(ReadyRun(first, stop, span.slot, span.attempt, span.epoch, taken, split, span.life))
            limit -= stop - first
            self._next = stop
            if stop >= span.stop:
                self._leases.popleft()
                if self._leases:
                    self._next = self._leases[0].first
        return ready

    def _columns(self, key: tuple[int, int], event: int) -> list[tuple[str, PacketRuns, Run]]:
        """The streams whose packet of ``event`` is here, with the run that it lies in."""
        columns = []
        for stream, runs in self._here.get(key, {}).items():
            run = runs.at(event)
            if run is not None:
                columns.append((stream, runs, run))
        return columns

    def _finish(self, key: tuple[int, int], first: int, stop: int) -> None:
        done = self._done.get(key)
        if done is None:
            done = self._done[key] = RangeSet()
        done.add(first, stop)
        done.remove(0, first - DONE_KEPT)

    def _forget(self, slot: int, attempt: int, first: int, stop: int) -> None:
        self._forget_packets(slot, attempt, first, stop)
        self._finish((slot, attempt), first, stop)

    def _forget_packets(self, slot: int, attempt: int, first: int, stop: int) -> None:
        for runs in self._here.get((slot, attempt), {}).values():
            runs.drop(first, stop)
        self._tidy((slot, attempt))

    def _tidy(self, key: tuple[int, int]) -> None:
        here = self._here.get(key)
        if here is not None and not any(here.values()):
            del self._here[key]

    @property
    def leased(self) -> int:
        """How many deliveries are leased and have not become ready yet."""
        if not self._leases:
            return 0
        return sum(span.count for span in self._leases) - (self._next - self._leases[0].first)

    def deliveries(self) -> Iterator[tuple[int, int, int]]:
        """Slot, first event and one past the last of what is leased and has not become ready yet, rehearsals left out."""
        for place, span in enumerate(self._leases):
            if not span.is_rehearsal:
                yield span.slot, self._next if place == 0 else span.first, span.stop

    def lacking(self, stream: str) -> dict[int, list[Range]]:
        """By slot, the events of what is leased for which no packet of ``stream`` has come, also where the map wants none."""
        found: dict[int, RangeSet] = {}
        for place, span in enumerate(self._leases):
            if span.is_rehearsal:
                continue
            if span.streams is not None and stream not in span.streams:
                continue
            here = RangeSet(self._here.get((span.slot, span.attempt), {}).get(stream, ()))
            for first, stop in here.missing(self._next if place == 0 else span.first, span.stop):
                found.setdefault(span.slot, RangeSet()).add(first, stop)
        return {slot: list(events) for slot, events in found.items()}

    @property
    def kept(self) -> int:
        """How many deliveries are incomplete, or wait for their lease."""
        return sum(
            len(RangeSet(part for runs in here.values() for part in runs)) for here in self._here.values()
        )

    @property
    def awaited(self) -> tuple[int, list[str]] | None:
        """The event that is next and the streams of it that are here; None when nothing is leased."""
        if not self._leases:
            return None
        span = self._leases[0]
        return self._next, sorted(
            stream for stream, _, _ in self._columns((span.slot, span.attempt), self._next)
        )
