"""The controller: owns the run, the ledger and the parameters; the only process that decides.

Everything here happens in one thread. HTTP handlers live in another one and hand over what they want done as commands.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from typing import Any, TypeVar

from beamloom.engine.accounts.budget import Budget
from beamloom.engine.accounts.faults import Death
from beamloom.engine.accounts.ledger import Loss
from beamloom.engine.feedback import Feedback
from beamloom.engine.runs.run import RunPhase
from beamloom.parameters import DUMP_PREFIX, Parameter, ParameterError, readable
from beamloom.services.controller.active_run import ActiveRun
from beamloom.services.controller.admission import Admission
from beamloom.services.controller.arming import Arming, ArmingRefused, facts_of, why_needed
from beamloom.services.controller.commands import Commands
from beamloom.services.controller.detectors import nameable
from beamloom.services.controller.ended_runs import EndedRuns
from beamloom.services.controller.ensemble import Ensemble, Member
from beamloom.services.controller.inquiry import Inquiries
from beamloom.services.controller.invitations import Invitations
from beamloom.services.controller.lately import Lately
from beamloom.services.controller.logbook import Logbook
from beamloom.services.controller.new_run import checked_map, new_run, participants
from beamloom.services.controller.outliving import Outliving
from beamloom.services.controller.parameter_epochs import ParameterEpochs
from beamloom.services.controller.restoring import Restored
from beamloom.services.controller.resuming import (
    initial_values,
    new_recorder,
    papers_of,
    put_away,
    recorder_of,
    resume,
    snapshot,
)
from beamloom.services.controller.self_arming import SelfArming
from beamloom.services.controller.shadows import Shadows
from beamloom.services.controller.sharing import problems
from beamloom.services.controller.statekeeping import (
    Came,
    Fed,
    RunPapers,
    StateKeeper,
    Went,
)
from beamloom.services.controller.updating import Updates
from beamloom.services.shell import record_places
from beamloom.services.shell.loop import IDLE_WAIT, LONGEST_WAIT
from beamloom.settings import ControllerSettings
from beamloom.transport.channel import Channel, Received
from beamloom.transport.messages import (
    CONTROLLER,
    Announce,
    Armed,
    Drains,
    Explained,
    Failed,
    Finish,
    Gone,
    Heartbeat,
    Leaving,
    LogRecords,
    Progress,
    Pulse,
    Register,
    Standing,
    Unknown,
    Welcome,
)
from beamloom.triggermap import TriggerMap, TriggerMapError

logger = logging.getLogger(__name__)

T = TypeVar("T")
ARM_GRACE = 1.0
"""Seconds longer than the devices' that processes may take to confirm a run."""
ARMING_WAIT = 0.005
"""Seconds between two looks at who has confirmed."""


