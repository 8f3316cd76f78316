"""The worker: calls the user's map for the events of one run after the other.

It takes part as soon as it has said which class it has, also where that cannot be used: then it says why no run can begin with it.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from typing import Any

from beamloom.analysis import ErrorCapsule, WorkerState
from beamloom.errors import UserError
from beamloom.services.shell import traces
from beamloom.services.shell.code_version import build_metadata, code_digest, code_version
from beamloom.services.shell.epochs import Epochs
from beamloom.services.shell.evidence import Evidence
from beamloom.services.shell.guard import Notes
from beamloom.services.shell.loop import IDLE_WAIT, LONGEST_WAIT
from beamloom.services.shell.membership import Membership
from beamloom.services.shell.raised import RAISED, pass_interrupt
from beamloom.services.shell.waits import Waits
from beamloom.services.worker.copying import Copying
from beamloom.services.worker.event_calls import EventCalls
from beamloom.services.worker.failures import WorkerFailures
from beamloom.services.worker.farewell import Farewell
from beamloom.services.worker.memory_budget import MemoryBudget
from beamloom.services.worker.outbox import Outbox
from beamloom.services.worker.outgoing import Outgoing
from beamloom.services.worker.run import EVENTS_PER_TURN, Times, WorkerRun
from beamloom.services.worker.user_map import Map
from beamloom.services.worker.waits import of_worker
from beamloom.settings import WorkerSettings
from beamloom.transport.channel import Channel, Received
from beamloom.transport.codec import Encoder
from beamloom.transport.messages import (
    CONTROLLER,
    Arm,
    Armed,
    Borrows,
    CopyTaken,
    Drain,
    Drains,
    Explain,
    Explained,
    Finish,
    Finished,
    Inquire,
    Leads,
    Mirror,
    Offer,
    Orders,
    Packets,
    Parameters,
    Reducer,
    Stands,
    Taken,
    TakeStock,
    Tick,
    Trace,
    Unknown,
    Welcome,
)
from beamloom.transport.shared_memory import Borrowing, Unshared
from beamloom.version import VERSION

logger = logging.getLogger(__name__)

EVENT_TIMEOUT = 60.0
"""Seconds that one event may take where neither the settings nor the class say."""
MOST_LENDERS = 1000
"""Ingesters that are answered whether this process reads their memory."""
TURN_SECONDS = 0.005
"""Results are sent at the latest after this time, unless one event takes longer."""

NO_RUN: dict[str, float] = {
    "awaited_event": -1,
    "leased_events": 0,
    "ready_events": 0,
    "unacknowledged": 0,
    "unacknowledged_bytes": 0,
    "outbox_full": 0,
}
"""The figures of a worker that has nothing to do."""


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
        turn_events: int = EVENTS_PER_TURN,
        notes: Notes | None = None,
        renew: Callable[[str], None] | None = None,
        end: Callable[[str], None] | None = None,
        evidence: Evidence | None = None,
    ) -> None:
        """``load`` makes what this worker does with events. No event is begun in a turn after ``turn_seconds`` or ``turn_events``.

        ``notes`` are what the guard of this process reads; ``renew`` ends the process, for this reason, to be started anew;
        ``end`` for good.
        ``evidence`` keeps calls that fail.
        """
        self._evidence = evidence or Evidence()
        self._turn_seconds = turn_seconds
        self._turn_events = turn_events
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
        self._end = end
        self._farewell = Farewell()
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
            folder=os.path.abspath(settings.analysis_path),
            code=build_metadata(settings.worker_class),
            edition=settings.edition,
            digest=code_digest(settings.worker_class, settings.analysis_path),
            stateful=analysis is not None and analysis.stateful,
        )
        self._run: WorkerRun | None = None
        self._outbox: Outbox | None = None
        """That of the latest run."""
        self._borrowing = Borrowing()
        self._copying = Copying(channel, self._borrowing)
        self._lenders: dict[str, str] = {}
        self._times = Times()
        self._waits = Waits()

    # ---- messages -------------------------------------------------------------------------------------------------------

    def receive(self, received: Received, now: float) -> None:
        """A message has arrived."""
        if not self.member.heeds(received.sender):
            return
        run = self._run
        match received.message:
            case (
                Packets(run=told)
                | Orders(run=told)
                | Taken(run=told)
                | Reducer(run=told)
                | Tick(run=told)
                | Explain(run=told)
                | Inquire(run=told)
            ) if run is not None and run.run == told:
                run.receive(received)
            case CopyTaken(number=number):
                self._copying.taken(received.sender, number)
            case Mirror() as mirror:
                self._copying.follow(mirror)
            case Offer() as offer:
                self._look_at(received.sender, offer)
            case Explain(question=question):
                self._channel.send(CONTROLLER, Explained(question, {}))
            case Parameters(epoch=epoch, values=values):
                self._epochs.begin(epoch, values)
            case Arm() as arm:
                self._arm(arm)
            case Finish(run=told, abandoned=abandoned):
                self._finish(told, abandoned)
            case TakeStock(run=told):
                self._take_stock(told)
            case Trace() as trace:
                traces.heed(self._channel, trace)
            case Leads(address=address):
                self.member.follow(address)
            case Welcome():
                self.member.welcomed()
            case Unknown(peer=peer, replaced_by=replaced_by) if peer == self._channel.peer:
                self._run = None
                if self._farewell.reason is None:
                    self.member.unknown(replaced_by)
            case Drain(reason=reason):
                self.drain(reason, now)
                if self._end is not None:
                    self._end(reason)
            case _:
                pass

    def _arm(self, arm: Arm) -> None:
        self._run = None
        self._forget_lenders()
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
                problem = str(ErrorCapsule.from_exception(self._map.where(hook), error))
            if problem is None and self._times.events == 0:
                problem = self._budget.too_small()
            if problem is None:
                self._run = self._begin_run(arm, self._map)
        self._channel.send(CONTROLLER, Armed(arm.run, problem, tick_interval=tick_interval))

    def _begin_run(self, arm: Arm, user: Map) -> WorkerRun:
        self._evidence.begin_run(arm.run, arm.detectors)
        self._copying.begin_run(arm.run)
        peer, address = arm.reducer
        if self._outbox is not None and self._outbox.reducer != peer:
            self._channel.disconnect(self._outbox.reducer)
        self._channel.connect(peer, address)
        outbox = self._outbox = Outbox(self._channel, peer, arm.run, self._settings.outbox_bytes)
        failures = WorkerFailures(arm.run, user, self._channel, self._evidence)
        combines = user.analysis is not None and user.analysis.combine
        outgoing = Outgoing(outbox, self._encoder, failures, combines=combines)
        calls = EventCalls(
            user,
            outgoing,
            arm.detectors,
            self._notes,
            self._evidence,
            failures,
            self._borrowing,
            self._copying,
        )
        return WorkerRun(
            arm.run,
            user,
            self._epochs,
            calls,
            outgoing,
            failures,
            self._channel,
            self._times,
            self._borrowing,
            self._turn_events,
        )

    def _look_at(self, ingester: str, offer: Offer) -> None:
        """An ingester has memory for large frames: tell it whether it can be read here."""
        problem = None
        try:
            self._borrowing.open(offer.memory)
        except (Unshared, OSError) as error:
            problem = str(error)
        # A name that nobody else has, whatever the ingester calls itself.
        answers = f"lender {ingester}"
        if answers in self._lenders or len(self._lenders) < MOST_LENDERS:
            self._lenders[answers] = offer.memory
            self._channel.connect(answers, offer.address)
            self._channel.send(answers, Borrows(offer.memory, problem))

    def _forget_lenders(self) -> None:
        """Those that are gone, and those whose memory cannot be read here."""
        there = self._borrowing.begin_run()
        for answers in [answers for answers, memory in self._lenders.items() if memory not in there]:
            del self._lenders[answers]
            self._channel.disconnect(answers)

    def _take_stock(self, told: str | None) -> None:
        """A new controller goes on with this run."""
        run = self._run
        if run is None or run.run != told:
            self._run = None
            if told is not None:
                self.member.unknown(None)
            return
        run.failures.tell_again()
        self._channel.send(CONTROLLER, Stands(run.run, held=run.held()))

    # ---- time ------------------------------------------------------------------------------------------------------------

    def turn(self, now: float) -> None:
        """Process what is ready."""
        self.member.turn(now)
        self._notes.call(self._channel.peer, self.member.controller)
        self._look_at_memory(now)
        if self._run is not None:
            self._run.turn(now, self._turn_seconds, begins=self._farewell.reason is None)

    def _look_at_memory(self, now: float) -> None:
        """End the process when it has too much, as soon as the reducer has taken all that was made."""
        if self._renew is None or self._times.events == 0 or not self._budget.look(now):
            return
        self.drain(str(self._budget.spent), now)
        if self.drained(now):
            self._renew(str(self._budget.spent))

    def drain(self, reason: str, now: float) -> None:
        """Begin no further event, for this reason; the rest goes to others."""
        if self._farewell.begin(reason, now):
            self._channel.send(CONTROLLER, Drains(reason))

    def drained(self, now: float) -> bool:
        """Whether it has drained, and may leave."""
        return self._farewell.over(now, pending=self._run is not None and self._run.outgoing.pending)

    def wait(self, now: float) -> float:
        """How long nothing needs to be done unless a message arrives."""
        wait = self.member.wait(now)
        if self._run is None:
            return min(IDLE_WAIT, wait)
        return min(LONGEST_WAIT, wait, self._run.wait(now, begins=self._farewell.reason is None))

    # ---- the end ---------------------------------------------------------------------------------------------------------

    def _finish(self, told: str, abandoned: bool) -> None:
        run = self._run
        if run is not None and run.run == told:
            if self._map is not None and not abandoned:
                try:
                    self._map.finish(self._epochs.latest)
                except RAISED as error:
                    pass_interrupt(error)
                    run.failures.of_finish(self._epochs, error)
            self._run = None
            self._copying.end_run()
        self._channel.send(CONTROLLER, Finished(told))

    def leave(self, reason: str, *, failed: bool = False) -> None:
        """The process ends."""
        self._run = None
        if self._map is not None:
            try:
                self._map.close()
            except RAISED as error:
                pass_interrupt(error)
                logger.warning("%s failed: %r", self._map.where("close"), error)
        self.member.leave(reason, failed=failed)
        self._notes.leave()

    def notes(self, now: float) -> dict[str, Any]:
        """What it waits for; may be called in any thread."""
        run = self._run
        if run is None:
            waiting = of_worker(None, self._notes, None, (), None)
        else:
            waiting = of_worker(run.run, self._notes, run.outgoing.outbox, run.ready, run.awaited)
        leaves = {} if self._farewell.reason is None else {"drains": self._farewell.reason}
        return {"waits_for": self._waits.told(now, waiting), **leaves}

    def figures(self) -> dict[str, float]:
        """Counters and gauges of this process; may be called in any thread."""
        run, times = self._run, self._times
        return {
            "processed_events": times.events,
            "last_event": times.last_event,
            "user_seconds": times.user,
            "sending_seconds": times.sending,
            "memory_limit": self._settings.memory_limit,
            **self._copying.figures(),
            **(NO_RUN if run is None else run.figures()),
        }
