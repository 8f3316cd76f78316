"""The controller: owns the run, the ledger and the parameters; the only process that decides.

Everything here happens in one thread. HTTP handlers live in another one and hand over what they want done as commands.
"""

from __future__ import annotations

import logging
import uuid
from collections import deque
from collections.abc import Callable, Collection, Iterable
from concurrent.futures import Future
from typing import Any, TypeVar

import msgspec

from beamloom.engine.faults import Death
from beamloom.engine.provenance import EpochRecord, RunFacts
from beamloom.engine.run import Run, RunPhase, RunSettings
from beamloom.parameters import (
    DUMP_PREFIX,
    Parameter,
    ParameterError,
    Parameters,
    readable,
)
from beamloom.services.active_run import ActiveRun, arm_message
from beamloom.services.arming import Arming, ArmingRefused, facts_of, takes_part, why_needed
from beamloom.services.detectors import in_streams, nameable
from beamloom.services.ensemble import Ensemble, Member
from beamloom.services.heartbeat import LogForwarder
from beamloom.services.loop import LONGEST_WAIT
from beamloom.services.recorder import RunRecorder
from beamloom.services.restoring import FinishedRun, Restored
from beamloom.services.resuming import initial_values, new_recorder, papers_of, recorder_of, resume, snapshot
from beamloom.services.self_arming import SelfArming
from beamloom.services.sharing import ingesters_of, part_of, problems
from beamloom.services.statekeeping import (
    Began,
    Came,
    Entry,
    Logged,
    RunPapers,
    StateKeeper,
    Went,
)
from beamloom.settings import ControllerSettings
from beamloom.transport.channel import Channel, Received
from beamloom.transport.messages import (
    CONTROLLER,
    Announce,
    Arm,
    Armed,
    Failed,
    Finish,
    Gone,
    Heartbeat,
    Leaving,
    LogRecords,
    Pulse,
    Register,
    Standing,
    Unknown,
    Welcome,
)
from beamloom.transport.messages import Parameters as ParametersMessage
from beamloom.triggermap import TriggerMap, TriggerMapError

logger = logging.getLogger(__name__)

