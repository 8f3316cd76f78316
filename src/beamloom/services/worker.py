"""The worker: puts events together and calls the user's map.

User code runs in the main loop, one event at a time; what it raises fails that event and nothing else. Results are sent in batches, at
the latest a millisecond after they were made, and kept until the reducer has taken them. Those of a class that combines are merged before,
which delays them by 20 ms at most.
"""

from __future__ import annotations

import itertools
import logging
import time
from collections import deque
from collections.abc import Callable
from typing import Any

from beamloom.analysis import ErrorCapsule, WorkerState, load_class
from beamloom.detectors.geometry import Detector
from beamloom.detectors.packets import with_detectors
from beamloom.engine.assembler import Assembler, Ready
from beamloom.engine.faults import Failure
from beamloom.engine.ranges import Range, RangeSet
from beamloom.engine.suspects import SUSPECTS_PER_DEATH
from beamloom.errors import UserError
from beamloom.events import Event
from beamloom.parameters import ParameterSet
from beamloom.services.code_version import build_metadata, code_version
from beamloom.services.combining import MOST_EVENTS, BrokenPartial, Combiner
from beamloom.services.epochs import Epochs
from beamloom.services.evidence import Evidence, evidence_of
from beamloom.services.freed_memory import keep_freed_memory
from beamloom.services.guard import Notes, start_guard
from beamloom.services.heartbeat import Heartbeats
from beamloom.services.loop import LONGEST_WAIT, EndOfService
from beamloom.services.loop import serve as serve_loop
from beamloom.services.mailbox import keys_of, open_mailbox
from beamloom.services.membership import Membership, new_peer_id
from beamloom.services.memory_budget import MemoryBudget, Renewal
from beamloom.services.outbox import Outbox
from beamloom.services.raised import RAISED, pass_interrupt
from beamloom.services.user_map import Map
from beamloom.services.waits import Waits
from beamloom.services.worker_waits import known_of, of_worker
from beamloom.settings import WorkerSettings
from beamloom.transport.channel import Channel, Received
from beamloom.transport.codec import Encoded, Encoder
from beamloom.transport.messages import (
    CONTROLLER,
    Arm,
    Armed,
    Explain,
    Explained,
    Failed,
    Finish,
    Finished,
    Held,
    Inquire,
    Lacking,
    Orders,
    Packets,
    Parameters,
    Reducer,
    Stands,
    Taken,
    TakeStock,
    Tick,
    Unknown,
    Welcome,
)
from beamloom.transport.packing import unpack
from beamloom.version import VERSION

logger = logging.getLogger(__name__)

EVENTS_PER_TURN = SUSPECTS_PER_DEATH
"""Most events that are processed before their results are sent and the mailbox is looked at again."""
FAILURES_KEPT = 256
"""What failed further back is processed once more when the controller that was told of it has died."""
EVENT_TIMEOUT = 60.0
"""Seconds that one event may take where neither the settings nor the class say."""
TURN_SECONDS = 0.005
"""Results are sent at the latest after this time, unless one event takes longer."""


