"""The reducer: takes each result once, calls the user's reduce in one thread, publishes.

Readers never push back: they are given copies of what is published, made between two results, and never more than a tenth of the time
goes into making them.
"""

from __future__ import annotations

import logging
import math
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import Any, TypeVar

from beamloom.analysis import ErrorCapsule, ReducerAnalysis
from beamloom.engine.account import ResultAccount
from beamloom.engine.collector import Collector
from beamloom.engine.faults import Failure
from beamloom.engine.ranges import Range
from beamloom.errors import UserError
from beamloom.events import Result
from beamloom.journal import JournalHeld
from beamloom.services.batches import TAKEN_IN_PART, Entry, decoder_of, entries
from beamloom.services.code_version import build_metadata, reducer_state
from beamloom.services.epochs import Epochs
from beamloom.services.keeping import Keeping
from beamloom.services.loop import LONGEST_WAIT
from beamloom.services.membership import Membership, name_of
from beamloom.services.resumption import (
    FAILURES_TOLD_AGAIN,
    HOLD_SECONDS,
    TAKING_UP,
    VERSIONS_PER_LIFE,
    Resumption,
)
from beamloom.services.safekeeping import Checkpoint, Safekeeping
from beamloom.services.snapshots import SnapshotDesk
from beamloom.settings import ReducerSettings
from beamloom.transport.channel import Channel, Received
from beamloom.transport.codec import Decoder, Encoder
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
    Standing,
    Stands,
    Taken,
    TakeStock,
    Unknown,
    Welcome,
)

logger = logging.getLogger(__name__)

