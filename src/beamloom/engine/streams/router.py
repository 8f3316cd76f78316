"""Where the packets of one stream go.

Packets and leases arrive independently; a packet is delivered as soon as both are there, and kept until its event is settled, so that it
can be delivered again to another worker. What the stream skipped, sent twice or sent unreadably is seen here and reported, event by event.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import msgspec

from beamloom.engine.accounts.ledger import Loss
from beamloom.engine.assignment import Span
from beamloom.engine.ranges import Range, RangeSet
from beamloom.engine.streams.combs import Comb, Combs
from beamloom.engine.streams.losses import StreamCounts, StreamLosses
from beamloom.engine.streams.numbering import DUPLICATE, LATE, SURPLUS, Numbering
from beamloom.engine.streams.packet_rows import Arrivals, PacketRow, rows_of, singles
from beamloom.engine.streams.rejoining import Rejoin, Rejoining
from beamloom.engine.streams.retention import DROPPED, Retention, joined
from beamloom.engine.streams.shares import Share
from beamloom.engine.streams.spares import Spares
from beamloom.engine.streams.streamplan import StreamLayout, StreamPlan, Stretch, items_before
from beamloom.engine.streams.waiting_leases import Delivery, WaitingLeases
from beamloom.events import Malformed, Packet, PacketKind
from beamloom.triggermap import CellKind


class StreamRouter:
    """Forms the events of one stream and routes its packets."""

    def __init__(
        self,
        stream: str,
        layout: StreamLayout,
        retention: Retention,
        witness: Callable[[int, PacketRow], None] | None = None,
        *,
        rearms: bool = False,
        share: Share | None = None,
        window: str = "no packet",
        rejoin: Rejoin | None = None,
        series_start: int = 0,
        needed_from: int = 0,
        dead_end: str | None = None,
    ) -> None:
        """``witness`` is told every packet that has been given an event, also those that nobody wants: (first event, packets).

        With a ``share`` the others have the packets that do not come here: what is missing in all, only the controller knows.
        ``window`` is how late a packet may come without being late here, in words.
        With ``rejoin`` another router has had the stream before; numbers count from item ``series_start`` then.
        The source leaves out the items before ``needed_from``, but for the first, as nobody needs them any more. With a ``dead_end``
        nothing comes but what is kept on disk, for this reason.
        """
        self.stream = stream
        self._share = share
        self._received = Combs()
        self._witness = witness
        self.retention = retention
        self.spares = Spares(retention)
        self.counts = StreamCounts()
        self.losses = StreamLosses(stream, self.counts, window, share)
        """What is lost, and why."""
        self.ended = False
        """Whether the device has closed its series for good."""
        self._plan = StreamPlan(layout)
        dealt = share is not None and share.in_turn
        self._numbering = Numbering(wrapped=layout.wrapped, rearms=rearms, dealt=dealt)
        self._numbering.last_item = self._plan.last_item
        self._leases = WaitingLeases()
        self.leased_until = 0
        """One past the last event that has been leased to anybody."""
        self._front = 0
        self._needed_from = needed_from
        self._settled_ahead = RangeSet()
        self._held_end: Packet | None = None
        self._restarts_noted = 0
        self._rejoining = None if rejoin is None else Rejoining(stream, layout, rejoin)
        self._dead_end = dead_end
        self._numbering.begin_series(series_start)
        if dead_end is not None and self._rejoining is not None:
            self._end_behind_kept(layout, self._rejoining)
        elif self._rejoining is not None and share is None and retention.spooled:
            # The device had come at least as far: its next packet, of which nobody knows whether it comes, is not needed to know that.
            self._rejoining.found(retention.spooled[-1][1])
            self._lose_missing(self._rejoining)

    # ---- packets arrive -----------------------------------------------------------------------------------------------------

    def arrive(self, arrivals: Arrivals) -> list[Delivery]:
        """The source has read these; returns what can be delivered by that."""
        if self._rejoining is not None and self._rejoining.looking:
            return self._look_for_place(arrivals, self._rejoining)
        deliveries: list[Delivery] = []
        late: list[tuple[int, str]] = []
        numbering, all_ours = self._numbering, self._share is None or self._share.in_turn
        for row in rows_of(arrivals):
            if isinstance(row, Malformed):
                self._note_malformed(row)
            elif all_ours and (item := numbering.accept_row(row)) is not None:
                deliveries += self._place(item, row)
            else:
                deliveries += self._arrive_singly(row, late)
        for place, cause in late:
            self.losses.explain_late(place, cause)
        return deliveries

    def _arrive_singly(self, packets: PacketRow, late: list[tuple[int, str]]) -> list[Delivery]:
        """Not all of these are sure to have places; adds to ``late`` the items whose places were passed, and why."""
        deliveries: list[Delivery] = []
        numbering = self._numbering
        run: list[Packet] = []
        first_item = numbering.next_item
        for arrival in packets:
            if self._share is not None and not self._is_ours(arrival, self._share):
                deliveries += self._place_run(first_item, run)
                run, first_item = [], self._pass_over(arrival)
                continue
            if arrival.kind is PacketKind.END and self._plan.open_ended:
                deliveries += self._place_run(first_item, run)
                run, first_item = [], self._hold_end(arrival)
                continue
            expected_item = numbering.next_item
            item = numbering.accept(arrival)
            if item == expected_item:
                run.append(arrival)
            elif item > expected_item:
                deliveries += self._place_run(first_item, run)
                run, first_item = [arrival], item
            else:
                if numbering.restarts != self._restarts_noted:
                    # What came before it has been skipped for other reasons.
                    deliveries += self._place_run(first_item, run)
                    run, first_item = [], numbering.next_item
                    self._note_restart()
                self._count_unplaced(item)
                if item == LATE:
                    place = numbering.place(arrival)
                    behind = numbering.next_item - 1 - place
                    late.append((place, self.losses.why_late(behind, catches_up=numbering.catches_up)))
            if arrival.kind is PacketKind.END and item == numbering.last_item:
                self.ended = True
        deliveries += self._place_run(first_item, run)
        return deliveries

    def _note_restart(self) -> None:
        """The device has begun its series anew."""
        numbering = self._numbering
        self._restarts_noted = numbering.restarts
        self.losses.begun_anew(numbering.restarts, numbering.restarted_after, self._plan.next_event)

    def _is_ours(self, packet: Packet, share: Share) -> bool:
        """Whether a packet belongs to this share; the end of an open-ended series concerns all."""
        if packet.kind is PacketKind.END and self._plan.open_ended:
            return True
        return share.keeps(self._numbering.place(packet))

    def _pass_over(self, packet: Packet) -> int:
        """A packet that is another share's."""
        item = self._numbering.accept(packet)
        if self._numbering.restarts != self._restarts_noted:
            self._note_restart()
        if item >= 0:
            self._skip_to(item + 1, "")
            self.ended = self.ended or (packet.kind is PacketKind.END and item == self._numbering.last_item)
        return self._numbering.next_item

    def _hold_end(self, packet: Packet) -> int:
        """An open-ended series is closed: which event that is, the controller decides when all streams have ended."""
        if self._numbering.over:
            self.counts.surplus += 1
            return self._numbering.next_item
        self._numbering.close()
        item = self._numbering.place(packet)
        if item > self._plan.next_item:
            self._skip_to(item, self.losses.why_skipped(self._plan.next_item, item, packet.kind))
            self._numbering.skip_to(item)
        self._held_end = packet
        self.ended = True
        return self._numbering.next_item

    # ---- a stream that another router has had before --------------------------------------------------------------------------

    def _look_for_place(self, arrivals: Arrivals, rejoining: Rejoining) -> list[Delivery]:
        """The first packet that is not a START tells where the stream is."""
        deliveries: list[Delivery] = []
        one_by_one = list(singles(arrivals))
        for index, arrival in enumerate(one_by_one):
            if isinstance(arrival, Malformed):
                # Which place it takes, nobody can know.
                self.losses.keep_malformed(arrival)
                continue
            item = rejoining.place(arrival, self._numbering)
            if item is None:
                self.counts.surplus += 1
                continue
            for stretch in self._plan.take(item):
                self._front = stretch.stop
            self._numbering.skip_to(item)
            rejoining.found(self._front)
            self._lose_missing(rejoining)
            self._leases.pass_by(self._front)
            rejoining.looking = arrival.kind is PacketKind.START
            # One at a time while that is not sure, then all that is left.
            rest = [arrival] if rejoining.looking else one_by_one[index:]
            looking, rejoining.looking = rejoining.looking, False
            deliveries += self.arrive(rest)
            rejoining.looking = looking
            if not looking:
                break
        return deliveries

    def _lose_missing(self, rejoining: Rejoining) -> None:
        """What is claimed here, and what was never leased, is lost where nobody has it."""
        for first, stop in rejoining.take_due():
            kept = RangeSet((kept.first, kept.stop) for kept in self.retention.within(first, stop))
            missing = kept.missing(first, stop)
            self.losses.add(rejoining.losses(missing, written_ahead=self.retention.writes_ahead))

    def claim(self, spans: Iterable[Span]) -> None:
        """Of these leases, which came before, the workers say that they lack the packet."""
        if self._rejoining is not None:
            for span in spans:
                self._rejoining.claim(span.first, span.stop)
            self._lose_missing(self._rejoining)

    def give_up_looking(self) -> None:
        """The source is stopped: what another router has not delivered, and nobody has kept, will not come."""
        if self._rejoining is not None and self._rejoining.looking:
            self._rejoining.give_up()
            self._lose_missing(self._rejoining)

    @property
    def astray(self) -> str | None:
        """Why this stream cannot be taken up where another router left it; None where it can, or need not be.

        At a dead end, that is said when what is kept on disk has been worked off. A packet of the start event is kept for those who come
        late, and not waited for.
        """
        rejoining = self._rejoining
        if rejoining is None or self._dead_end is None:
            return None if rejoining is None else rejoining.astray
        return None if self.works_off else rejoining.at_dead_end(self._dead_end)

    def _end_behind_kept(self, layout: StreamLayout, rejoining: Rejoining) -> None:
        """What is kept on disk is all that comes."""
        last = self.retention.spooled[-1][1]
        for stretch in self._plan.take(items_before(layout, last)):
            self._front = stretch.stop
        rejoining.looking = False
        rejoining.found(last)
        self._lose_missing(rejoining)

    def _note_malformed(self, arrival: Malformed) -> None:
        losses = self.losses
        if self._share is not None:
            losses.excuse_malformed(arrival, self._share, self._plan.next_event)
            return
        losses.keep_malformed(arrival)
        if arrival.takes_place:
            self._numbering.skip_to(self._needed_from)
            item = self._numbering.skip_one()
            self._skip_to(item + 1, f"stream {self.stream!r} sent a malformed packet: {arrival.reason}")
        else:
            losses.unplaced(arrival.reason)

    def _count_unplaced(self, item: int) -> None:
        if item == DUPLICATE:
            self.counts.duplicates += 1
        elif item == LATE:
            self.counts.late += 1
        elif item == SURPLUS:
            self.counts.surplus += 1

    def _place_run(self, first_item: int, packets: Iterable[Packet]) -> list[Delivery]:
        """The same of packets that may not be alike."""
        deliveries: list[Delivery] = []
        for row in rows_of(packets):
            if isinstance(row, PacketRow):
                deliveries += self._place(first_item, row)
                first_item += row.count
        return deliveries

    def _place(self, first_item: int, packets: PacketRow) -> list[Delivery]:
        """Give consecutive packets their events, keep them, and deliver those whose events are leased."""
        if first_item > self._plan.next_item:
            self._skip_to(first_item, self.losses.why_skipped(self._plan.next_item, first_item, packets.kind))
        self.losses.placed(packets.kind, self._plan.next_event)
        self.counts.packets += packets.count
        deliveries: list[Delivery] = []
        taken = 0
        for stretch in self._plan.take(first_item + packets.count):
            count = stretch.stop - stretch.first
            some = packets.part(taken, taken + count)
            taken += count
            self._front = stretch.stop
            if self._share is not None:
                self._received.add(stretch.first, stretch.stop)
            if self._witness is not None:
                self._witness(stretch.first, some)
            if stretch.kind == CellKind.DISCARD:
                self.counts.discarded += count
                continue
            self.spares.make_room(some.nbytes)
            kept = self.retention.keep(stretch.first, some, stretch.wanted)
            self.spares.keep(stretch.first, stretch.first + kept)
            if kept < count:
                self.counts.dropped += count - kept
                dropped = msgspec.structs.replace(stretch, first=stretch.first + kept)
                self.losses.lose(dropped, f"stream {self.stream!r} {DROPPED}")
                stretch = msgspec.structs.replace(stretch, stop=dropped.first)
            deliveries += self._leases.deliver(stretch, some.part(0, kept))
            for first, stop in self._settled_ahead.within(stretch.first, stretch.stop):
                self.retention.release(first, stop)
                self.spares.release(first, stop)
            self.spares.make_room()
        self._settled_ahead.remove(0, self._front)
        return deliveries

    def _skip_to(self, item: int, cause: str) -> None:
        """Go past what has not come; where the stream has several shares, another one may have it."""
        for stretch in self._plan.take(min(item, self._needed_from)):
            self._front = stretch.stop
        first_item = self._plan.next_item
        for stretch in self._plan.take(item):
            self._front = stretch.stop
            if self._share is None:
                self.losses.lose_gap(first_item, stretch, cause)
                first_item += stretch.stop - stretch.first
        first_stop = self._leases.first_stop
        if first_stop is not None and first_stop <= self._front:
            self._forget_leases()

    # ---- leases arrive ------------------------------------------------------------------------------------------------------

    def assign(self, spans: Sequence[Span]) -> list[Delivery]:
        """The controller has leased these events; returns what can be delivered by that."""
        deliveries = self._assign(spans)
        # Who has just been leased an event has nothing of it yet.
        self.claim(span for span in spans if span.streams is None or self.stream in span.streams)
        return deliveries

    def _assign(self, spans: Sequence[Span]) -> list[Delivery]:
        deliveries: list[Delivery] = []
        for span in spans:
            self.leased_until = max(self.leased_until, span.stop)
            if span.streams is not None and self.stream not in span.streams:
                continue
            if span.first < self._front or self._rejoining is not None:
                deliveries += self._deliver_kept(span)
            if span.stop > self._front:
                self._leases.add(span)
        return deliveries

    def resync(self, spans: Sequence[Span]) -> list[Delivery]:
        """These are all leases that count; what is delivered may have been delivered before."""
        self._leases.clear()
        return self._assign(spans)

    def _deliver_kept(self, span: Span) -> list[Delivery]:
        deliveries: list[Delivery] = []
        for kept in joined(self.retention.within(span.first, span.stop)):
            expected = kept.wanted if span.streams is None else len(span.streams)
            deliveries.append(Delivery(span, kept.first, expected, kept.row))
        return deliveries

    def forget_worker(self, worker: str) -> None:
        """A worker is gone: what was leased to it is not delivered any more."""
        self._leases.forget_worker(worker)

    def release(self, first: int, stop: int) -> None:
        """[first, stop) are settled: nothing of them has to be kept or delivered any more."""
        self.release_all([(first, stop)])

    def release_all(self, settled: Iterable[Range]) -> None:
        """The same of all of these; a share goes through its leases once for all of them."""
        for first, stop in settled:
            self.retention.release(first, stop)
            self.spares.release(first, stop)
            # Another stream may have lost the event before this one has its packet, which is then not to be kept either.
            self._settled_ahead.add(max(first, self._front), stop)
        self._forget_leases()

    def _forget_leases(self) -> None:
        """With a share, leases are done with also when no packet comes here: others had them."""
        if self._share is not None:
            self._leases.forget_settled(self._settled_ahead, self._front)

    # ---- the end ------------------------------------------------------------------------------------------------------------

    def close(self, event: int) -> list[Delivery]:
        """The open-ended run ends before ``event``; a closing packet that was held back belongs to that event."""
        rejoining = self._rejoining
        if rejoining is not None and rejoining.unknown:
            self._plan.close(event)
            rejoining.found(event)
            self._lose_missing(rejoining)
        else:
            for stretch in self._plan.close(event) if self._share is None else self._close_share(event):
                self.counts.gaps += stretch.stop - stretch.first
                self.losses.lose(stretch, self._why_short())
        self._front = max(self._front, event)
        self._settled_ahead.remove(0, self._front)
        self._numbering.last_item = self._plan.last_item
        self._numbering.skip_to(self._plan.next_item)
        self._leases.close(event)
        self._forget_leases()
        held, self._held_end = self._held_end, None
        return [] if held is None else self.arrive([held])

    def _why_short(self) -> str:
        if self._dead_end is not None and self._rejoining is not None:
            return self._rejoining.at_dead_end(self._dead_end)
        return f"stream {self.stream!r} ended early: other streams went on"

    def _close_share(self, event: int) -> list[Stretch]:
        self._plan.close(event)
        return []

    @property
    def works_off(self) -> bool:
        """Whether nothing comes before what is kept on disk has been worked off, and nothing after that."""
        return self._dead_end is not None and self.spares.needed_from(1)

    @property
    def is_open(self) -> bool:
        """Whether the run has no known end yet."""
        return self._plan.open_ended

    @property
    def has_all(self) -> bool:
        """Whether the device has nothing more to send for this run."""
        last = self._plan.last_item
        return self.ended or (last is not None and self._plan.next_item > last)

    @property
    def has_room(self) -> bool:
        """Whether the device may be read on."""
        return not self.retention.blocks

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
        for first, stop in self.retention.take_unreadable():
            cause = f"the packet of stream {self.stream!r} was kept on disk and could not be read back"
            self.losses.add([Loss(first, stop, cause)])
        return self.losses.take()

    def take_received(self) -> list[Comb]:
        """With a share: the events whose packets have come since the last call."""
        return self._received.take()
