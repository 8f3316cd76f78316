"""Where the packets of one stream go.

Packets and leases arrive independently; a packet is delivered as soon as both are there, and kept until its event is settled, so that it
can be delivered again to another worker. What the stream skipped, sent twice or sent unreadably is seen here and reported, event by event.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Callable, Iterable, Sequence

import msgspec

from beamloom.engine.assignment import Span
from beamloom.engine.ledger import Loss
from beamloom.engine.numbering import DUPLICATE, LATE, SURPLUS, Numbering
from beamloom.engine.ranges import RangeSet
from beamloom.engine.retention import Retention, WhenFull
from beamloom.engine.streamplan import StreamLayout, StreamPlan, Stretch
from beamloom.engine.theft import Theft
from beamloom.events import Malformed, Packet, PacketKind
from beamloom.triggermap import CellKind

MALFORMED_KEPT = 16
"""So many unreadable packets of a run are kept for inspection."""


class Delivery(msgspec.Struct, gc=False):
    """Packets of consecutive events for one worker."""

    span: Span
    first: int
    expected: int
    """From how many streams the worker is to wait for a packet of each of these events."""
    packets: list[Packet]


class StreamCounts(msgspec.Struct):
    """What became of the packets of one stream in one run."""

    packets: int = 0
    discarded: int = 0
    gaps: int = 0
    duplicates: int = 0
    late: int = 0
    surplus: int = 0
    malformed: int = 0
    dropped: int = 0


class StreamRouter:
    """Forms the events of one stream and routes its packets."""

    def __init__(
        self,
        stream: str,
        layout: StreamLayout,
        retention: Retention,
        witness: Callable[[int, Sequence[Packet]], None] | None = None,
        *,
        rearms: bool = False,
    ) -> None:
        """``witness`` is told every packet that has been given an event, also those that nobody wants: (first event, packets)."""
        self.stream = stream
        self._witness = witness
        self.retention = retention
        self.counts = StreamCounts()
        self.malformed: list[Malformed] = []
        """The first unreadable packets, for inspection."""
        self.ended = False
        """Whether the device has closed its series for good."""
        self._plan = StreamPlan(layout)
        self._numbering = Numbering(wrapped=layout.wrapped, rearms=rearms)
        self._numbering.last_item = self._plan.last_item
        self._theft = Theft()
        self._leases: list[Span] = []
        self._front = 0
        self._losses: list[Loss] = []
        self._unplaced: str | None = None
        self._settled_ahead = RangeSet()
        self._held_end: Packet | None = None

    # ---- packets arrive -----------------------------------------------------------------------------------------------------

    def arrive(self, arrivals: Sequence[Packet | Malformed]) -> list[Delivery]:
        """The source has read these; returns what can be delivered by that."""
        deliveries: list[Delivery] = []
        run: list[Packet] = []
        first_item = self._numbering.next_item
        numbering = self._numbering
        for arrival in arrivals:
            if isinstance(arrival, Malformed):
                deliveries += self._place(first_item, run)
                run, first_item = [], self._note_malformed(arrival)
                continue
            if arrival.kind is PacketKind.END and self._plan.open_ended:
                deliveries += self._place(first_item, run)
                run, first_item = [], self._hold_end(arrival)
                continue
            expected_item = numbering.next_item
            item = numbering.accept(arrival)
            if item == expected_item:
                run.append(arrival)
            elif item > expected_item:
                deliveries += self._place(first_item, run)
                run, first_item = [arrival], item
            else:
                self._count_unplaced(item)
            if arrival.kind is PacketKind.END and item == numbering.last_item:
                self.ended = True
        return deliveries + self._place(first_item, run)

    def _hold_end(self, packet: Packet) -> int:
        """An open-ended series is closed: which event that is, the controller decides when all streams have ended."""
        item = self._numbering.place(packet)
        if item > self._plan.next_item:
            self._skip_to(item, self._why_skipped(item, packet))
            self._numbering.skip_to(item)
        self._held_end = packet
        self.ended = True
        return self._numbering.next_item

    def _note_malformed(self, arrival: Malformed) -> int:
        self.counts.malformed += 1
        if len(self.malformed) < MALFORMED_KEPT:
            self.malformed.append(arrival)
        if arrival.takes_place:
            item = self._numbering.skip_one()
            self._skip_to(item + 1, f"stream {self.stream!r} sent a malformed packet: {arrival.reason}")
        else:
            self._unplaced = self._unplaced or arrival.reason
        return self._numbering.next_item

    def _count_unplaced(self, item: int) -> None:
        if item == DUPLICATE:
            self.counts.duplicates += 1
        elif item == LATE:
            self.counts.late += 1
        elif item == SURPLUS:
            self.counts.surplus += 1

    def _place(self, first_item: int, packets: list[Packet]) -> list[Delivery]:
        """Give consecutive packets their events, keep them, and deliver those whose events are leased."""
        if not packets:
            return []
        if first_item > self._plan.next_item:
            self._skip_to(first_item, self._why_skipped(first_item, packets[0]))
        self._unplaced = None
        self.counts.packets += len(packets)
        deliveries: list[Delivery] = []
        taken = 0
        for stretch in self._plan.take(first_item + len(packets)):
            count = stretch.stop - stretch.first
            some = packets[taken : taken + count]
            taken += count
            self._front = stretch.stop
            if self._witness is not None:
                self._witness(stretch.first, some)
            if stretch.kind == CellKind.DISCARD:
                self.counts.discarded += count
            elif self.retention.full and self.retention.when_full is WhenFull.DROP:
                self.counts.dropped += count
                self._lose(stretch, f"stream {self.stream!r} dropped packets: its retention is full")
            else:
                self.retention.keep(stretch.first, some, stretch.wanted)
                deliveries += self._deliver(stretch, some)
                for first, stop in self._settled_ahead.within(stretch.first, stretch.stop):
                    self.retention.release(first, stop)
        self._settled_ahead.remove(0, self._front)
        return deliveries

    def _why_skipped(self, item: int, packet: Packet) -> str:
        if self._unplaced is not None:
            return f"stream {self.stream!r} sent a malformed packet: {self._unplaced}"
        if packet.kind is PacketKind.END:
            return f"stream {self.stream!r} ended early: its series was closed after {self._plan.next_item} of {item} packets"
        taken = self._theft.gap(self._plan.next_item, item)
        return f"stream {self.stream!r} skipped frame numbers: {taken or 'a gap in what the device sent'}"

    def _skip_to(self, item: int, cause: str) -> None:
        for stretch in self._plan.take(item):
            self.counts.gaps += stretch.stop - stretch.first
            self._front = stretch.stop
            self._lose(stretch, cause)

    def _lose(self, stretch: Stretch, cause: str) -> None:
        if stretch.kind == CellKind.WANTED:
            self._losses.append(Loss(stretch.first, stretch.stop, cause))

    # ---- leases arrive ------------------------------------------------------------------------------------------------------

    def assign(self, spans: Iterable[Span]) -> list[Delivery]:
        """The controller has leased these events; returns what can be delivered by that."""
        deliveries: list[Delivery] = []
        for span in spans:
            if span.streams is not None and self.stream not in span.streams:
                continue
            if span.first < self._front:
                deliveries += self._deliver_kept(span)
            if span.stop > self._front:
                if self._leases and self._leases[-1].first > span.first:
                    insort(self._leases, span, key=lambda lease: lease.first)
                else:
                    self._leases.append(span)
        return deliveries

    def _deliver(self, stretch: Stretch, packets: list[Packet]) -> list[Delivery]:
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
                some = packets[first - stretch.first : stop - stretch.first]
                deliveries.append(Delivery(span, first, expected, some))
            if span.stop > stretch.stop:
                unfinished.append(span)
        if touched:
            self._leases[:touched] = unfinished
        return deliveries

    def _deliver_kept(self, span: Span) -> list[Delivery]:
        deliveries: list[Delivery] = []
        for event, kept in self.retention.within(span.first, min(span.stop, self._front)):
            expected = kept.wanted if span.streams is None else len(span.streams)
            last = deliveries[-1] if deliveries else None
            if last is not None and last.first + len(last.packets) == event and last.expected == expected:
                last.packets.append(kept.packet)
            else:
                deliveries.append(Delivery(span, event, expected, [kept.packet]))
        return deliveries

    def forget_worker(self, worker: str) -> None:
        """A worker is gone: what was leased to it is not delivered any more."""
        self._leases = [span for span in self._leases if span.worker != worker]

    def release(self, first: int, stop: int) -> None:
        """[first, stop) are settled: nothing of them has to be kept or delivered any more."""
        self.retention.release(first, stop)
        # Another stream may have lost the event before this one has its packet, which is then not to be kept either.
        self._settled_ahead.add(max(first, self._front), stop)

    # ---- the end ------------------------------------------------------------------------------------------------------------

    def close(self, event: int) -> list[Delivery]:
        """The open-ended run ends before ``event``; a closing packet that was held back belongs to that event."""
        for stretch in self._plan.close(event):
            self.counts.gaps += stretch.stop - stretch.first
            self._lose(stretch, f"stream {self.stream!r} ended early: other streams went on")
        self._front = max(self._front, event)
        self._numbering.last_item = self._plan.last_item
        self._numbering.skip_to(self._plan.next_item)
        self._leases = [
            msgspec.structs.replace(span, count=min(span.count, event - span.first))
            for span in self._leases
            if span.first < event
        ]
        held, self._held_end = self._held_end, None
        return [] if held is None else self.arrive([held])

    @property
    def has_room(self) -> bool:
        """Whether the device may be read on."""
        return not self.retention.full or self.retention.when_full is WhenFull.DROP

    @property
    def complete_until(self) -> int:
        """Of every event before this one, the packet of this stream has come or is known to be lost."""
        return self._plan.next_event

    @property
    def seen_until(self) -> int:
        """One past the last event of which this stream has seen a packet or a loss."""
        return self._front

    def take_losses(self) -> list[Loss]:
        """The events that were lost since the last call, with their causes."""
        losses, self._losses = self._losses, []
        return losses
