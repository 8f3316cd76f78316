"""One stream during one run: its source is read while there is room, its packets are placed in events and sent to their workers.

What arrives is first put in order (``engine/streams/reorder.py``), then given its events and routed (``engine/streams/router.py``); the
controller is told how far that came at once when something remarkable happened, and otherwise a few times a second.
"""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

from beamloom.devices.device import (
    EndlessSource,
    RereadableSource,
    ResumableSource,
    RowwiseSource,
    SharedSource,
    Source,
    SourceFigures,
    TriggeredSource,
    WritingSource,
)
from beamloom.engine.accounts.ledger import Loss
from beamloom.engine.assignment import Span
from beamloom.engine.ranges import Range
from beamloom.engine.streams.combs import Comb
from beamloom.engine.streams.held_on_disk import HeldOnDisk, Ordering
from beamloom.engine.streams.packet_rows import Rows
from beamloom.engine.streams.read_limit import ReadLimit
from beamloom.engine.streams.read_pace import ReadPace
from beamloom.engine.streams.rejoining import Rejoin
from beamloom.engine.streams.reorder import Reorder
from beamloom.engine.streams.requests import Requests
from beamloom.engine.streams.retention import Retention, Spool
from beamloom.engine.streams.router import StreamRouter
from beamloom.engine.streams.shares import Share
from beamloom.engine.streams.streamplan import StreamLayout, StreamPlan
from beamloom.engine.streams.waiting_leases import Delivery
from beamloom.events import Bearing
from beamloom.services.ingester.arrival_log import ArrivalLog
from beamloom.services.ingester.device_faults import let_go
from beamloom.services.ingester.lending import Lending
from beamloom.services.ingester.recording import PacketRecorder
from beamloom.services.ingester.standby import SeriesSource
from beamloom.services.ingester.stream_watch import StreamWatch
from beamloom.services.ingester.taking_up import NothingMore, Resumption, resumption
from beamloom.settings import IngesterSettings
from beamloom.transport.channel import Channel
from beamloom.transport.messages import CONTROLLER, Packets, Progress
from beamloom.transport.packing import pack
from beamloom.transport.waiting import tells_rest

logger = logging.getLogger(__name__)

READ_LIMIT = 512
"""Most packets that are read from one device before the others and the mailbox have their turn."""
READ_BYTES = 32 << 20
"""Most bytes of them, as far as that can be known before they are read, without those that stay in a file."""
AHEAD_BYTES = 32 << 20
"""Bytes of packets beyond what is leased, from which on files and generators are not read on where frames are shared."""
PROGRESS_EVERY = 0.1
"""Seconds between reports of a stream in which nothing remarkable happened."""
REORDER_SHARE = 1 / 8
"""Share of the retention's memory that packets may take which wait for those before them."""