T = TypeVar("T")
ARM_GRACE = 1.0
"""Seconds longer than the devices' that processes may take to confirm a run."""
LOG_LINES_KEPT = 1000
RUNS_KEPT = 100


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
        self.ensemble = Ensemble()
        self.parameters = Parameters()
        self.epoch = 0
        self.active: ActiveRun | None = None
        self.past: deque[ActiveRun | FinishedRun] = deque(maxlen=RUNS_KEPT)
        self.logs: deque[dict[str, str]] = deque(maxlen=LOG_LINES_KEPT)
        self.log_count = 0
        self.self_arming = SelfArming(settings.arming_map, settings.arming_streams, settings.detectors)
        self.run_papers: RunPapers | None = None
        """Those of the run that goes on."""
        self.ended: str | None = None
        """Why this process has to end, when it has to."""
        self._keeper = keeper
        self._channel = channel
        if keeper is not None:
            channel.rename(f"{CONTROLLER}#{keeper.scribe.generation}")
        self._watches_silence = watches_silence
        self._arming: Arming | None = None
        self._commands: deque[tuple[Callable[[], Any], Future[Any]]] = deque()
        self._own_log = LogForwarder()
        self._reducers = 0
        self._recorder: RunRecorder | None = None
        self._looked_at = 0.0
        self._planned_epochs: list[tuple[int, dict[str, bytes]]] = []
        self.epochs_of_run: dict[int, dict[str, bytes]] = {}
        if values := initial_values(settings):
            self.parameters.set_many(values)

    # ---- commands of other threads --------------------------------------------------------------------------------------

    def ask(self, command: Callable[[], T]) -> Future[T]:
        """Have ``command`` called in the controller's thread; may be called from any thread."""
        answer: Future[T] = Future()
        self._commands.append((command, answer))
        self._channel.wake()
        return answer

    def arm(self, trigger_map: TriggerMap, reply: Callable[[str | Exception], None], now: float) -> None:
        """Begin a run of ``trigger_map``; ``reply`` is called with its id once every process is ready, or with the refusal."""
        try:
            self._arm(trigger_map, reply, now)
        except Exception as error:
            reply(error)

    def _arm(self, trigger_map: TriggerMap, reply: Callable[[str | Exception], None], now: float) -> None:
        if (problem := self.store_problem) is not None:
            raise ArmingRefused(
                f"the run was not armed: {problem}, so that it would not survive this process; mend that, then arm again"
            )
        written = trigger_map
        tags = [worker.register.tags for worker in self.ensemble.workers]
        trigger_map = in_streams(written, self.settings.detectors, list(self.ensemble.streams), tags)
        if self.ensemble.reducer is None:
            raise ArmingRefused("there is no reducer; start one with 'beamloom reducer'")
        faults = [
            f"{member.name}: {member.register.fault}"
            for member in self.ensemble
            if member.register.fault and takes_part(member, trigger_map)
        ]
        faults += problems(self.ensemble, trigger_map.streams)
        if faults:
            raise ArmingRefused("the run was not armed: " + "; ".join(faults))
        if self._arming is not None:
            self._end_arming(ArmingRefused("another trigger map was armed before this one was ready"))
        if self.active is not None and not self.active.finished:
            logger.warning("run %s is given up: a new trigger map was armed", self.active.run.run_id)
            self.active.release()
        run_id = str(uuid.uuid4())
        settings = RunSettings(
            self.settings.lookahead_seconds,
            self.settings.straggler_timeout,
            share_grace=self.settings.share_grace,
            reducer_timeout=self.settings.reducer_timeout,
        )
        run = Run(run_id, trigger_map, settings, now)
        for stream in run.layouts:
            members = ingesters_of(self.ensemble, stream)
            if len(members) > 1:
                peers = [member.peer for member in members]
                run.share_out(stream, peers, now, in_turn=part_of(members[0], stream).in_turn)
        participants = [member for member in self.ensemble if takes_part(member, trigger_map)]
        deadline = now + self.settings.arm_timeout + ARM_GRACE
        self._arming = Arming(run, written, [member.peer for member in participants], deadline, reply)
        for member in participants:
            facts = facts_of(run, written, self.ensemble) if member.role == "reducer" else None
            self._channel.send(member.peer, self._arm_message(run, member, facts))

    def _arm_for_devices(self, now: float) -> None:
        """Begin the run that a device asks for, when nobody else has one."""
        if self._arming is not None or (self.active is not None and not self.active.finished):
            return
        if not self.self_arming.due(now):
            return
        waiting = ", ".join(map(repr, self.self_arming.waiting))

        def reply(outcome: str | Exception) -> None:
            if isinstance(outcome, Exception):
                self.self_arming.refused(str(outcome), self._looked_at)
            else:
                logger.info("run %s was armed by a series on stream %s", outcome, waiting)

        try:
            trigger_map = self.self_arming.trigger_map(self.ensemble.streams)
        except (ArmingRefused, TriggerMapError) as refusal:
            self.self_arming.refused(str(refusal), now)
            return
        self.arm(trigger_map, reply, now)

    def _arm_message(self, run: Run, member: Member, facts: RunFacts | None = None) -> Arm:
        return arm_message(
            run,
            member,
            self.ensemble,
            self.epoch,
            values := self.parameters.current.to_wire(),
            timeout=self.settings.arm_timeout,
            record_prefix=values.get(DUMP_PREFIX.name, b"").decode(),
            detectors=self.settings.detectors if member.is_worker else {},
            facts=facts,
            life=max(self._reducers - 1, 0),
        )

    @property
    def store_problem(self) -> str | None:
        """Why what happens is not kept, in a sentence without its end; None while it is, or where it is not to be kept."""
        return None if self._keeper is None else self._keeper.problem

    def resume(self, restored: Restored, now: float) -> None:
        """Go on where another controller was."""
        if self._keeper is None:
            raise ValueError("without a keeper there is nothing to go on with")
        resume(self, restored, self._channel, self._keeper, now)
        self._recorder = recorder_of(self, self.settings.detectors)
        self._keeper.checkpoint(lambda: snapshot(self))

    def _note(self, entry: Entry) -> None:
        if self._keeper is not None:
            self._keeper.note(entry)

    @property
    def nameable(self) -> list[str]:
        """What a trigger map may name now: streams, and detectors of which all tiles are there."""
        return nameable(self.settings.detectors, list(self.ensemble.streams))

    def split_problems(self) -> list[str]:
        """Why streams that are split over several ingesters could not be had now."""
        return problems(self.ensemble, self.ensemble.streams)

    def stop(self, cause: str) -> None:
        """End the run that goes on."""
        if self.active is not None and not self.active.finished:
            self.active.run.stop(cause)

    def set_parameters(self, values: dict[str, bytes]) -> str:
        """Set parameters as one new epoch; returns the hash of the new set. Raises ParameterError."""
        self.parameters.set_many(values)
        self._begin_epoch()
        return self.parameters.current.hash

    def plan_epochs(self, epochs: Iterable[tuple[int, dict[str, bytes]]]) -> None:
        """The next run's parameters are known to change: each set holds from its event on."""
        self._planned_epochs = list(epochs)

    def _plan_epochs(self, active: ActiveRun) -> None:
        for first_event, values in self._planned_epochs:
            self.parameters.set_many(values)
            self._tell_epoch()
            active.plan_epoch(first_event, self.epoch, readable(self.parameters.current))

    def _tell_epoch(self) -> None:
        self.epoch += 1
        message = ParametersMessage(self.epoch, self.parameters.current.to_wire())
        self.epochs_of_run[self.epoch] = message.values
        self._note_epoch(None)
        for member in self.ensemble:
            if member.role != "ingester":
                self._channel.send(member.peer, message)

    def _note_epoch(self, record: EpochRecord | None) -> None:
        values = self.epochs_of_run[self.epoch]
        self._note(Began(self.epoch, self.parameters.given, values, record))
        if self._keeper is not None:
            self._keeper.flush()

    def _begin_epoch(self) -> None:
        self._tell_epoch()
        if self.active is not None and not self.active.finished:
            first = self.active.begin_epoch(self.epoch, readable(self.parameters.current))
            self._note_epoch(self.active.epochs[-1])
            if self._recorder is not None:
                self._recorder.epoch(self.epoch, first, self.parameters.current)

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
                self._channel.connect(sender, message.address)
                self._channel.send(sender, Unknown(sender))
            return
        member.heard(now, message.figures if isinstance(message, Heartbeat) else None)
        match message:
            case Heartbeat(notes=notes):
                member.notes = notes
            case Pulse():
                pass
            case Gone(reason=reason, killed=killed, death=death):
                self._lose(member, reason, now, killed=killed, death=death)
            case Announce(stream=stream):
                self.self_arming.announced(sender, stream)
            case Armed() as armed:
                self._confirm(member, armed, now)
            case Leaving(reason=reason):
                self._lose(member, reason, now, killed=False)
            case LogRecords(records=records):
                self._keep_logs([{**record, "service": member.name} for record in records])
            case Failed(run=run, event=None) if self._arming is not None and run == self._arming.run.run_id:
                self._arming.run.faults.add(message.failure, message.worker, None)
            case _:
                if self.active is not None and getattr(message, "run", None) == self.active.run.run_id:
                    self.active.hear(sender, message, now)
                    if isinstance(message, Standing) and self.active.run.phase is not RunPhase.COMPLETE:
                        self._invite_late(self.active)

    def _welcome(self, peer: str, register: Register, now: float) -> None:
        known = peer in self.ensemble
        member, former = self.ensemble.add(peer, register, now)
        if former is not None:
            replaced_by = f"process {register.pid} on {register.host}"
            self._channel.send(former.peer, Unknown(former.peer, replaced_by))
            self._lose(former, f"{former.name} was started again", now, killed=True)
        self._channel.connect(peer, register.address)
        self._note(Came(peer, register))
        self._channel.send(peer, Welcome())
        self.self_arming.hurry()
        if known:
            return
        logger.info("%s %s takes part", register.role, register.name)
        self._reducers += member.role == "reducer"
        try:
            descriptions = [Parameter.from_wire(one) for one in register.descriptions]
            before = self.parameters.current.hash
            self.parameters.describe(descriptions, owner=register.name)
            if self.parameters.current.hash != before:
                self._begin_epoch()
        except ParameterError as error:
            logger.error("%s: %s", register.name, error)
            member.register.fault = str(error)
        if self.active is not None and self.active.run.phase is not RunPhase.COMPLETE and member.is_worker:
            self._invite(self.active, member)

    def _hand_over(self) -> None:
        """Ask the reducer that is there to take up the run, or the last one, when the one that had it is gone."""
        active, reducer = self.active, self.ensemble.reducer
        if reducer is None or active is None or self._arming is not None or not active.asks(reducer):
            return
        arm = msgspec.structs.replace(self._arm_message(active.run, reducer), resume=True)
        self._send_with_epochs(reducer, arm)

    def _invite_late(self, active: ActiveRun) -> None:
        """Ask those to take part who came while there was no reducer."""
        for worker in self.ensemble.workers:
            if worker.peer not in active.joining.union(active.run.workers):
                self._invite(active, worker)

    def _invite(self, active: ActiveRun, member: Member) -> None:
        """Ask a worker that came late to take part; it may get events of any epoch of the run."""
        if member.register.fault or self.ensemble.reducer is None:
            return
        active.joining.add(member.peer)
        self._send_with_epochs(member, self._arm_message(active.run, member))

    def _send_with_epochs(self, member: Member, arm: Arm) -> None:
        self._channel.send(member.peer, arm)
        for epoch, values in self.epochs_of_run.items():
            self._channel.send(member.peer, ParametersMessage(epoch, values))

    def _confirm(self, member: Member, armed: Armed, now: float) -> None:
        if self._arming is not None and armed.run == self._arming.run.run_id:
            self._arming.confirm(member.peer, armed.problem, armed.tick_interval, absent=armed.absent)
        elif member.role == "reducer" and self.active is not None and armed.run == self.active.run.run_id:
            if armed.problem is not None:
                self.active.cannot_be_taken_up(armed.problem)
        elif (
            self.active is not None
            and member.peer in self.active.joining
            and armed.run == self.active.run.run_id
        ):
            if armed.problem is None:
                self.active.join(member, now)
            else:
                logger.error("%s cannot join the run: %s", member.name, armed.problem)
                self.active.joining.discard(member.peer)

    def _lose(
        self, member: Member, cause: str, now: float, *, killed: bool, death: Death | None = None
    ) -> None:
        stack = "" if death is None or not death.failure.traceback else f"\n{death.failure.traceback}"
        logger.log(logging.WARNING if killed else logging.INFO, "%s is gone: %s%s", member.name, cause, stack)
        self.ensemble.remove(member.peer)
        self._note(Went(member.peer))
        self.self_arming.forget(member.peer)
        if self._arming is not None:
            self._arming.lose(member.peer, why_needed(self._arming.run, member, self.ensemble))
        if self.active is not None and (member.role == "reducer" or not self.active.finished):
            self.active.lose(member, cause, now, killed=killed, death=death)
        self._channel.disconnect(member.peer)

    # ---- time ------------------------------------------------------------------------------------------------------------

    def turn(self, now: float) -> None:
        """Do what is to be done now."""
        while self._commands:
            command, answer = self._commands.popleft()
            if answer.set_running_or_notify_cancel():
                try:
                    answer.set_result(command())
                except Exception as error:
                    answer.set_exception(error)
        if self._watches_silence:
            if now - self._looked_at > self.settings.heartbeat_timeout / 2:
                self.ensemble.forgive(now)
            for member in self.ensemble.silent(now, self.settings.heartbeat_timeout):
                cause = f"no sign of life for {self.settings.heartbeat_timeout:g} s"
                self._lose(member, cause, now, killed=True)
        if self._arming is not None:
            self._look_at_arming(now)
        self._hand_over()
        if self.active is not None and not self.active.finished:
            self.active.turn(now)
            if self.active.finished:
                self._recorder = None
                self._keep_run(self.active)
        self._looked_at = now
        self._arm_for_devices(now)
        self._keep_logs([{**line, "service": "controller"} for line in self._own_log.take()])
        if self._keeper is not None:
            self._keeper.turn(now, lambda: snapshot(self))
            self.ended = self._keeper.scribe.overtaken

    def _keep_run(self, active: ActiveRun) -> None:
        """A run has begun, or has ended: what is known of it is kept."""
        if self._keeper is None:
            return
        prefix = self.parameters.current.to_wire().get(DUMP_PREFIX.name, b"").decode()
        if not active.finished or self.run_papers is None:
            self.run_papers = papers_of(active, prefix)
        papers = papers_of(active, self.run_papers.record_prefix) if active.finished else self.run_papers
        self._keeper.checkpoint(lambda: snapshot(self), papers)

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
        self.epochs_of_run = {self.epoch: self.parameters.current.to_wire()}
        if self.active is not None:
            self.past.append(self.active)
        before_sending = (lambda: None) if self._keeper is None else self._keeper.flush
        self.active = ActiveRun(
            arming.run, arming.written, self.ensemble, self._channel, arming.ticks, before_sending
        )
        self.active.begin_epoch(self.epoch, readable(self.parameters.current))
        self._recorder = new_recorder(arming.run, self.parameters, self.epoch, self.settings.detectors)
        self._plan_epochs(self.active)
        for worker in self.ensemble.workers:
            if worker.peer in arming:
                worker.begin_run()
                arming.run.add_worker(worker.peer, worker.register.tags, now)
            else:
                self._invite(self.active, worker)
        self._keep_run(self.active)
        if self._keeper is not None:
            arming.run.witness = self._keeper.hear
        self.active.turn(now)
        logger.info("run %s is armed", arming.run.run_id)
        arming.reply(arming.run.run_id)

    def _end_arming(self, refusal: ArmingRefused) -> None:
        arming, self._arming = self._arming, None
        if arming is not None:
            for member in self.ensemble:
                self._channel.send(member.peer, Finish(arming.run.run_id, abandoned=True))
            arming.reply(refusal)

    def _keep_logs(self, lines: Collection[dict[str, str]]) -> None:
        if not lines:
            return
        self.logs.extend(lines)
        self._note(Logged(list(lines)))
        self.log_count += len(lines)

    def wait(self, now: float) -> float:
        """How long nothing needs to be done unless a message arrives."""
        busy = self.active is not None and self.active.run.phase is not RunPhase.COMPLETE
        return 0.005 if self._arming is not None else 0.01 if busy else LONGEST_WAIT

    def leave(self, reason: str) -> None:
        """The process ends."""
        if self._arming is not None:
            self._end_arming(ArmingRefused(f"the controller ends: {reason}"))
        if self._keeper is not None:
            self._keeper.close()
        logging.getLogger().removeHandler(self._own_log)

    def log_own(self) -> None:
        """Keep its own log lines beside those of the others."""
        logging.getLogger().addHandler(self._own_log)
