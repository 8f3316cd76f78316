"""The ingester: speaks the device's protocol, numbers the packets, routes each to the workers of its lease.

It reads its devices only while a run wants their streams and while its retention has room; it never drops a packet without saying so.
Devices that arm runs are the exception: between runs their packets are kept (see ``standby``), and the controller is told.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial

import msgspec

from beamloom.devices.device import (
    EndlessSource,
    RearmingSource,
    SharedSource,
    Sharing,
    Source,
    SourceFigures,
    TriggeredSource,
)
from beamloom.devices.registry import find_device
from beamloom.engine.assignment import Span
from beamloom.engine.reorder import Arrivals, Reorder
from beamloom.engine.requests import Requests
from beamloom.engine.retention import Retention, WhenFull
from beamloom.engine.router import Delivery, StreamCounts, StreamRouter
from beamloom.engine.shares import Share
from beamloom.engine.streamplan import StreamLayout, StreamPlan
from beamloom.events import Packet
from beamloom.recordings.folder import RecordingNames
from beamloom.recordings.format import Record
from beamloom.recordings.writer import RecordingWriter
from beamloom.services.heartbeat import Heartbeats
from beamloom.services.loop import LONGEST_WAIT
from beamloom.services.loop import serve as serve_loop
from beamloom.services.membership import Membership, new_peer_id
from beamloom.services.preparation import Preparation, PrepareStream, prepare_device
from beamloom.services.sharing import check_split, device_sharing
from beamloom.services.standby import SeriesSource, Standby
from beamloom.settings import IngesterSettings, StreamSettings
from beamloom.transport.channel import Channel, Received
from beamloom.transport.messages import (
    CONTROLLER,
    Announce,
    Arm,
    Armed,
    Finish,
    Finished,
    Joined,
    Orders,
    Packets,
    Part,
    Progress,
    Unknown,
    Welcome,
)
from beamloom.transport.packing import pack, same_type_runs
from beamloom.transport.zeromq import ZmqChannel

logger = logging.getLogger(__name__)

READ_LIMIT = 512
"""Most packets that are read from one device before the others and the mailbox have their turn."""
PROGRESS_EVERY = 0.1
"""Seconds between reports of a stream in which nothing remarkable happened."""
CONNECT_POLL = 0.001
FLUSH_EVERY = 1.0
"""Seconds after which a recording is handed to the operating system: killing the ingester loses no more than that."""

REORDER_SHARE = 1 / 8
"""Share of the retention's memory that packets may take which wait for those before them."""

OpenSource = Callable[[str, StreamSettings], Source]
"""Makes the source of a stream from its name and settings."""


def open_device(stream: str, settings: StreamSettings) -> Source:
    """The source of a real device. Raises a UserError for a device that is not installed or settings that it does not take."""
    device = find_device(settings.device)
    return device.source(msgspec.convert(settings.options, device.settings))


class StreamRun:
    """One stream during one run."""

    def __init__(
        self,
        layout: StreamLayout,
        source: Source,
        reorder: Reorder,
        router: StreamRouter,
        recorder: RecordingWriter | None,
        *,
        is_share: bool = False,
    ) -> None:
        self.stream = router.stream
        self.source = source
        self.reorder = reorder
        self.router = router
        self.recorder = recorder
        self.reading = False
        self.stopped = False
        self.may_have_more = False
        self.is_share = is_share
        """Whether other ingesters receive the rest of the stream."""
        self._figures = source if isinstance(source, SourceFigures) else None
        self._requests = Requests(layout) if isinstance(source, TriggeredSource) else None
        self._told_at = 0.0
        self._told: tuple[object, ...] = ()
        self._told_ended = False
        self._told_origin: int | None = None

    def trigger(self, spans: Sequence[Span]) -> None:
        """Have a software-triggered source produce the packets of events that have just been leased."""
        if self._requests is not None and isinstance(self.source, TriggeredSource) and not self.stopped:
            kinds = self._requests.leased(spans)
            if kinds:
                self.source.trigger(kinds)

    def place(self, arrivals: Arrivals) -> list[Delivery]:
        """Give packets their events that are in order as far as they will ever be; returns what can be delivered by that."""
        self.router.counts.reordered = self.reorder.reordered
        return self.router.arrive(arrivals)

    @property
    def has_all(self) -> bool:
        """Whether the source has given all that is for this run, though its device may send on."""
        return isinstance(self.source, SeriesSource) and self.source.exhausted

    def progress(self, run: str, now: float, *, always: bool = False) -> Progress | None:
        """What the controller is to be told now, if anything."""
        router = self.router
        losses = router.take_losses()
        complete_until, seen_until, ended = router.complete_until, router.seen_until, router.ended
        urgent = always or losses or ended != self._told_ended or self.origin != self._told_origin
        if not urgent and now - self._told_at < PROGRESS_EVERY:
            return None
        figures = self._figures
        origin = self.origin
        discarded = None if figures is None else figures.discarded_before_start
        reconnects = None if figures is None else figures.reconnects
        standing = (complete_until, seen_until, ended, not router.has_room, discarded, reconnects, origin)
        if not urgent and standing == self._told:
            return None
        self._told, self._told_ended, self._told_at = standing, ended, now
        self._told_origin = origin
        return Progress(
            run,
            self.stream,
            complete_until,
            seen_until,
            ended,
            losses,
            router.counts,
            self.stopped,
            not router.has_room,
            discarded,
            reconnects,
            router.take_received(),
            router.take_excuses(),
            origin,
        )

    @property
    def origin(self) -> int | None:
        """Of a share that is dealt out: what tells the series whose beginning came here."""
        return self.source.origin if isinstance(self.source, SharedSource) else None

    def begin_at(self, origin: int) -> None:
        """It is known which series is the run's."""
        if isinstance(self.source, SharedSource):
            self.source.begin_at(origin)


