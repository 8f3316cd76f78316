"""The reducer: takes each result once, calls the user's reduce in one thread, publishes.

Readers never push back: they are given copies of what is published, made between two results, and never more than a tenth of the time
goes into making them.
"""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

from beamloom.analysis import ErrorCapsule, ReducerAnalysis, ReducerState, load_class
from beamloom.engine.account import ResultAccount
from beamloom.engine.collector import Collector
from beamloom.engine.faults import Failure
from beamloom.engine.ranges import Range
from beamloom.errors import UserError
from beamloom.events import Result
from beamloom.parameters import ParameterSet
from beamloom.results.files.http import file_route
from beamloom.results.http import make_app
from beamloom.services.code_version import build_metadata, code_version
from beamloom.services.epochs import Epochs
from beamloom.services.heartbeat import Heartbeats
from beamloom.services.keeping import Keeping, keepers_of
from beamloom.services.loop import LONGEST_WAIT
from beamloom.services.loop import serve as serve_loop
from beamloom.services.membership import Membership, name_of, new_peer_id
from beamloom.services.snapshots import SnapshotDesk
from beamloom.settings import ReducerSettings
from beamloom.transport.channel import Channel, Received
from beamloom.transport.codec import Decoder
from beamloom.transport.http_server import HttpServer
from beamloom.transport.messages import (
    CONTROLLER,
    Arm,
    Armed,
    Coverage,
    Failed,
    Fence,
    Fenced,
    Finish,
    Finished,
    Joined,
    Parameters,
    Reduced,
    Results,
    Stands,
    Taken,
    TakeStock,
    Unknown,
    Welcome,
)
from beamloom.transport.zeromq import ZmqChannel
from beamloom.version import VERSION

logger = logging.getLogger(__name__)

FAILURES_KEPT = 4096
"""More than can fail while no controller hears of it, unless nearly everything does."""