T = TypeVar("T")


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
        journal: Safekeeping | None = None,
    ) -> None:
        self._journal = journal or Safekeeping()
        self._resumption: Resumption | None = None
        self._to_take_up: Arm | None = None
        self._finished = False
        self._hold_until: float | None = None
        self._failures: deque[Failed] = deque(maxlen=FAILURES_TOLD_AGAIN)
        """What was told last: a new controller, or the controller of a former life, may not have heard of it."""
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
        self._account = ResultAccount("", 0)
        self._next_timer: float | None = None
        self._processed = 0
        self._last_event = -1
        self._user_seconds = 0.0

    # ---- messages -------------------------------------------------------------------------------------------------------

    def receive(self, received: Received, now: float) -> None:
        """A message has arrived."""
        if not self.member.heeds(received.sender) or (
            self._resumption is not None and self._resumption.defers(received)
        ):
            return
        match received.message:
            case Results(run=run) as results if run == self._run:
                self._take(received.sender, results, received.buffers)
            case Parameters(epoch=epoch, values=values) as parameters:
                self._epochs.begin(epoch, values)
                self._keeping.begin_epoch(epoch, self._epochs.latest)
                if self._run is not None:
                    self._journal.keep("", parameters)
            case Coverage(run=run) as coverage if run == self._account.run:
                self._keeping.learn_epochs(coverage.epochs)
                self._account.learn(coverage.news, over=coverage.finished_at is not None)
                self._desk.changed()
            case Fence(run=run, worker=worker) as fence:
                if run == self._run:
                    self._collector.fence(worker)
                    self._channel.disconnect(worker)
                    self._journal.keep("", fence)
                self._journal.after(partial(self._channel.send, CONTROLLER, Fenced(run, worker)))
            case Joined(run=run, worker=worker, address=address) if run == self._run:
                self._channel.connect(worker, address)
            case Arm(resume=True) as arm:
                self._to_take_up = arm
            case Arm() as arm:
                self._arm(arm, now)
            case Finish(run=run, abandoned=abandoned):
                self._finish(run, abandoned)
            case TakeStock(run=run):
                self._take_stock(run)
            case Welcome():
                self.member.welcomed()
                self._hold_until = self._hold_until or now + HOLD_SECONDS
            case Unknown(peer=peer, replaced_by=replaced_by) if peer == self._channel.peer:
                self._run = self._resumption = self._to_take_up = None
                self._journal.pause()
                self.member.unknown(replaced_by)
            case _:
                pass

    def _arm(self, arm: Arm, now: float) -> None:
        self._resumption = self._to_take_up = None
        problem = self._begin(arm, now)
        if problem is None:
            self._journal.begin(arm)
            self._desk.turn_away(None)
        self._channel.send(CONTROLLER, Armed(arm.run, problem))

    def _begin(self, arm: Arm, now: float, *, again: bool = False) -> str | None:
        """Make everything new for a run; ``again``: it began in a former life. Returns why it cannot be."""
        self._keeping.end_run()
        self._desk.hold()
        self._failures.clear()
        self._finished = False
        self._epochs.restart(arm.epoch, arm.parameters)
        self._collector = Collector()
        self._decoder = decoder_of(arm, self._settings)
        self._run = arm.run
        for worker, address in arm.workers.items():
            self._channel.connect(worker, address)
        problem = self._fault
        if self._analysis is not None:
            state = reducer_state(
                self._settings.name, arm.run, self._epochs.latest.hash, self._settings.reducer_class
            )
            try:
                self._analysis.start(self._epochs.latest, self._context, state)
            except Exception as error:
                problem = str(ErrorCapsule.from_exception(self._analysis.where("__init__"), error))
        if problem is not None:
            self._run = None
        else:
            self._account = ResultAccount(arm.run, arm.total_events)
            self._desk.count_from(arm.life * VERSIONS_PER_LIFE)
            self._desk.begin_run(arm.run, self._analysis, self._account)
            self._keeping.begin_run(
                arm.run, arm.epoch, self._epochs.latest, arm.facts, code=self.member.code, later=again
            )
        self._next_timer = now if self._analysis is not None and self._analysis.has_timer else None
        return problem

    # ---- a run that a former life has begun ---------------------------------------------------------------------------------

    def _take_up(self, arm: Arm, now: float) -> None:
        try:
            kept = self._journal.take_up(arm)
        except JournalHeld as held:
            self._desk.turn_away(f"{TAKING_UP}; {held}")
            return
        self._to_take_up = None
        self._desk.turn_away(TAKING_UP)
        self._resumption = Resumption(arm, kept, partial(self._begin, now=now, again=True), self._replay)
        problem = self._resumption.begin(self._restore)
        if problem is not None:
            self._cannot_take_up(arm.run, problem)

    def _restore(self, checkpoint: Checkpoint, state: tuple[bytes, Sequence[bytes]]) -> str | None:
        for epoch, values in checkpoint.epochs.items():
            self._replay(Received("", Parameters(epoch, values), ()))
        self._collector.restore(checkpoint.taken, checkpoint.fenced)
        self._account.restore(checkpoint.split, checkpoint.failed, checkpoint.taken.values())
        self._failures.extend(checkpoint.failures)
        if self._analysis is not None:
            try:
                self._analysis.restore(self._decoder.decode(*state), self._epochs.latest)
            except Exception as error:
                return str(ErrorCapsule.from_exception(self._analysis.where("restore"), error))
        return None

    def _replay(self, received: Received) -> None:
        """A message that the former life has taken."""
        match received.message:
            case Parameters(epoch=epoch, values=values):
                self._epochs.begin(epoch, values)
                self._keeping.begin_epoch(epoch, self._epochs.latest)
            case Results() as results:
                self._take(received.sender, results, received.buffers)
            case Fence(worker=worker):
                self._collector.fence(worker)
            case _:
                pass
        self._journal.note(received.message)

    def _cannot_take_up(self, run: str, problem: str) -> None:
        self._run = self._resumption = None
        self._channel.send(CONTROLLER, Armed(run, problem))

    def _go_on_taking_up(self, resumption: Resumption, now: float) -> None:
        ready = resumption.go_on()
        if resumption.problem is not None:
            self._cannot_take_up(resumption.run, resumption.problem)
        elif not ready:
            if (news := resumption.news(now)) is not None:
                self._channel.send(CONTROLLER, news)
        else:
            self._resumption = None
            for failed in self._failures:
                self._channel.send(CONTROLLER, failed)
            standing = Standing(resumption.run, self._collector.taken, self._account.split)
            self._channel.send(CONTROLLER, standing)
            self._desk.turn_away(None)
            self._keeping.go_on()
            for received in resumption.deferred:
                self.receive(received, now)

    # ---- results ------------------------------------------------------------------------------------------------------------

    def _take(self, worker: str, results: Results, buffers: Any) -> None:
        """Reduce what has not been reduced before, tell the worker and the controller."""
        begin = time.perf_counter()
        if self._resumption is None:
            self._desk.confirm_run()
        self._account.mark_split(results.split)
        if self._journal.keeps and self._resumption is None:
            # The analysis may change what it is given, before it is written.
            buffers = [memoryview(buffer).toreadonly() for buffer in buffers]
            self._journal.keep(worker, results, buffers)
        deliveries: list[tuple[str, int, int, int]] = []
        for entry in entries(results, buffers):
            slot, event = entry.slot, entry.event
            if entry.merged:
                if self._take_combined(worker, slot, entry.merged) and self._reduce(worker, entry):
                    deliveries += [(worker, slot, first, stop) for first, stop in entry.merged]
                continue
            if not self._collector.take(worker, slot, event):
                continue
            if len(entry.head) and not self._reduce(worker, entry):
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
        if self._resumption is None:
            self._journal.after(partial(self._confirm, worker, results.run, results.sequence, deliveries))

    def _confirm(
        self, worker: str, run: str, sequence: int, deliveries: list[tuple[str, int, int, int]]
    ) -> None:
        # One that came late may be quicker than the controller's word of it; a later batch is acknowledged for this one, too.
        with suppress(KeyError):
            if self._collector.admits(worker):
                self._channel.send(worker, Taken(run, sequence))
        if deliveries:
            split = [
                part for _, _, first, stop in deliveries for part in self._account.split_within(first, stop)
            ]
            self._channel.send(CONTROLLER, Reduced(run, deliveries, split))

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
            logger.error(
                "run %s: of the events %s from %s: %s", self._run, unobtainable, worker, TAKEN_IN_PART
            )
            failure = Failure("combine", "TakenInPart", TAKEN_IN_PART)
            event = unobtainable[-1][1] - 1
            for first, stop in unobtainable:
                self._account.failed(first, stop)
            self._tell(Failed(self._run or "", worker, slot, event, failure, unobtainable))
        return taken

    def _tell(self, failed: Failed) -> None:
        if failed.event is not None:
            self._failures.append(failed)
        if self._resumption is None:
            self._journal.after(partial(self._channel.send, CONTROLLER, failed))

    def _reduce(self, worker: str, entry: Entry) -> bool:
        """Call the user's reduce with one result, that of several events where they were merged; whether that went well."""
        event, merged = entry.event, entry.merged
        combined = tuple(one for first, stop in merged for one in range(first, stop)) if merged else ()
        self._processed += len(combined) or 1
        self._last_event = event
        self._keeping.saw(entry.epoch, event)
        if self._analysis is None:
            return True
        parameters = self._epochs.get(entry.epoch) or self._epochs.latest
        try:
            payload = self._decoder.decode(entry.head, entry.large)
            self._analysis.process_result(
                Result(event, name_of(worker), parameters.hash, payload, entry.epoch, combined), parameters
            )
        except Exception as error:
            where = self._analysis.where("process_result")
            logger.warning("event %d failed in %s: %r", event, where, error)
            self._fail(worker, entry.slot, event, "process_result", error, merged)
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
        self._tell(Failed(self._run or "", worker, slot, event, failure, list(combined)))

    # ---- time ------------------------------------------------------------------------------------------------------------

    def turn(self, now: float) -> None:
        """Call the timer when it is due, and serve readers."""
        self.member.turn(now)
        self._journal.turn()
        if self._to_take_up is not None:
            self._take_up(self._to_take_up, now)
        if self._resumption is not None:
            self._go_on_taking_up(self._resumption, now)
        elif self._run is None and self._hold_until is not None and now > self._hold_until:
            self._hold_until = math.inf
            self._desk.turn_away(None)
        if self._resumption is None and self._run is not None and self._analysis is not None:
            if self._next_timer is not None and now >= self._next_timer:
                self._call_timer(self._analysis, now)
            if self._analysis.has_checkpoint:
                self._keep_checkpoint(self._analysis, now)
        self._desk.serve(now)

    def _keep_checkpoint(self, analysis: ReducerAnalysis, now: float) -> None:
        if not self._journal.wants_checkpoint(now):
            return
        encoder = Encoder(allow_pickle=self._settings.allow_pickle)
        state = self._call("checkpoint", lambda: encoder.encode(analysis.checkpoint(self._epochs.latest)))
        if state is not None:
            self._journal.checkpoint(self._collector, self._account, self._failures, state.detached())

    def _call_timer(self, analysis: ReducerAnalysis, now: float) -> None:
        timer = self._call("timer", lambda: (analysis.timer(self._epochs.latest),))
        self._desk.changed()
        delay = 1.0 if timer is None else timer[0]
        self._next_timer = None if delay is None else now + delay

    def _call(self, hook: str, call: Callable[[], T]) -> T | None:
        """Call a hook that belongs to no event; None when it fails."""
        try:
            return call()
        except Exception as error:
            logger.warning(
                "%s failed: %r", hook if self._analysis is None else self._analysis.where(hook), error
            )
            self._fail(self._channel.peer, 0, None, hook, error)
            return None

    def wait(self, now: float) -> float:
        """How long nothing needs to be done unless a message arrives."""
        if self._resumption is not None:
            return 0.0
        until_timer = LONGEST_WAIT if self._next_timer is None else max(0.0, self._next_timer - now)
        return min(until_timer, self.member.wait(now), self._desk.wait(now))

    # ---- the end ---------------------------------------------------------------------------------------------------------

    def _finish(self, run: str, abandoned: bool) -> None:
        if run == self._run:
            user, latest = self._analysis, self._epochs.latest
            if user is not None and not abandoned:
                self._call("finish", lambda: user.finish(latest))
                self._desk.changed()
            if abandoned:
                self._keeping.abandon_run()
                self._desk.abandon_run()
            else:
                self._keeping.end_run()
            self._run = None
            self._finished = True
        self._journal.after(partial(self._channel.send, CONTROLLER, Finished(run)))

    def leave(self, reason: str) -> None:
        """The process ends."""
        self._journal.close(remove=self._finished)
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
            "journal_bytes": self._journal.size,
            **self._keeping.figures(),
        }

    @property
    def analysis(self) -> ReducerAnalysis | None:
        """The user's class, if there is one."""
        return self._analysis
