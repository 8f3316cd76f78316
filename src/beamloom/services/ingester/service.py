"""The ingester: speaks the device's protocol, numbers the packets, routes each to the workers of its lease.

It reads its devices only while a run wants their streams and while its retention has room; it never drops a packet without saying so.
Devices that arm runs are the exception: between runs their packets are kept (see ``standby``), and the controller is told.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

from beamloom.devices.device import (
    RearmingSource,
    RereadableSource,
    Sharing,
    Source,
)
from beamloom.devices.registry import find_device
from beamloom.engine.streams.losses import StreamCounts
from beamloom.engine.streams.streamplan import StreamLayout, StreamPlan
from beamloom.recordings.folder import RecordingNames
from beamloom.recordings.writer import RecordingWriter
from beamloom.services.ingester.device_faults import is_there, sentence_of, why_absent
from beamloom.services.ingester.lending import Lending
from beamloom.services.ingester.preparation import Preparation, PrepareStream, prepare_device
from beamloom.services.ingester.recording import PacketRecorder
from beamloom.services.ingester.splitting import check_split, device_sharing
from beamloom.services.ingester.spooling import Spooling
from beamloom.services.ingester.standby import SeriesSource, Standby
from beamloom.services.ingester.stream_looks import StreamLooks
from beamloom.services.ingester.stream_run import StreamRun, open_stream
from beamloom.services.shell import record_places, traces
from beamloom.services.shell.acquaintances import Acquaintances
from beamloom.services.shell.alarms import alarm_notes
from beamloom.services.shell.loop import IDLE_WAIT, LONGEST_WAIT
from beamloom.services.shell.membership import Membership
from beamloom.services.shell.waits import NO_RUN, Waiting, Waits
from beamloom.settings import IngesterSettings, StreamSettings
from beamloom.transport.channel import Channel, Received
from beamloom.transport.messages import (
    CONTROLLER,
    Announce,
    Arm,
    Armed,
    Borrows,
    Explain,
    Explained,
    Finish,
    Finished,
    Joined,
    Leads,
    Look,
    Orders,
    Part,
    Stands,
    TakeStock,
    Trace,
    Unknown,
    Welcome,
)

logger = logging.getLogger(__name__)

CONNECT_POLL = 0.001

OpenSource = Callable[[str, StreamSettings], Source]
"""Makes the source of a stream from its name and settings."""


def open_device(stream: str, settings: StreamSettings) -> Source:
    """The source of a real device. Raises a UserError for a device that is not installed or settings that it does not take."""
    device = find_device(settings.device)
    return device.source(msgspec.convert(settings.options, device.settings))


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
        lending: Lending | None = None,
        clock: Callable[[], float] = time.monotonic,
        rests: bool = True,
    ) -> None:
        """``sharing`` tells of a device how its streams may be split. ``lending`` shares its large frames.

        ``clock`` tells, in seconds, for how long a device is read at once; ``rests``: fast ones are left alone between two reads.
        """
        self._clock = clock
        self._rests = rests
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
        self._spooling = Spooling(settings)
        self._lending = lending or Lending(channel, 0)
        self._workers = Acquaintances(channel)
        self._newest_recorder: PacketRecorder | None = None
        self._run: str | None = None
        self._streams: dict[str, StreamRun] = {}
        self._arming_until: float | None = None
        self._totals = StreamCounts()
        self._seconds_read = 0.0
        self._seconds_sent = 0.0
        self._keeps_more = False
        self._waits = Waits()
        self._looks = StreamLooks()
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
        if not self.member.heeds(received.sender):
            return
        match received.message:
            case Orders(run=run) as orders if run == self._run:
                self._follow(orders, now)
            case Arm() as arm:
                self._arm(arm, now)
            case Joined(run=run, worker=worker, address=address) if run == self._run:
                self._meet(worker, address)
            case Borrows() as answer:
                self._lending.answered(received.sender, answer)
            case Finish(run=run, abandoned=abandoned):
                if run == self._run:
                    self._report_shares(now)
                    self._release(began=not abandoned)
                    self._spooling.end()
                self._channel.send(CONTROLLER, Finished(run))
            case Explain(run=run, event=event, question=question):
                of_streams = self._streams if run == self._run else {}
                known = {stream: one.known_of(event) for stream, one in of_streams.items()}
                self._channel.send(CONTROLLER, Explained(question, {"streams": known} if known else {}))
            case Look() as look:
                self._channel.send(CONTROLLER, Explained(look.question, self._look(look)))
            case TakeStock(run=run):
                self._take_stock(run, now)
            case Trace() as trace:
                traces.heed(self._channel, trace)
            case Leads(address=address):
                self.member.follow(address)
            case Welcome():
                self.member.welcomed()
            case Unknown(peer=peer, replaced_by=replaced_by) if peer == self._channel.peer:
                if replaced_by is not None or not self._could_go_on:
                    self._release()
                self.member.unknown(replaced_by)
            case _:
                pass

    @property
    def _could_go_on(self) -> bool:
        """Whether all that this process holds of the run is of use, should it have been given up only as it was not heard."""
        streams = self._streams.values()
        return self._arming_until is None and not any(one.is_share or one.stopped for one in streams)

    def _meet(self, worker: str, address: str) -> None:
        self._workers.meet(worker, address)
        self._lending.meet(worker)

    def _go_on(self, arm: Arm, now: float) -> None:
        """Take up streams that this process has had all along: nothing of them is lost, and nothing has to be looked for."""
        for stream in self._streams.keys() - arm.rejoins.keys():
            self._streams.pop(stream).stop()
        for worker, address in arm.workers.items():
            self._meet(worker, address)
        self._channel.send(CONTROLLER, Armed(arm.run, kept=sorted(self._streams)))
        for one in self._streams.values():
            one.report_again(now)

    def _arm(self, arm: Arm, now: float) -> None:
        if arm.run == self._run and self._could_go_on and arm.rejoins.keys() & self._streams.keys():
            self._go_on(arm, now)
            return
        self._release()
        self._run, stream = arm.run, ""
        self._spooling.begin(arm.run, arm.pipeline, resume=arm.resume or bool(arm.rejoins))
        for worker in self._workers.begin_run(arm.workers):
            self._lending.part(worker)
        for worker in arm.workers:
            self._lending.meet(worker)
        try:
            if foreign := sorted(arm.layouts.keys() - self._settings.streams.keys()):
                raise ValueError(
                    f"{self._settings.name} has no stream {foreign[0]!r}; look at 'streams' of its settings"
                )
            for stream, layout in arm.layouts.items():
                self._streams[stream] = self._open(stream, layout, arm)
        # A device may be another package's.
        except Exception as error:
            self._release(began=False)
            for standby in self._standbys.values():
                standby.take_back()
            self._channel.send(CONTROLLER, Armed(arm.run, sentence_of(error, stream)))
            return
        self._arming_until = now + arm.timeout

    def _open(self, stream: str, layout: StreamLayout, arm: Arm) -> StreamRun:
        if problem := record_places.refusal(arm.record_prefix, self._settings):
            raise ValueError(problem)
        prefix = arm.record_prefix or self._settings.record_prefix
        recorder = self._recorder(prefix, arm.run) if prefix else None
        source = self._source(stream, layout)
        device = self._standbys[stream].source if stream in self._standbys else source
        rearms = isinstance(device, RearmingSource) and device.rearms
        if isinstance(source, RereadableSource) and stream in arm.rejoins:
            self._spooling.forget(arm.run, stream)
        return open_stream(
            arm.run,
            stream,
            layout,
            source,
            self._channel,
            self._settings,
            recorder,
            self._spooling.retention(arm.run, stream),
            rearms=rearms,
            share=arm.shares.get(stream),
            rejoin=arm.rejoins.get(stream),
            waiting=self._spooling.waiting(arm.run, stream),
            lending=self._lending,
            clock=self._clock,
            rests=self._rests,
        )

    def _source(self, stream: str, layout: StreamLayout) -> Source:
        standby = self._standbys.get(stream)
        if standby is None:
            return self._open_source(stream, self._settings.streams[stream])
        open_ended = StreamPlan(layout).last_item is None
        rearms = isinstance(standby.source, RearmingSource) and standby.source.rearms
        # A map without wrapping names every packet, and may have a place for several series.
        return standby.begin(one_series=open_ended or (layout.wrapped and not rearms))

    def _recorder(self, prefix: str, run: str) -> PacketRecorder:
        for other in self._streams.values():
            if other.recorder is not None:
                return other.recorder
        path = RecordingNames(prefix, run).packets(self._settings.name)
        self._newest_recorder = PacketRecorder(RecordingWriter(path, resume=True))
        return self._newest_recorder

    def _take_stock(self, run: str | None, now: float) -> None:
        """A new controller goes on with ``run``."""
        if run is None or run != self._run or self._arming_until is not None:
            self._release()
            if run is not None:
                self.member.unknown(None)
            return
        for one in self._streams.values():
            one.report_again(now)
        self._channel.send(CONTROLLER, Stands(run))

    def _follow(self, orders: Orders, now: float) -> None:
        for one in self._streams.values():
            if isinstance(one.source, SeriesSource):
                one.source.began()
        for worker in orders.gone:
            self._workers.part(worker)
            self._lending.part(worker)
        for one in self._streams.values():
            router = one.router
            if one.stream in orders.origins:
                one.begin_at(orders.origins[one.stream])
            for worker in orders.gone:
                router.forget_worker(worker)
            router.release_all(orders.settled)
            for first, stop in orders.spare:
                router.spares.add(first, stop)
            one.forget_told(orders.settled)
            router.claim(orders.claims.get(one.stream, ()))
            if orders.close_at is not None and router.is_open:
                one.deliver(router.close(orders.close_at))
            if orders.spans or orders.resync:
                one.trigger(orders.spans)
                one.deliver((router.resync if orders.resync else router.assign)(orders.spans))
            if orders.stop_sources and not one.stopped:
                one.stop()
                one.report(now, always=True)

    def _look(self, look: Look) -> dict[str, Any]:
        connecting = self._arming_until is not None
        event = look.event if look.run == self._run else None
        others = self._settings.streams
        return {
            "streams": self._looks.at(self._run, self._streams, others, connecting=connecting, event=event)
        }

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
                one.read(now)
            one.report(now)

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
        if self._keeps_more:
            return 0.0
        wait = min(self.member.wait(now), LONGEST_WAIT if self._streams or self._standbys else IDLE_WAIT)
        for one in self._streams.values():
            if one.may_have_more:
                return 0.0
            due_at = one.due_at
            if due_at is not None and due_at - now < wait:
                wait = due_at - now
        return max(0.0, wait)

    @property
    def holding(self) -> bool:
        """Whether packets wait for those before them."""
        return any(len(one.reorder) for one in self._streams.values())

    def _look_for_devices(self, now: float) -> None:
        absent = [one for one in self._streams.values() if not is_there(one.source)]
        if absent and now < (self._arming_until or 0):
            return
        self._arming_until = None
        problem = None
        if absent:
            problem = "; ".join(f"stream {one.stream!r}: {why_absent(one.source)}" for one in absent)
        self._channel.send(CONTROLLER, Armed(self._run or "", problem, absent=bool(absent)))
        if problem is not None:
            self._release(began=False)

    def _report_shares(self, now: float) -> None:
        """The run may be over before a share has told its last packets, which others need not wait for."""
        for one in self._streams.values():
            if one.is_share:
                one.report(now, always=True)

    # ---- the end ---------------------------------------------------------------------------------------------------------

    def _release(self, *, began: bool = True) -> None:
        """Forget the run: let go of the devices, close the recording; ``began``: it was armed everywhere."""
        for one in self._streams.values():
            if not one.stopped:
                one.stop()
            self._seconds_read += one.seconds_read
            self._seconds_sent += one.seconds_sent
            for field in StreamCounts.__struct_fields__:
                setattr(self._totals, field, getattr(self._totals, field) + getattr(one.router.counts, field))
        if self._newest_recorder is not None:
            self._newest_recorder.close(began=began and self._arming_until is None)
        self._streams.clear()
        self._run = None
        self._arming_until = None

    def leave(self, reason: str, *, failed: bool = False) -> None:
        """The process ends."""
        self._release()
        self._spooling.close()
        self._lending.close()
        self._preparation.close()
        self.member.leave(reason, failed=failed)

    @property
    def spool_folder(self) -> Path | None:
        """Where packets are kept on disk; None where the settings want none."""
        return self._spooling.folder if self._spooling.wanted else None

    def notes(self, now: float) -> dict[str, Any]:
        """What it waits for, and what it is not keeping; may be called in any thread."""
        waiting = [
            wait
            for one in list(self._streams.values())
            if not one.stopped
            for wait in one.watch.waiting(done=one.has_all)
        ]
        if self._run is None:
            waiting = [Waiting("run", "", NO_RUN)]
        recording = None if self._newest_recorder is None else self._newest_recorder.alarm
        return {**alarm_notes(self._spooling.alarm, recording), "waits_for": self._waits.told(now, waiting)}

    def figures(self) -> dict[str, float]:
        """Counters and gauges of this process."""
        running = list(self._streams.values())
        return {
            "processed_events": self._totals.packets + sum(one.router.counts.packets for one in running),
            "reading_seconds": self._seconds_read + sum(one.seconds_read for one in running),
            "sending_seconds": self._seconds_sent + sum(one.seconds_sent for one in running),
            "held_packets": sum(len(one.reorder) for one in running),
            "retained_bytes": sum(one.router.retention.nbytes for one in running),
            "retained_packets": sum(len(one.router.retention) for one in running),
            "shared_bytes": self._lending.nbytes,
            **self._spooling.figures(),
        }