class ReducerService:
    """The reducer of a pipeline."""

    def __init__(
        self,
        settings: ReducerSettings,
        channel: Channel,
        controller: str,
        load: Callable[[], ReducerAnalysis | None],
        desk: SnapshotDesk,
        http: str | None = None,
        keeping: Keeping | None = None,
    ) -> None:
        self._keeping = keeping or Keeping(desk)
        self._settings = settings
        self._channel = channel
        self._desk = desk
        self._analysis: ReducerAnalysis | None = None
        self._context: dict[Any, Any] = {}
        self._fault: str | None = None
        descriptions = []
        try:
            self._analysis = load()
            descriptions = [] if self._analysis is None else self._analysis.descriptions()
        except UserError as error:
            logger.error("%s", error)
            self._fault = str(error)
        self._epochs = Epochs(descriptions)
        self.member = Membership(
            channel,
            controller,
            settings.name,
            "reducer",
            descriptions=[description.to_wire() for description in descriptions],
            fault=self._fault,
            http=http,
            code=build_metadata(settings.reducer_class),
        )
        self._decoder = Decoder(allow_pickle=settings.allow_pickle)
        self._run: str | None = None
        self._collector = Collector()
        self._failures: deque[Failed] = deque(maxlen=FAILURES_KEPT)
        """What was told last: a new controller may not have heard of it."""
        self._account = ResultAccount("", 0)
        self._next_timer: float | None = None
        self._processed = 0
        self._last_event = -1
        self._user_seconds = 0.0

    # ---- messages -------------------------------------------------------------------------------------------------------

    def receive(self, received: Received, now: float) -> None:
        """A message has arrived."""
        if not self.member.heeds(received.sender):
            return
        match received.message:
            case Results(run=run) as results if run == self._run:
                self._take(received.sender, results, received.buffers)
            case Parameters(epoch=epoch, values=values):
                self._epochs.begin(epoch, values)
                self._keeping.begin_epoch(epoch, self._epochs.latest)
            case Coverage(run=run) as coverage if run == self._account.run:
                self._keeping.learn_epochs(coverage.epochs)
                self._account.learn(coverage.news, over=coverage.finished_at is not None)
                self._desk.changed()
            case Fence(run=run, worker=worker):
                if run == self._run:
                    self._collector.fence(worker)
                    self._channel.disconnect(worker)
                self._channel.send(CONTROLLER, Fenced(run, worker))
            case Joined(run=run, worker=worker, address=address) if run == self._run:
                self._channel.connect(worker, address)
            case Arm() as arm:
                self._arm(arm, now)
            case Finish(run=run, abandoned=abandoned):
                self._finish(run, abandoned)
            case TakeStock(run=run):
                self._take_stock(run)
            case Welcome():
                self.member.welcomed()
            case Unknown(peer=peer, replaced_by=replaced_by) if peer == self._channel.peer:
                self._run = None
                self.member.unknown(replaced_by)
            case _:
                pass

    def _arm(self, arm: Arm, now: float) -> None:
        self._keeping.end_run()
        self._desk.hold()
        self._epochs.restart(arm.epoch, arm.parameters)
        self._collector = Collector()
        self._failures.clear()
        packages = {
            _package(reference)
            for reference in (*arm.analyses, self._settings.reducer_class or "")
            if reference
        }
        self._decoder = Decoder(trusted_packages=packages, allow_pickle=self._settings.allow_pickle)
        self._run = arm.run
        for worker, address in arm.workers.items():
            self._channel.connect(worker, address)
        problem = self._fault
        if self._analysis is not None:
            state = ReducerState(
                name=self._settings.name,
                run=arm.run,
                version=VERSION,
                mapreduce_version=code_version(self._settings.reducer_class),
                parameters_hash=self._epochs.latest.hash,
            )
            try:
                self._analysis.start(self._epochs.latest, self._context, state)
            except Exception as error:
                problem = str(ErrorCapsule.from_exception(self._analysis.where("__init__"), error))
        if problem is not None:
            self._run = None
        else:
            self._account = ResultAccount(arm.run, arm.total_events)
            self._desk.begin_run(arm.run, self._analysis, self._account)
            self._keeping.begin_run(arm.run, arm.epoch, self._epochs.latest, arm.facts, code=self.member.code)
        self._next_timer = now if self._analysis is not None and self._analysis.has_timer else None
        self._channel.send(CONTROLLER, Armed(arm.run, problem))

    def _take(self, worker: str, results: Results, buffers: Any) -> None:
        """Reduce what has not been reduced before, tell the worker and the controller."""
        begin = time.perf_counter()
        self._desk.confirm_run()
        self._account.mark_split(results.split)
        blob = memoryview(buffers[0])
        same_slot = results.slots[0] if len(results.slots) == 1 else None
        same_epoch = results.epochs[0] if len(results.epochs) == 1 else None
        deliveries: list[tuple[str, int, int, int]] = []
        name = name_of(worker)
        at, next_buffer = 0, 1
        for i, event in enumerate(results.events):
            size = results.sizes[i]
            head = blob[at : at + size]
            at += size
            count = results.buffers[i] if results.buffers else 0
            large = buffers[next_buffer : next_buffer + count]
            next_buffer += count
            slot = same_slot if same_slot is not None else results.slots[i]
            epoch = same_epoch if same_epoch is not None else results.epochs[i]
            if results.combined and (ranges := results.combined[i]):
                if self._take_combined(worker, slot, ranges) and self._reduce(
                    worker, name, slot, event, epoch, head, large, ranges
                ):
                    deliveries += [(worker, slot, first, stop) for first, stop in ranges]
                continue
            if not self._collector.take(worker, slot, event):
                continue
            if size and not self._reduce(worker, name, slot, event, epoch, head, large):
                continue
            last = deliveries[-1] if deliveries else None
            if last is not None and last[3] == event and last[1] == slot:
                deliveries[-1] = (worker, slot, last[2], event + 1)
            else:
                deliveries.append((worker, slot, event, event + 1))
        for _, _, first, stop in deliveries:
            self._account.reduced(first, stop)
        self._desk.changed()
        self._user_seconds += time.perf_counter() - begin
        if self._collector.admits(worker):
            self._acknowledge(worker, results)
        if deliveries:
            split = [
                part for _, _, first, stop in deliveries for part in self._account.split_within(first, stop)
            ]
            self._channel.send(CONTROLLER, Reduced(results.run, deliveries, split))

    def _take_stock(self, run: str | None) -> None:
        """A new controller goes on with ``run``."""
        if run is None or run != self._run:
            self._run = None
            if run is not None:
                self.member.unknown(None)
            return
        for failed in self._failures:
            self._channel.send(CONTROLLER, failed)
        reduced = list(self._account.coverage.reduced)
        self._channel.send(CONTROLLER, Stands(run, taken=self._collector.taken, reduced=reduced))

    def _take_combined(self, worker: str, slot: int, ranges: list[Range]) -> bool:
        """Whether a result of several events is to be reduced."""
        taken, unobtainable = self._collector.take_together(worker, slot, ranges)
        if unobtainable:
            sentence = (
                "it came merged with events that had been reduced already, so that it could not be taken; run it again, and tell the "
                "developers how it came to this"
            )
            logger.error("run %s: of the events %s from %s: %s", self._run, unobtainable, worker, sentence)
            failure = Failure("combine", "TakenInPart", sentence)
            event = unobtainable[-1][1] - 1
            for first, stop in unobtainable:
                self._account.failed(first, stop)
            failed = Failed(self._run or "", worker, slot, event, failure, unobtainable)
            self._failures.append(failed)
            self._channel.send(CONTROLLER, failed)
        return taken

    def _acknowledge(self, worker: str, results: Results) -> None:
        try:
            self._channel.send(worker, Taken(results.run, results.sequence))
        except KeyError:
            # It came late and was quicker than the controller's word of it; a later batch is acknowledged for this one, too.
            logger.debug("%s is not known yet; batch %d is taken all the same", worker, results.sequence)

    def _reduce(
        self,
        worker: str,
        name: str,
        slot: int,
        event: int,
        epoch: int,
        head: Any,
        large: Any,
        ranges: Sequence[Range] = (),
    ) -> bool:
        """Call the user's reduce with one result, that of the events in ``ranges`` where there are any; whether that went well."""
        combined = tuple(one for first, stop in ranges for one in range(first, stop)) if ranges else ()
        self._processed += len(combined) or 1
        self._last_event = event
        self._keeping.saw(epoch, event)
        if self._analysis is None:
            return True
        parameters = self._epochs.get(epoch) or self._epochs.latest
        try:
            payload = self._decoder.decode(head, large)
            self._analysis.process_result(
                Result(event, name, parameters.hash, payload, epoch, combined), parameters
            )
        except Exception as error:
            where = self._analysis.where("process_result")
            logger.warning("event %d failed in %s: %r", event, where, error)
            self._fail(worker, slot, event, "process_result", error, ranges)
            return False
        return True

    def _fail(
        self,
        worker: str,
        slot: int,
        event: int | None,
        hook: str,
        error: Exception,
        combined: Sequence[Range] = (),
    ) -> None:
        if event is not None:
            for first, stop in combined or [(event, event + 1)]:
                self._account.failed(first, stop)
        where = hook if self._analysis is None else self._analysis.where(hook)
        capsule = ErrorCapsule.from_exception(where, error, event)
        failure = Failure(capsule.where, capsule.error_type, capsule.message, capsule.traceback)
        failed = Failed(self._run or "", worker, slot, event, failure, list(combined))
        if event is not None:
            self._failures.append(failed)
        self._channel.send(CONTROLLER, failed)

    # ---- time ------------------------------------------------------------------------------------------------------------

    def turn(self, now: float) -> None:
        """Call the timer when it is due, and serve readers."""
        self.member.turn(now)
        if self._run is not None and self._next_timer is not None and now >= self._next_timer:
            self._call_timer(now)
        self._desk.serve(now)

    def _call_timer(self, now: float) -> None:
        if self._analysis is None:
            return
        try:
            delay = self._analysis.timer(self._epochs.latest)
        except Exception as error:
            logger.warning("%s failed: %r", self._analysis.where("timer"), error)
            self._fail(self._channel.peer, 0, None, "timer", error)
            delay = 1.0
        self._desk.changed()
        self._next_timer = None if delay is None else now + delay

    def wait(self, now: float) -> float:
        """How long nothing needs to be done unless a message arrives."""
        until_timer = LONGEST_WAIT if self._next_timer is None else max(0.0, self._next_timer - now)
        return min(until_timer, self.member.wait(now), self._desk.wait(now))

    # ---- the end ---------------------------------------------------------------------------------------------------------

    def _finish(self, run: str, abandoned: bool) -> None:
        if run == self._run:
            if self._analysis is not None and not abandoned:
                self._call_finish(self._analysis)
            if abandoned:
                self._keeping.abandon_run()
                self._desk.abandon_run()
            else:
                self._keeping.end_run()
            self._run = None
        self._channel.send(CONTROLLER, Finished(run))

    def _call_finish(self, user: ReducerAnalysis) -> None:
        try:
            user.finish(self._epochs.latest)
        except Exception as error:
            logger.warning("%s failed: %r", user.where("finish"), error)
            self._fail(self._channel.peer, 0, None, "finish", error)
        self._desk.changed()

    def leave(self, reason: str) -> None:
        """The process ends."""
        self._keeping.end_run()
        self._desk.close()
        self._keeping.close()
        if self._analysis is not None:
            try:
                self._analysis.close(self._context)
            except Exception as error:
                logger.warning("%s failed: %r", self._analysis.where("close"), error)
        self.member.leave(reason)

    def figures(self) -> dict[str, float]:
        """Counters and gauges of this process."""
        return {
            "processed_events": self._processed,
            "last_event": self._last_event,
            "duplicates": self._collector.duplicates,
            "fenced_results": self._collector.fenced_results,
            "user_seconds": self._user_seconds,
            **self._keeping.figures(),
        }

    @property
    def analysis(self) -> ReducerAnalysis | None:
        """The user's class, if there is one."""
        return self._analysis

    @property
    def parameters(self) -> ParameterSet:
        """The newest parameters."""
        return self._epochs.latest


def _package(reference: str) -> str:
    """The top-level package of a user's class: the classes of results may be imported from there."""
    return reference.partition(":")[0].partition(".")[0]


def serve(settings: ReducerSettings) -> int:
    """Run the reducer in this process until it is told to end."""

    def load() -> ReducerAnalysis | None:
        if settings.reducer_class is None:
            return None
        return ReducerAnalysis(load_class(settings.reducer_class, settings.analysis_path))

    channel = ZmqChannel(new_peer_id(settings.name), settings.bind, advertise=settings.advertise)
    desk = SnapshotDesk(channel.wake)
    keeping = Keeping(desk, keepers_of(settings, desk))
    app = make_app(desk, cors=True, past=keeping.past, more_routes=[file_route(desk, keeping.record)])
    server = HttpServer(app, settings.http_host, settings.http_port)
    try:
        port = server.start()
        http = f"http://{settings.advertise or settings.http_host}:{port}"
        service = ReducerService(settings, channel, settings.controller, load, desk, http, keeping)
        beats = Heartbeats(channel, settings, service.member, service.figures)
        try:
            return serve_loop(service, channel, lambda: service.member.ended)
        finally:
            beats.close()
    finally:
        server.stop()