class ControllerService:
    """The controller of a pipeline."""

    def __init__(
        self,
        settings: ControllerSettings,
        channel: Channel,
        *,
        watches_silence: bool = True,
        keeper: StateKeeper | None = None,
    ) -> None:
        """``watches_silence`` False: the processes share this one, and do not send signs of life.

        With a ``keeper`` another controller can go on where this one ends.
        """
        self.settings = settings
        self.address = channel.address
        self.ensemble = Ensemble()
        self.active: ActiveRun | None = None
        self.past = EndedRuns()
        self.outliving = Outliving(keeper, lambda: snapshot(self))
        if keeper is not None:
            channel.rename(f"{CONTROLLER}#{keeper.scribe.generation}")
        self.logbook = Logbook(self.outliving.note)
        self.epochs = ParameterEpochs(self.ensemble, channel, self.outliving.note_at_once)
        self.parameters = self.epochs.parameters
        self.self_arming = SelfArming(settings.arming_map, settings.arming_streams, settings.detectors)
        self.run_papers: RunPapers | None = None
        """Those of the run that goes on."""
        self.lately = Lately()
        """What happened lately."""
        self.inquiries = Inquiries(channel)
        """Questions about single events that wait for answers."""
        self.disks: Callable[[], list[dict[str, Any]]] = list
        """The folders that this process writes to, with what is free there."""
        self.figures_at_run_start: dict[str, float] = {}
        """Its figures when the present run began."""
        self.ended: str | None = None
        """Why this process has to end, when it has to."""
        self.listeners: list[Callable[[], None]] = []
        """Called, in the controller's thread, when the analysis has said something, or a run has begun or ended."""
        self._news = False
        self._channel = channel
        self._watches_silence = watches_silence
        self._arming: Arming | None = None
        self._commands = Commands(channel.wake)
        pipeline = self.outliving.pipeline_name()
        self._invitations = Invitations(settings, self.ensemble, channel, self.epochs, pipeline)
        self.updates = Updates(self.ensemble, channel, settings.drain_timeout)
        self.departures = self.updates.departures
        self.shadows = Shadows(self.ensemble, channel, settings, self.epochs)
        self._admission = Admission(self.ensemble, channel, settings.max_processes)
        self._looked_at = 0.0
        self._left_out: list[Loss] = []
        if values := initial_values(settings):
            self.parameters.set_many(values)

    # ---- commands of other threads --------------------------------------------------------------------------------------

    def ask(self, command: Callable[[], T]) -> Future[T]:
        """Have ``command`` called in the controller's thread; may be called from any thread."""
        return self._commands.ask(command)

    def arm(
        self,
        trigger_map: TriggerMap,
        reply: Callable[[str | Exception], None],
        now: float,
        budget: Budget | None = None,
        idle_limit: float | None = None,
    ) -> None:
        """Begin a run of ``trigger_map``; ``reply`` is called with its id once every process is ready, or with the refusal.

        ``budget``: how many events may fail, and ``idle_limit``: after how many seconds without a packet it is ended, where that is not
        what the settings say.
        """
        reply = self.lately.noting(reply)
        try:
            self._arm(trigger_map, reply, now, budget, idle_limit)
        except Exception as error:
            reply(error)

    def _arm(
        self,
        trigger_map: TriggerMap,
        reply: Callable[[str | Exception], None],
        now: float,
        budget: Budget | None,
        idle_limit: float | None,
    ) -> None:
        if (problem := self.store_problem) is not None:
            raise ArmingRefused(
                f"the run was not armed, as it would not survive this process: {problem}, then arm again"
            )
        written, trigger_map = trigger_map, checked_map(trigger_map, self.ensemble, self.settings)
        if self._arming is not None:
            self._end_arming(ArmingRefused("another trigger map was armed before this one was ready"))
        if self.active is not None and not self.active.finished:
            logger.warning("run %s is given up: a new trigger map was armed", self.active.run.run_id)
            self.active.release()
        run = new_run(trigger_map, self.ensemble, self.settings, now, budget, idle_limit)
        invited = participants(trigger_map, self.ensemble)
        deadline = now + self.settings.arm_timeout + ARM_GRACE
        self._arming = Arming(run, written, [member.peer for member in invited], deadline, reply)
        for member in invited:
            facts = facts_of(run, written, self.ensemble) if member.role == "reducer" else None
            self._invitations.arm(run, member, facts)

    @property
    def figures(self) -> dict[str, float]:
        """Counters of this process; ``processed_events`` are those of the run that are settled."""
        settled = 0 if self.active is None else self.active.run.ledger.settled_count
        return {"processed_events": settled, **self._channel.meter.figures()}

    @property
    def store_problem(self) -> str | None:
        """Why what happens is not kept, and what to do; None while it is, or where it is not to be kept."""
        return self.outliving.problem

    def resume(self, restored: Restored, now: float) -> None:
        """Go on where another controller was."""
        resume(self, restored, self._channel, now)
        self.epochs.recorder = recorder_of(self, self.settings.detectors)
        self.outliving.checkpoint()

    def keep_feedback(self, run: str, new: list[Feedback]) -> None:
        """The analysis of a run has said something: all hear of it once it is kept."""
        self.outliving.note(Fed(run, new))
        self._news = True

    @property
    def nameable(self) -> list[str]:
        """What a trigger map may name now: streams, and detectors of which all tiles are there."""
        return nameable(self.settings.detectors, list(self.ensemble.streams))

    def split_problems(self) -> list[str]:
        """Why streams that are split over several ingesters could not be had now."""
        return problems(self.ensemble, self.ensemble.streams)

    def refusal(self, trigger_map: TriggerMap) -> str | None:
        """Why a run of this map could not begin now, in a sentence; None where nothing is known to be in the way."""
        try:
            checked_map(trigger_map, self.ensemble, self.settings)
        except (ArmingRefused, TriggerMapError) as error:
            return str(error).removeprefix("the run was not armed: ")
        return self.store_problem

    def stop(self, cause: str) -> None:
        """End the run that goes on, or that is being armed: then it does not begin."""
        self._end_arming(ArmingRefused(f"the run was not armed: {cause}"))
        if self.active is not None and not self.active.finished:
            self.active.run.stop(cause)
            self.outliving.flush()

    def set_parameters(self, values: dict[str, bytes]) -> str:
        """Set parameters as one new epoch; returns the hash of the new set. Raises ParameterError."""
        prefix = values.get(DUMP_PREFIX.name, b"").decode(errors="surrogateescape")
        if problem := record_places.refusal(prefix, self.settings):
            raise ParameterError(problem)
        self.parameters.set_many(values)
        self.epochs.begin(self.active)
        return self.parameters.current.hash

    def plan_epochs(self, epochs: Iterable[tuple[int, dict[str, bytes]]]) -> None:
        """The next run's parameters are known to change: each set holds from its event on."""
        self.epochs.plan(epochs)

    def leave_out(self, losses: Iterable[Loss]) -> None:
        """Of the next run these events are not wanted: they are lost from the beginning, each with its cause."""
        self._left_out = list(losses)

    # ---- messages -------------------------------------------------------------------------------------------------------

    def receive(self, received: Received, now: float) -> None:
        """A message has arrived."""
        sender, message, _ = received
        if isinstance(message, Register):
            self._welcome(sender, message, now)
            return
        member = self.ensemble.get(sender)
        if member is None:
            if isinstance(message, Heartbeat):
                self._admission.disown(sender, message.address, now)
            return
        member.heard(now, message.figures if isinstance(message, Heartbeat) else None)
        match message:
            case Heartbeat(notes=notes):
                member.note(notes, time.time())
                if isinstance(why := notes.get("drains"), str):
                    self.departures.begin(member, why, now, self._arming, self.active)
            case Explained() as answer:
                self.inquiries.hear(sender, answer)
            case Pulse():
                pass
            case Gone(reason=reason, killed=killed, death=death):
                self._lose(member, reason, now, killed=killed, death=death)
            case Announce(stream=stream):
                self.self_arming.announced(sender, stream)
            case Armed() as armed:
                self._confirm(member, armed, now)
            case Drains(reason=reason):
                self.departures.begin(member, reason, now, self._arming, self.active)
            case Leaving(reason=reason, failed=failed):
                self._lose(member, reason, now, killed=failed)
            case LogRecords(records=records):
                self.logbook.keep(member.name, records)
            case Failed(run=run, event=None) if self._arming is not None and run == self._arming.run.run_id:
                self._arming.run.faults.add(message.failure, message.worker, None)
            case Progress(run=run) if self._arming is not None and run == self._arming.run.run_id:
                self._arming.early.append((sender, message))
            case _:
                if self.active is not None and getattr(message, "run", None) == self.active.run.run_id:
                    self.active.hear(sender, message, now)
                    if isinstance(message, Standing) and self.active.run.phase is not RunPhase.COMPLETE:
                        self._invitations.invite_late(self.active)

    def _welcome(self, peer: str, register: Register, now: float) -> None:
        if not self._admission.admits(peer, register):
            return
        known = peer in self.ensemble
        member, former = self.ensemble.add(peer, register, now)
        if former is not None:
            replaced_by = f"process {register.pid} on {register.host}"
            self._channel.send(former.peer, Unknown(former.peer, replaced_by))
            self._lose(former, f"{former.name} was started again", now, killed=True)
        self._channel.connect(peer, register.address)
        self.outliving.note(Came(peer, register))
        self._channel.send(peer, Welcome())
        self.self_arming.hurry()
        if known:
            return
        if member.role == "ingester":
            self._invitations.successors.dismiss(self.active, member)
        logger.info("%s %s takes part", register.role, register.name)
        try:
            descriptions = [Parameter.from_wire(one) for one in register.descriptions]
            before = self.parameters.current.hash
            self.parameters.describe(descriptions, owner=register.name)
            if self.parameters.current.hash != before:
                self.epochs.begin(self.active)
        except ParameterError as error:
            logger.error("%s: %s", register.name, error)
            member.register.fault = str(error)
        if self.active is not None and self.active.run.phase is not RunPhase.COMPLETE and member.is_worker:
            self._invitations.invite(self.active, member)

    def _confirm(self, member: Member, armed: Armed, now: float) -> None:
        if self._arming is not None and armed.run == self._arming.run.run_id:
            self._arming.confirm(member.peer, armed.problem, armed.tick_interval, absent=armed.absent)
        elif self.active is not None and armed.run == self.active.run.run_id:
            self._invitations.confirmed(self.active, member, armed, now)

    def _lose(
        self, member: Member, cause: str, now: float, *, killed: bool, death: Death | None = None
    ) -> None:
        stack = "" if death is None or not death.failure.traceback else f"\n{death.failure.traceback}"
        logger.log(logging.WARNING if killed else logging.INFO, "%s is gone: %s%s", member.name, cause, stack)
        self.ensemble.remove(member.peer)
        self.lately.gone(member.name, member.role, cause)
        self.outliving.note(Went(member.peer))
        self.self_arming.forget(member.peer)
        if self._arming is not None:
            self._arming.lose(member.peer, why_needed(self._arming.run, member, self.ensemble))
        if self.active is not None and (member.role == "reducer" or not self.active.finished):
            self.active.lose(member, cause, now, killed=killed, death=death)
        self._channel.disconnect(member.peer)

    # ---- time ------------------------------------------------------------------------------------------------------------

    def turn(self, now: float) -> None:
        """Do what is to be done now."""
        self._commands.carry_out(self.outliving.flush)
        if self._watches_silence:
            if now - self._looked_at > self.settings.heartbeat_timeout / 2:
                self.ensemble.forgive(now)
            for member in self.ensemble.silent(now, self.settings.heartbeat_timeout):
                cause = f"no sign of life for {self.settings.heartbeat_timeout:g} s"
                self._lose(member, cause, now, killed=True)
        for worker, cause in self.departures.overdue(now):
            self._lose(worker, cause, now, killed=True)
        self.updates.turn(self.active, now)
        self.shadows.turn(self.active)
        if self._arming is not None:
            self._look_at_arming(now)
        if self.active is not None and self._arming is None:
            self._invitations.hand_over(self.active)
            self._invitations.successors.look(self.active, now)
        if self.active is not None and not self.active.finished:
            self.active.turn(now)
            if self.active.finished:
                if self.epochs.recorder is not None:
                    self.epochs.recorder.ended()
                self.epochs.recorder = None
                self._keep_run(self.active)
        self._looked_at = now
        free = self._arming is None and (self.active is None or self.active.finished)
        self.self_arming.turn(self.ensemble.streams, self.arm, now, free=free)
        self.logbook.turn()
        self.inquiries.turn(now)
        self.outliving.turn(now)
        self.ended = self.outliving.overtaken
        if self._news:
            self._tell_listeners()

    def _tell_listeners(self) -> None:
        self._news = False
        self.outliving.flush()
        for listener in self.listeners:
            try:
                listener()
            # A run does not end by whoever wants to hear of it.
            except Exception:
                logger.exception("what listens to this controller has failed")

    def _keep_run(self, active: ActiveRun) -> None:
        """A run has begun, or has ended: what is known of it is kept."""
        self._news = True
        if self.outliving.keeper is None:
            return
        if not active.finished or self.run_papers is None:
            self.run_papers = papers_of(active)
        papers = papers_of(active) if active.finished else self.run_papers
        self.outliving.checkpoint(papers)

    def _look_at_arming(self, now: float) -> None:
        arming = self._arming
        outcome = None if arming is None else arming.outcome(now)
        if arming is None or outcome is None:
            return
        if isinstance(outcome, ArmingRefused):
            self._end_arming(outcome)
            return
        self._arming = None
        self.self_arming.armed(arming.run.layouts)
        self.epochs.restart()
        if self.active is not None:
            self.past.add([put_away(self.active)])
        self.active = ActiveRun(
            arming.run,
            arming.written,
            self.ensemble,
            self._channel,
            arming.ticks,
            self.outliving.flush,
            self.keep_feedback,
            feedback_stops=self.settings.feedback_stops,
        )
        self.active.begin_epoch(self.epochs.number, readable(self.parameters.current))
        self.active.record_prefix = self.epochs.record_prefix
        self.epochs.recorder = new_recorder(arming.run, self.epochs, self.settings.detectors, self.ensemble)
        self.epochs.begin_planned(self.active)
        if self._left_out:
            arming.run.lost(self._left_out)
        self.figures_at_run_start = self.figures
        for member in self.ensemble:
            if member.peer in arming:
                member.begin_run()
        for worker in self.ensemble.workers:
            if worker.peer in arming:
                arming.run.add_worker(worker.peer, worker.register.tags, now, worker.edition)
            else:
                self._invitations.invite(self.active, worker)
        self._keep_run(self.active)
        self.outliving.witness(arming.run)
        for sender, progress in arming.early:
            self.active.hear(sender, progress, now)
        self.active.turn(now)
        logger.info("run %s is armed", arming.run.run_id)
        arming.reply(arming.run.run_id)

    def _end_arming(self, refusal: ArmingRefused) -> None:
        arming, self._arming = self._arming, None
        if arming is not None:
            for member in self.ensemble:
                self._channel.send(member.peer, Finish(arming.run.run_id, abandoned=True))
            arming.reply(refusal)

    def wait(self, now: float) -> float:
        """How long nothing needs to be done unless a message arrives."""
        if self._arming is not None:
            return ARMING_WAIT
        # Silence is judged only by whoever looks often enough.
        longest = min(IDLE_WAIT, self.settings.heartbeat_timeout / 4)
        if self.active is not None and self.active.run.phase is not RunPhase.COMPLETE:
            return min(LONGEST_WAIT, longest, self.active.wait(now))
        return longest

    def leave(self, reason: str, *, failed: bool = False) -> None:
        """The process ends."""
        self._commands.end(reason)
        if self._arming is not None:
            self._end_arming(ArmingRefused(f"the controller ends: {reason}"))
        self.outliving.close()
        self.logbook.close()