class IngesterService:
    """The streams of one ingester."""

    def __init__(
        self,
        settings: IngesterSettings,
        channel: Channel,
        controller: str,
        open_source: OpenSource = open_device,
        prepare: PrepareStream = prepare_device,
        sharing: Callable[[str], Sharing | None] = device_sharing,
    ) -> None:
        """``sharing`` tells of a device how its streams may be split."""
        split = {stream: sharing(one.device) for stream, one in settings.streams.items() if one.ingesters > 1}
        self._settings = settings
        self._channel = channel
        self._open_source = open_source
        self.member = Membership(
            channel,
            controller,
            settings.name,
            "ingester",
            streams={stream: one.device for stream, one in settings.streams.items()},
            parts={
                stream: Part(settings.streams[stream].ingesters, how is Sharing.DEALT)
                for stream, how in split.items()
            },
        )
        self._run: str | None = None
        self._streams: dict[str, StreamRun] = {}
        self._arming_until: float | None = None
        self._flush_at = 0.0
        self._totals = StreamCounts()
        self._keeps_more = False
        self._standbys = {
            stream: Standby(stream, partial(open_source, stream, one), settings.retention_bytes, channel)
            for stream, one in settings.streams.items()
            if one.arms
        }
        self._preparation = Preparation(
            [
                *((s, partial(check_split, s, settings.streams[s], how)) for s, how in split.items()),
                *((stream, partial(prepare, one)) for stream, one in settings.streams.items()),
                *((stream, standby.open) for stream, standby in self._standbys.items()),
            ]
        )

    # ---- messages -------------------------------------------------------------------------------------------------------

    def receive(self, received: Received, now: float) -> None:
        """A message has arrived."""
        match received.message:
            case Orders(run=run) as orders if run == self._run:
                self._follow(orders, now)
            case Arm() as arm:
                self._arm(arm, now)
            case Joined(run=run, worker=worker, address=address) if run == self._run:
                self._channel.connect(worker, address)
            case Finish(run=run):
                if run == self._run:
                    self._report_shares(now)
                    self._release()
                self._channel.send(CONTROLLER, Finished(run))
            case Welcome():
                self.member.welcomed()
            case Unknown(peer=peer, replaced_by=replaced_by) if peer == self._channel.peer:
                self._release()
                self.member.unknown(replaced_by)
            case _:
                pass

    def _arm(self, arm: Arm, now: float) -> None:
        self._release()
        self._run = arm.run
        for worker, address in arm.workers.items():
            self._channel.connect(worker, address)
        try:
            for stream, layout in arm.layouts.items():
                self._streams[stream] = self._open(stream, layout, arm)
        except (ValueError, OSError) as error:
            self._release()
            self._channel.send(CONTROLLER, Armed(arm.run, str(error)))
            return
        self._arming_until = now + arm.timeout

    def _open(self, stream: str, layout: StreamLayout, arm: Arm) -> StreamRun:
        prefix = arm.record_prefix or self._settings.record_prefix
        recorder = self._recorder(prefix, arm.run) if prefix else None
        witness = None if recorder is None else _witness(stream, recorder)
        retention = Retention(self._settings.retention_bytes, WhenFull(self._settings.on_full))
        source = self._source(stream, layout)
        if isinstance(source, EndlessSource):
            last_item = StreamPlan(layout).last_item
            source.expect(None if last_item is None else last_item + 1)
        device = self._standbys[stream].source if stream in self._standbys else source
        rearms = isinstance(device, RearmingSource) and device.rearms
        settings = self._settings
        most_bytes = int(REORDER_SHARE * settings.retention_bytes)
        share: Share | None = arm.shares.get(stream)
        dealt = share is not None and share.in_turn
        if dealt and isinstance(source, SharedSource):
            source.share()
        # What is dealt out has gaps all the time: waiting for what others have would only delay.
        reorder = Reorder(0 if dealt else settings.reorder_window, settings.reorder_wait, most_bytes)
        router = StreamRouter(
            stream, layout, retention, witness, rearms=rearms, window=str(reorder), share=share
        )
        source.open()
        return StreamRun(layout, source, reorder, router, recorder, is_share=share is not None)

    def _source(self, stream: str, layout: StreamLayout) -> Source:
        standby = self._standbys.get(stream)
        if standby is None:
            return self._open_source(stream, self._settings.streams[stream])
        open_ended = StreamPlan(layout).last_item is None
        rearms = isinstance(standby.source, RearmingSource) and standby.source.rearms
        # A map without wrapping names every packet, and may have a place for several series.
        return standby.begin(one_series=open_ended or (layout.wrapped and not rearms))

    def _recorder(self, prefix: str, run: str) -> RecordingWriter:
        for other in self._streams.values():
            if other.recorder is not None:
                return other.recorder
        return RecordingWriter(RecordingNames(prefix, run).packets(self._settings.name), resume=True)

    def _follow(self, orders: Orders, now: float) -> None:
        for one in self._streams.values():
            if isinstance(one.source, SeriesSource):
                one.source.began()
        for worker in orders.gone:
            self._channel.disconnect(worker)
        for one in self._streams.values():
            router = one.router
            if one.stream in orders.origins:
                one.begin_at(orders.origins[one.stream])
            for worker in orders.gone:
                router.forget_worker(worker)
            for first, stop in orders.settled:
                router.release(first, stop)
            if orders.close_at is not None:
                self._deliver(one, router.close(orders.close_at))
            if orders.spans:
                one.trigger(orders.spans)
                self._deliver(one, router.assign(orders.spans))
            if orders.stop_sources and not one.stopped:
                self._stop(one)
                self._report(one, now, always=True)

    # ---- time ------------------------------------------------------------------------------------------------------------

    def turn(self, now: float) -> None:
        """Read what the devices have sent, and tell how far that came."""
        self._stand_by(now)
        self.member.turn(now)
        if self._arming_until is not None:
            self._look_for_devices(now)
            return
        for one in self._streams.values():
            if not one.stopped:
                self._read(one, now)
            self._report(one, now)
        if now >= self._flush_at:
            self._flush_at = now + FLUSH_EVERY
            for recorder in {one.recorder for one in self._streams.values() if one.recorder is not None}:
                recorder.flush()

    def _stand_by(self, now: float) -> None:
        """Keep open what stays open between runs, and tell the controller of series that wait for one."""
        if self._preparation.turn(now):
            if self._preparation.fault is not None:
                logger.warning("%s; tried again until that is mended", self._preparation.fault)
            self.member.amend(fault=self._preparation.fault)
        self._keeps_more = False
        for stream, standby in self._standbys.items():
            self._keeps_more = standby.turn() or self._keeps_more
            if standby.announces(now):
                self._channel.send(CONTROLLER, Announce(stream))

    def wait(self, now: float) -> float:
        """How long nothing needs to be done unless something arrives."""
        if self._arming_until is not None:
            return CONNECT_POLL
        if self._keeps_more or any(one.may_have_more for one in self._streams.values()):
            return 0.0
        due = [one.reorder.due_at for one in self._streams.values()]
        return max(0.0, min(self.member.wait(now), LONGEST_WAIT, *(at - now for at in due if at is not None)))

    @property
    def holding(self) -> bool:
        """Whether packets wait for those before them."""
        return any(len(one.reorder) for one in self._streams.values())

    def _look_for_devices(self, now: float) -> None:
        absent = [one for one in self._streams.values() if not one.source.connected()]
        if absent and now < (self._arming_until or 0):
            return
        self._arming_until = None
        problem = None
        if absent:
            problem = "; ".join(f"stream {one.stream!r}: {one.source.connection_problem()}" for one in absent)
        self._channel.send(CONTROLLER, Armed(self._run or "", problem, absent=bool(absent)))
        if problem is not None:
            self._release()

    def _read(self, one: StreamRun, now: float) -> None:
        if len(one.reorder) and (waited := one.reorder.due(now)):
            self._deliver(one, one.place(waited))
        if not one.router.has_room:
            self._pause(one)
            return
        if not one.reading and not one.has_all:
            self._channel.watch(one.source.pollable)
            one.reading = True
        arrivals = one.source.read(READ_LIMIT)
        one.may_have_more = len(arrivals) > 0
        if one.has_all:
            self._pause(one)
        if arrivals:
            self._deliver(one, one.place(one.reorder.arrive(arrivals, now)))

    def _pause(self, one: StreamRun) -> None:
        one.may_have_more = False
        if one.reading:
            self._channel.unwatch(one.source.pollable)
            one.reading = False

    def _deliver(self, one: StreamRun, deliveries: Sequence[Delivery]) -> None:
        for delivery in deliveries:
            span = delivery.span
            for begin, end in same_type_runs(delivery.packets):
                block, buffers = pack(delivery.packets[begin:end])
                message = Packets(
                    self._run or "",
                    one.stream,
                    span.slot,
                    span.attempt,
                    delivery.first + begin,
                    delivery.expected,
                    block,
                )
                try:
                    self._channel.send(span.worker, message, buffers)
                except KeyError:
                    # The worker is gone; its leases come again for another one, and the packets are kept for that.
                    logger.debug("worker %s is gone, %d packets kept", span.worker, end - begin)

    def _report(self, one: StreamRun, now: float, *, always: bool = False) -> None:
        progress = one.progress(self._run or "", now, always=always)
        if progress is not None:
            self._channel.send(CONTROLLER, progress)

    def _report_shares(self, now: float) -> None:
        """The run may be over before a share has told its last packets, which others need not wait for."""
        for one in self._streams.values():
            if one.is_share:
                self._report(one, now, always=True)

    # ---- the end ---------------------------------------------------------------------------------------------------------

    def _stop(self, one: StreamRun) -> None:
        if one.reading:
            self._channel.unwatch(one.source.pollable)
        one.reading, one.stopped, one.may_have_more = False, True, False
        one.source.close()
        if len(one.reorder):
            self._deliver(one, one.place(one.reorder.flush()))

    def _release(self) -> None:
        """Forget the run: let go of the devices, close the recording."""
        for one in self._streams.values():
            if not one.stopped:
                self._stop(one)
            for field in StreamCounts.__struct_fields__:
                setattr(self._totals, field, getattr(self._totals, field) + getattr(one.router.counts, field))
            if one.recorder is not None:
                one.recorder.close()
        self._streams.clear()
        self._run = None
        self._arming_until = None

    def leave(self, reason: str) -> None:
        """The process ends."""
        self._release()
        self._preparation.close()
        self.member.leave(reason)

    def figures(self) -> dict[str, float]:
        """Counters and gauges of this process."""
        running = list(self._streams.values())
        return {
            "processed_events": self._totals.packets + sum(one.router.counts.packets for one in running),
            "retained_bytes": sum(one.router.retention.nbytes for one in running),
            "retained_packets": sum(len(one.router.retention) for one in running),
        }


def _witness(stream: str, recorder: RecordingWriter) -> Callable[[int, Sequence[Packet]], None]:
    def record(first: int, packets: Sequence[Packet]) -> None:
        created_at = datetime.now(UTC)
        for event, packet in enumerate(packets, first):
            recorder.write(Record(event, {stream: packet}, created_at))

    return record


def serve(settings: IngesterSettings) -> int:
    """Run an ingester in this process until it is told to end."""
    channel = ZmqChannel(new_peer_id(settings.name), settings.bind, advertise=settings.advertise)
    service = IngesterService(settings, channel, settings.controller)
    beats = Heartbeats(channel, settings, service.member, service.figures)
    try:
        return serve_loop(service, channel, lambda: service.member.ended)
    finally:
        beats.close()