class WorkerService:
    """One worker."""

    def __init__(
        self,
        settings: WorkerSettings,
        channel: Channel,
        controller: str,
        load: Callable[[], Map],
        role: str = "worker",
        http: str | None = None,
        turn_seconds: float = TURN_SECONDS,
        notes: Notes | None = None,
        renew: Callable[[str], None] | None = None,
        evidence: Evidence | None = None,
    ) -> None:
        """``load`` makes what this worker does with events. ``turn_seconds``: after this time no event is begun in a turn.

        ``notes`` are what the guard of this process reads; ``renew`` ends the process, for this reason, to be started anew.
        ``evidence`` keeps calls that fail.
        """
        self._evidence = evidence or Evidence()
        self._turn_seconds = turn_seconds
        self._settings = settings
        self._channel = channel
        self._map: Map | None = None
        fault = None
        try:
            self._map = load()
            descriptions = [] if self._map.analysis is None else self._map.analysis.descriptions()
        except UserError as error:
            logger.error("%s", error)
            fault, descriptions = str(error), []
        analysis = None if self._map is None else self._map.analysis
        self._notes = notes or Notes()
        said = None if analysis is None else analysis.event_timeout
        self._budget = MemoryBudget(settings.memory_limit)
        self._renew = renew
        self._notes.limit(settings.event_timeout or said or EVENT_TIMEOUT, self._budget.in_an_event)
        self._encoder = Encoder(allow_pickle=analysis is not None and analysis.pickle_results)
        self._epochs = Epochs(descriptions)
        self.member = Membership(
            channel,
            controller,
            settings.name,
            role,
            tags=list(settings.tags),
            descriptions=[description.to_wire() for description in descriptions],
            fault=fault,
            http=http,
            analysis=settings.worker_class or "",
            code=build_metadata(settings.worker_class),
            stateful=analysis is not None and analysis.stateful,
        )
        self._run: str | None = None
        self._assembler = Assembler()
        self._detectors: dict[str, Detector] = {}
        self._outbox: Outbox | None = None
        self._combiner = Combiner()
        self._ready: list[Ready] = []
        self._tick = False
        self._processed = 0
        self._seconds = dict.fromkeys(("waiting", "receiving", "user", "sending"), 0.0)
        self._idle_since: float | None = None
        self._last_event = -1
        self._awaited: tuple[int, list[str]] | None = None
        self._waits = Waits()
        self._failures: deque[Failed] = deque(maxlen=FAILURES_KEPT)
        """What was told last: a new controller may not have heard of it."""

    # ---- messages -------------------------------------------------------------------------------------------------------

    def receive(self, received: Received, now: float) -> None:
        """A message has arrived."""
        if not self.member.heeds(received.sender):
            return
        match received.message:
            case Packets(run=run) as message if run == self._run:
                packets = unpack(message.block, received.buffers)
                self._assembler.add(
                    message.stream, message.slot, message.attempt, message.first, message.expected, packets
                )
            case Orders(run=run) as orders if run == self._run:
                for first, stop in orders.dropped:
                    self._assembler.drop(first, stop)
                self._end_lives(orders.over)
                self._assembler.lease(orders.spans)
            case Taken(run=run, sequence=sequence) if run == self._run and self._outbox is not None:
                self._outbox.taken(received.sender, sequence)
            case Reducer(run=run) as reducer if run == self._run and self._outbox is not None:
                self._channel.connect(reducer.peer, reducer.address)
                self._outbox.redirect(reducer.peer)
                self._channel.send(CONTROLLER, Held(run, self._held(self._outbox)))
            case Parameters(epoch=epoch, values=values):
                self._epochs.begin(epoch, values)
            case Tick(run=run) if run == self._run:
                self._tick = True
            case Arm() as arm:
                self._arm(arm)
            case Finish(run=run, abandoned=abandoned):
                self._finish(run, abandoned)
            case Explain(run=run, event=event, question=question):
                merging = self._combiner.deliveries()
                known = known_of(event, self._assembler, self._ready, merging, self._outbox)
                self._channel.send(CONTROLLER, Explained(question, known if run == self._run else {}))
            case Inquire(run=run, stream=stream) if run == self._run:
                self._channel.send(CONTROLLER, Lacking(run, stream, self._assembler.lacking(stream)))
            case TakeStock(run=run):
                self._take_stock(run)
            case Welcome():
                self.member.welcomed()
            case Unknown(peer=peer, replaced_by=replaced_by) if peer == self._channel.peer:
                self._forget_run()
                self.member.unknown(replaced_by)
            case _:
                pass

    def _end_lives(self, over: list[Range]) -> None:
        """Nobody needs these states any more."""
        if not over:
            return
        self._assembler.end_lives(over)
        ended = RangeSet(over)
        self._ready = [ready for ready in self._ready if ready.life not in ended]
        if self._map is not None and self._map.analysis is not None:
            self._map.analysis.end_lives(over, self._epochs.latest)

    def _arm(self, arm: Arm) -> None:
        self._forget_run()
        self._epochs.restart(arm.epoch, arm.parameters)
        problem, tick_interval = None, None
        state = WorkerState(
            name=self._settings.name,
            tags=self._settings.tags,
            run=arm.run,
            version=VERSION,
            mapreduce_version=code_version(self._settings.worker_class),
            parameters_hash=self._epochs.latest.hash,
        )
        if self._map is None:
            problem = f"worker {self._settings.name!r} has no usable class"
        else:
            hook = "__init__"
            try:
                self._map.start(self._epochs.latest, state)
                hook = "get_tick_interval"
                tick_interval = self._map.tick_interval(self._epochs.latest)
            except RAISED as error:
                pass_interrupt(error)
                problem = str(ErrorCapsule.from_exception(self._where(hook), error))
            if problem is None and self._processed == 0:
                problem = self._budget.too_small()
        if problem is None:
            self._run = arm.run
            self._detectors = arm.detectors
            self._evidence.begin_run(arm.run, arm.detectors)
            peer, address = arm.reducer
            self._channel.connect(peer, address)
            self._outbox = Outbox(self._channel, peer, arm.run, self._settings.outbox_bytes)
        self._channel.send(CONTROLLER, Armed(arm.run, problem, tick_interval=tick_interval))

    def _take_stock(self, run: str | None) -> None:
        """A new controller goes on with ``run``."""
        if run is None or run != self._run or self._outbox is None:
            self._forget_run()
            if run is not None:
                self.member.unknown(None)
            return
        for failed in self._failures:
            self._channel.send(CONTROLLER, failed)
        self._channel.send(CONTROLLER, Stands(run, held=self._held(self._outbox)))

    def _held(self, outbox: Outbox) -> dict[int, list[Range]]:
        """By slot, the events that this worker works on or has results of."""
        held: dict[int, RangeSet] = {}
        ready = ((one.slot, one.event, one.event + 1) for one in self._ready if not one.is_rehearsal)
        for slot, first, stop in itertools.chain(
            self._assembler.deliveries(), ready, self._combiner.deliveries(), outbox.deliveries()
        ):
            held.setdefault(slot, RangeSet()).add(first, stop)
        return {slot: list(events) for slot, events in held.items()}

    def _where(self, hook: str) -> str:
        analysis = None if self._map is None else self._map.analysis
        return hook if analysis is None else analysis.where(hook)

    # ---- time ------------------------------------------------------------------------------------------------------------

    def turn(self, now: float) -> None:
        """Process what is ready."""
        self.member.turn(now)
        self._notes.call(self._channel.peer)
        self._look_at_memory(now)
        if self._run is None:
            return
        if self._budget.spent is None and not self._ready:
            most = MOST_EVENTS - self._combiner.held if self._combines else EVENTS_PER_TURN
            self._ready = self._assembler.take_ready(most)
        if not self._ready:
            self._awaited = self._assembler.awaited
            self._idle_since = self._idle_since or now
        elif self._idle_since is not None:
            self._seconds["waiting"] += now - self._idle_since
            self._idle_since = None
        if self._outbox is not None and not self._outbox.full and self._budget.spent is None:
            self._process_ready(now)
        if self._outbox is not None:
            begin = time.perf_counter()
            self._send_combined(self._outbox, now)
            self._outbox.flush()
            self._seconds["sending"] += time.perf_counter() - begin

    def _look_at_memory(self, now: float) -> None:
        """End the process when it has too much, as soon as the reducer has taken all that was made."""
        if self._renew is None or self._processed == 0 or not self._budget.look(now):
            return
        pending = self._combiner.held or (self._outbox is not None and self._outbox.unacknowledged)
        if not pending or self._budget.overdue(now):
            self._renew(str(self._budget.spent))

    def _process_ready(self, now: float) -> None:
        begin = time.perf_counter()
        done = 0
        for ready in self._ready:
            parameters = self._epochs.get(ready.epoch)
            if parameters is None or time.perf_counter() - begin > self._turn_seconds:
                break
            self._process(ready, parameters, now)
            done += 1
        if done:
            self._ready = self._ready[done:]
            self._seconds["user"] += time.perf_counter() - begin

    def _rehearse(self, ready: Ready, parameters: ParameterSet) -> None:
        """Work through an event for the state of its constraint alone: what comes of it was taken from another worker."""
        analysis = None if self._map is None else self._map.analysis
        if analysis is None or not analysis.stateful:
            return
        self._notes.begin(ready.event)
        try:
            analysis.enter(ready.life, parameters)
            event = Event(ready.event, with_detectors(ready.streams, self._detectors))
            analysis.process_event(event, parameters, False)
        except RAISED as error:
            pass_interrupt(error)
            logger.info(
                "event %d fails again as its constraint is worked through again: %r", ready.event, error
            )
        finally:
            self._notes.end()
            self._processed += 1

    def _process(self, ready: Ready, parameters: ParameterSet, now: float) -> None:
        if self._map is None or self._outbox is None:
            raise RuntimeError("an event was leased to a worker without a class")
        if ready.is_rehearsal:
            self._rehearse(ready, parameters)
            return
        tick, self._tick = self._tick, False
        if ready.split:
            self._outbox.mark_split(ready.event)
        try:
            self._notes.begin(ready.event)
            if self._map.analysis is not None and self._map.analysis.stateful:
                self._map.analysis.enter(ready.life, parameters)
            event = Event(ready.event, with_detectors(ready.streams, self._detectors))
            payload = self._call(self._map, ready, event, parameters, tick)
            if self._combines and payload is not None:
                self._combiner.add(ready.slot, ready.event, ready.epoch, payload, now)
                return
            encoded = None if payload is None else self._encode(payload)
        except BrokenPartial as broken:
            logger.warning("events %s failed as they were merged: %r", broken.events, broken.cause)
            self._fail(ready.event, ready.slot, "process_event", broken.cause, broken.events)
            return
        except RAISED as error:
            pass_interrupt(error)
            self._fail_one(ready, parameters, tick, error)
            return
        finally:
            self._notes.end()
            self._processed += 1
            self._last_event = ready.event
        self._outbox.add(ready.slot, ready.event, ready.epoch, encoded)

    def _call(self, user: Map, ready: Ready, event: Event, parameters: ParameterSet, tick: bool) -> Any:
        """The result of one event; of one that may end this process, as it was given out again and is alone, there is a capsule."""
        suspect = ready.attempt > 1 and len(self._ready) == 1 and not self._assembler.leased
        if not suspect or user.analysis is None:
            return user.process(event, parameters, tick)
        with self._evidence.in_hand(ready, parameters, tick, user.analysis, self._notes.hold):
            return user.process(event, parameters, tick)

    def _encode(self, payload: Any) -> Encoded:
        # The class may go on changing an array that it returned, while the result waits to be taken.
        return self._encoder.encode(payload).detached()

    @property
    def _combines(self) -> bool:
        analysis = None if self._map is None else self._map.analysis
        return analysis is not None and analysis.combine

    def _send_combined(self, outbox: Outbox, now: float) -> None:
        """Hand over what has been merged, if it is time. It belongs to nobody else any more and needs no copy."""
        if not self._combiner.held:
            return
        for partial in self._combiner.take(now, len(self._ready) + self._assembler.leased):
            events = list(partial.events)
            try:
                encoded = self._encoder.encode(partial.payload)
            except RAISED as error:
                pass_interrupt(error)
                logger.warning("events %s failed in %s: %r", events, self._where("process_event"), error)
                self._fail(events[-1][1] - 1, partial.slot, "process_event", error, events)
            else:
                outbox.add_combined(partial.slot, events, partial.epoch, encoded)

    def _fail_one(self, ready: Ready, parameters: ParameterSet, tick: bool, error: BaseException) -> None:
        """The user's code raised at one event."""
        failure = self._failure("process_event", error, ready.event)
        if self._map is not None and self._map.analysis is not None:
            failure = self._evidence.of_map(failure, ready, parameters, tick, self._map.analysis)
        how = self._evidence.command(failure)
        logger.warning("event %d failed in %s: %r%s", ready.event, failure.where, error, how)
        self._tell(ready.event, ready.slot, failure)

    def _failure(self, hook: str, error: BaseException, event: int | None) -> Failure:
        capsule = ErrorCapsule.from_exception(self._where(hook), error, event)
        return Failure(capsule.where, capsule.error_type, capsule.message, capsule.traceback)

    def _fail(
        self,
        event: int | None,
        slot: int,
        hook: str,
        error: BaseException,
        combined: list[Range] | None = None,
    ) -> None:
        self._tell(event, slot, self._failure(hook, error, event), combined)

    def _tell(
        self, event: int | None, slot: int, failure: Failure, combined: list[Range] | None = None
    ) -> None:
        failed = Failed(self._run or "", self._channel.peer, slot, event, failure, combined or [])
        if event is not None:
            self._failures.append(failed)
        self._channel.send(CONTROLLER, failed)

    def wait(self, now: float) -> float:
        """How long nothing needs to be done unless a message arrives."""
        may_go_on = self._outbox is not None and not self._outbox.full and self._budget.spent is None
        return (
            0.0
            if may_go_on and self._ready and self._epochs.get(self._ready[0].epoch)
            else min(LONGEST_WAIT, self.member.wait(now), self._combiner.wait(now))
        )

    # ---- the end ---------------------------------------------------------------------------------------------------------

    def _finish(self, run: str, abandoned: bool) -> None:
        if run == self._run:
            if self._map is not None and not abandoned:
                self._call_finish(self._map)
            self._forget_run()
        self._channel.send(CONTROLLER, Finished(run))

    def _call_finish(self, user: Map) -> None:
        try:
            user.finish(self._epochs.latest)
        except RAISED as error:
            pass_interrupt(error)
            logger.warning("%s failed: %r", self._where("finish"), error)
            self._fail(None, 0, "finish", error)

    def _forget_run(self) -> None:
        self._run = None
        self._assembler = Assembler()
        self._ready = []
        self._combiner = Combiner()
        self._outbox = None
        self._tick = False
        self._idle_since = self._awaited = None
        self._failures.clear()

    def leave(self, reason: str) -> None:
        """The process ends."""
        self._forget_run()
        if self._map is not None:
            try:
                self._map.close()
            except RAISED as error:
                pass_interrupt(error)
                logger.warning("%s failed: %r", self._where("close"), error)
        self.member.leave(reason)
        self._notes.leave()

    def notes(self, now: float) -> dict[str, Any]:
        """What it waits for; may be called in any thread."""
        waiting = of_worker(self._run, self._notes, self._outbox, self._ready, self._awaited)
        return {"waits_for": self._waits.told(now, waiting)}

    def figures(self) -> dict[str, float]:
        """Counters and gauges of this process."""
        awaited = self._awaited
        return {
            "processed_events": self._processed,
            "last_event": self._last_event,
            "awaited_event": -1 if awaited is None else awaited[0],
            "unacknowledged": 0 if self._outbox is None else self._outbox.unacknowledged,
            "unacknowledged_bytes": 0 if self._outbox is None else self._outbox.bytes,
            "outbox_full": 0 if self._outbox is None else float(self._outbox.full),
            **{f"{name}_seconds": seconds for name, seconds in self._seconds.items()},
        }


def serve(settings: WorkerSettings) -> int:
    """Run a worker in this process until it is told to end."""
    keys = keys_of(settings)

    def load() -> Map:
        if settings.worker_class is None:
            return Map(None)
        return Map(load_class(settings.worker_class, settings.analysis_path))

    keep_freed_memory()
    notes = start_guard(settings.controller, settings.heartbeat_interval, keys)
    end, renewal = EndOfService(), Renewal()
    channel = open_mailbox(settings, keys, new_peer_id(settings.name))
    service = WorkerService(
        settings,
        channel,
        settings.controller,
        load,
        notes=notes,
        renew=renewal.by(end),
        evidence=evidence_of(settings),
    )
    beats = Heartbeats(channel, settings, service.member, service.figures, service.notes, keys=keys)
    try:
        return renewal.status(serve_loop(service, channel, lambda: service.member.ended, end))
    finally:
        beats.close()