class StreamRun:
    """One stream during one run."""

    def __init__(
        self,
        run: str,
        layout: StreamLayout,
        source: Source,
        channel: Channel,
        reorder: Ordering,
        router: StreamRouter,
        recorder: PacketRecorder | None,
        *,
        arrivals: ArrivalLog,
        stall_limit: float,
        lending: Lending,
        is_share: bool = False,
        clock: Callable[[], float] = time.monotonic,
        rests: bool = True,
    ) -> None:
        """``stall_limit``: seconds without a packet after which the stream is stalled. ``lending`` takes large frames over.

        ``clock`` tells, in seconds, for how long the source is read at once; ``rests``: a fast one is left alone between two reads.
        """
        self._clock = clock
        self.run = run
        self.stream = router.stream
        self.source = source
        self.reorder = reorder
        self.router = router
        self.recorder = recorder
        self.reading = False
        self.stopped = False
        self.may_have_more = False
        """Whether the source is to be read again at once."""
        self._tells_rest = False
        self.seconds_read = 0.0
        """Spent in the source: reading from the device, and telling what its messages are."""
        self.seconds_sent = 0.0
        """Spent on packing and sending packets."""
        self.arrivals = arrivals
        """When its packets came."""
        self.watch = StreamWatch(router.stream, source, router, stall_limit)
        """What the stream waits for."""
        self._channel = channel
        self._lending = lending
        self.is_share = is_share
        """Whether other ingesters receive the rest of the stream."""
        self._figures = source if isinstance(source, SourceFigures) else None
        self._triggered = source if isinstance(source, TriggeredSource) else None
        self._requests = None if self._triggered is None else Requests(layout)
        self._read = source.read_rows if isinstance(source, RowwiseSource) else source.read
        self._limit = ReadLimit(READ_LIMIT, READ_BYTES)
        self._pace = ReadPace() if rests else None
        self._rests_until: float | None = None
        """The source is not read before, though it may have packets."""
        # Memory that is used for the first time costs more than all else, and what is in the cache least.
        self._patient = lending.active and isinstance(source, RereadableSource)
        self._told_oversized = False
        self._told_at = 0.0
        self._told: tuple[object, ...] = ()
        self._told_ended = False
        self._told_origin: int | None = None
        self._told_bearing: Bearing | None = None
        self._told_seen = False
        # Once: to ask a Protocol takes microseconds, and these are asked for in each turn.
        self._resumable = source if isinstance(source, ResumableSource | RereadableSource) else None
        self._shared = source if isinstance(source, SharedSource) else None
        self._all_losses: list[Loss] = []
        self._all_excuses: list[Loss] = []
        self._received: deque[Comb] = deque()
        """What came to this share and may not be settled, as it was told."""
        self._settled_until = 0

    def trigger(self, spans: Sequence[Span]) -> None:
        """Have a software-triggered source produce the packets of events that have just been leased."""
        if self._requests is not None and self._triggered is not None and not self.stopped:
            kinds = self._requests.leased(spans)
            if kinds:
                self._triggered.trigger(kinds)

    @property
    def has_all(self) -> bool:
        """Whether the source has given all that is for this run, though its device may send on."""
        if isinstance(self.source, SeriesSource):
            return self.source.exhausted
        return isinstance(self.source, NothingMore)

    def read(self, now: float) -> None:
        """Take what the device has sent, as far as there is room, and deliver what is wanted of it."""
        if len(self.reorder) and (waited := self.reorder.due(now)):
            self.deliver(self._place(waited))
        retention = self.router.retention
        retention.make_room()
        if not self.router.has_room or self._far_enough():
            self._pause()
            self.watch.blocked(now)
            return
        if now < (self._rests_until or 0.0):
            return
        self._rests_until = None
        if not self.reading and not self.has_all:
            pollable = self.source.pollable
            self._channel.watch(pollable)
            self._tells_rest = tells_rest(pollable)
            self.reading = True
        begun = time.perf_counter()
        try:
            arrivals = self._limit.read(self._read, retention.room, self._clock)
        except Exception as error:
            error.add_note(f"as stream {self.stream!r} was read")
            raise
        ended = time.perf_counter()
        self.seconds_read += ended - begun
        if (tracer := self._channel.meter.tracer) is not None and arrivals:
            tracer.add("read", begun, ended, stream=self.stream, packets=self._limit.packets)
        self.may_have_more = len(arrivals) > 0 and not (self._tells_rest and self._limit.drained)
        self.watch.saw(now, arrived=len(arrivals) > 0)
        if self.has_all:
            self._pause()
        elif arrivals and self._pace is not None:
            self._rest(self._pace.rest_after(self._limit.packets, now, drained=self._limit.drained))
        if arrivals:
            self._lending.take_over(arrivals)
            self.deliver(self._place(self.reorder.arrive(arrivals, now)))
            if retention.oversized and not self._told_oversized:
                self._tell_oversized(retention)

    def _rest(self, until: float | None) -> None:
        if until is not None:
            self._pause()
            self._rests_until = until

    @property
    def due_at(self) -> float | None:
        """When there is something to do though nothing has happened."""
        reorder, rest = self.reorder.due_at, self._rests_until
        if reorder is None or rest is None:
            return rest if reorder is None else reorder
        return min(reorder, rest)

    def _far_enough(self) -> bool:
        """Whether a source that can wait without harm has given as much as is soon wanted."""
        router, kept = self.router, len(self.router.retention)
        ahead = router.seen_until - router.leased_until
        return (
            self._patient
            and ahead > 1
            and kept > 0
            and ahead * (router.retention.nbytes // kept) > AHEAD_BYTES
        )

    def _tell_oversized(self, retention: Retention) -> None:
        self._told_oversized = True
        logger.warning(
            "stream %r: a packet has %d bytes, more than the memory for all of them (retention_bytes: %d); such packets pass "
            "one by one, which is slow: allow more",
            self.stream,
            retention.oversized,
            retention.budget,
        )

    def _pause(self) -> None:
        self.may_have_more = False
        self._rests_until = None
        if self.reading:
            self._channel.unwatch(self.source.pollable)
            self.reading = False

    def stop(self) -> None:
        """Let go of the device; packets that wait for others wait no longer."""
        self._pause()
        self.stopped = True
        let_go(self.source, self.stream)
        if len(self.reorder):
            self.deliver(self._place(self.reorder.flush()))
        self.router.give_up_looking()

    def _place(self, arrivals: Rows) -> list[Delivery]:
        """Give packets their events that are in order as far as they will ever be; returns what can be delivered by that."""
        self.router.counts.reordered = self.reorder.reordered
        return self.router.arrive(arrivals)

    def deliver(self, deliveries: Sequence[Delivery]) -> None:
        """Send packets to the workers whose leases they are of."""
        begun = time.perf_counter()
        for delivery in deliveries:
            span = delivery.span
            block, buffers = pack(delivery.packets)
            memory, places, buffers = self._lending.lend(span.worker, buffers)
            message = Packets(
                self.run,
                self.stream,
                span.slot,
                span.attempt,
                delivery.first,
                delivery.expected,
                block,
                memory,
                places,
            )
            try:
                self._channel.send(span.worker, message, buffers)
            except KeyError:
                # The worker is gone; its leases come again for another one, and the packets are kept for that.
                logger.debug("worker %s is gone, %d packets kept", span.worker, block.count)
        ended = time.perf_counter()
        self.seconds_sent += ended - begun
        if (tracer := self._channel.meter.tracer) is not None and deliveries:
            tracer.add("send", begun, ended, stream=self.stream, messages=len(deliveries))

    def known_of(self, event: int) -> dict[str, Any]:
        """What is known here of the packet of an event."""
        router = self.router
        kept = [one.row[0] for one in router.retention.within(event, event + 1)]
        known: dict[str, Any] = {
            "passed": event < router.complete_until,
            "complete_until": router.complete_until,
            "came": self.arrivals.of(event),
            "remembered_from": self.arrivals.begins_with,
        }
        if kept:
            packet = kept[0]
            known["kept"] = {"number": packet.number, "frames": packet.length, "bytes": packet.nbytes}
        return known

    def report(self, now: float, *, always: bool = False) -> None:
        """Tell the controller how far the stream came, if that is due or ``always``."""
        progress = self._progress(now, always=always)
        if progress is not None:
            self._channel.send(CONTROLLER, progress)

    def _progress(self, now: float, *, always: bool) -> Progress | None:
        """What the controller is to be told now, if anything."""
        router = self.router
        losses = router.take_losses()
        complete_until, seen_until, ended = router.complete_until, router.seen_until, router.ended
        bearing = None if self._resumable is None else self._resumable.bearing
        urgent = (
            always
            or losses
            or router.spares.given_up
            or ended != self._told_ended
            or self.origin != self._told_origin
            or bearing != self._told_bearing
            or (seen_until > 0 and not self._told_seen)
        )
        if not urgent and now - self._told_at < PROGRESS_EVERY:
            return None
        figures = self._figures
        origin = self.origin
        discarded = None if figures is None else figures.discarded_before_start
        reconnects = None if figures is None else figures.reconnects
        full, astray = not router.has_room or router.works_off, router.astray
        standing = (complete_until, seen_until, ended, full, discarded, reconnects, origin, astray)
        if not urgent and standing == self._told:
            return None
        self._told, self._told_ended, self._told_at = standing, ended, now
        self._told_origin, self._told_bearing, self._told_seen = origin, bearing, seen_until > 0
        received, excuses = router.take_received(), router.losses.take_excuses()
        self._remember(losses, received, excuses)
        return Progress(
            self.run,
            self.stream,
            complete_until,
            seen_until,
            ended,
            losses,
            router.counts,
            self.stopped,
            full,
            discarded,
            reconnects,
            received,
            excuses,
            origin,
            bearing=bearing,
            astray=astray,
            given_up=self._given_up(),
        )

    def _given_up(self) -> list[Range]:
        """The settled events whose packets could not be kept for a replay."""
        spares = self.router.spares
        if spares.given_up and not spares.all_given_up:
            logger.warning(
                "stream %r: %d bytes (retention_bytes) do not hold the constraints that are under way; if the worker of one of them is "
                "lost now, what is left of that constraint is lost, too. Raise retention_bytes, or set on_full to spill",
                self.stream,
                self.router.retention.budget,
            )
        return spares.take_given_up()

    def _remember(self, losses: list[Loss], received: list[Comb], excuses: list[Loss]) -> None:
        for loss in losses:
            last = self._all_losses[-1] if self._all_losses else None
            if last is not None and (last.stop, last.cause, last.instead_of) == (
                loss.first,
                loss.cause,
                loss.instead_of,
            ):
                self._all_losses[-1] = Loss(last.first, loss.stop, loss.cause, loss.instead_of)
            else:
                self._all_losses.append(loss)
        self._received += received
        self._all_excuses += excuses

    def forget_told(self, settled: Sequence[Range]) -> None:
        """These events are settled: that their packets came here need not be told again."""
        for first, stop in settled:
            if first <= self._settled_until:
                self._settled_until = max(self._settled_until, stop)
        while self._received and self._received[0].stop <= self._settled_until:
            self._received.popleft()

    def report_again(self, now: float) -> None:
        """Tell a new controller all that was ever told."""
        progress = self._progress(now, always=True)
        if progress is not None:
            progress.losses, progress.received = self._all_losses, list(self._received)
            progress.excuses, progress.again = self._all_excuses, True
            progress.given_up = self.router.spares.all_given_up
            self._channel.send(CONTROLLER, progress)

    @property
    def origin(self) -> int | None:
        """Of a share that is dealt out: what tells the series whose beginning came here."""
        return None if self._shared is None else self._shared.origin

    def begin_at(self, origin: int) -> None:
        """It is known which series is the run's."""
        if self._shared is not None:
            self._shared.begin_at(origin)


def open_stream(
    run: str,
    stream: str,
    layout: StreamLayout,
    source: Source,
    channel: Channel,
    settings: IngesterSettings,
    recorder: PacketRecorder | None,
    retention: Retention,
    *,
    rearms: bool,
    share: Share | None,
    rejoin: Rejoin | None = None,
    waiting: Spool | None = None,
    lending: Lending,
    clock: Callable[[], float] = time.monotonic,
    rests: bool = True,
) -> StreamRun:
    """A stream of a run that has just been armed, its source open.

    ``rearms`` tells whether the device begins series anew within a run, ``share`` which packets come here if others receive the rest,
    ``rejoin`` how another ingester has left it, if one has had it in this run, ``waiting`` where packets are written while they wait for
    those before them.
    Raises what the source raises that cannot be opened: a ValueError or an OSError with a sentence, if it is as it should be.
    """
    one_series = layout.wrapped and not rearms
    resumed = Resumption(source)
    if rejoin is not None:
        resumed = resumption(
            stream, layout, source, rejoin, one_series=one_series, on_disk=bool(retention.spooled)
        )
    source, rejoin, series_start = resumed.source, resumed.rejoin, resumed.series_start
    if isinstance(source, EndlessSource):
        last_item = StreamPlan(layout).last_item
        source.expect(None if last_item is None else last_item + 1)
    dealt = share is not None and share.in_turn
    if dealt and isinstance(source, SharedSource):
        source.share(one_series=layout.wrapped)
    # What is dealt out has gaps all the time: waiting for what others have would only delay.
    most_bytes = int(REORDER_SHARE * settings.retention_bytes)
    reorder = Reorder(0 if dealt else settings.reorder_window, settings.reorder_wait, most_bytes)
    reorder.expect_behind_start(resumed.needed_from)
    number = None if rejoin is None or series_start else retention.next_number()
    if number is not None:
        reorder.expect(number)
    # Packets that waited for others have no places where nobody knows what comes next.
    holds = waiting is not None and one_series and not dealt and resumed.dead_end is None
    order = HeldOnDisk(reorder, waiting, number) if waiting is not None and holds else reorder
    arrivals = ArrivalLog(also=None if recorder is None else recorder.of(stream))
    router = StreamRouter(
        stream,
        layout,
        retention,
        arrivals.note,
        rearms=rearms,
        window=str(reorder),
        share=share,
        rejoin=rejoin,
        series_start=series_start,
        needed_from=resumed.needed_from,
        dead_end=resumed.dead_end,
    )
    if isinstance(source, WritingSource) and (room := lending.room()) is not None:
        source.write_to(room)
    try:
        source.open()
    except BaseException:
        let_go(source, stream)
        raise
    stall_limit = settings.streams[stream].stall_limit or settings.stall_limit
    return StreamRun(
        run,
        layout,
        source,
        channel,
        order,
        router,
        recorder,
        arrivals=arrivals,
        stall_limit=stall_limit,
        lending=lending,
        is_share=share is not None,
        clock=clock,
        rests=rests,
    )
