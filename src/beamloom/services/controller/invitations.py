"""Processes that are asked to take part in a run: when it is armed, or when they come late.

Policy: a worker that comes late is invited as soon as there is a reducer, and is leased events once it has confirmed; a reducer that comes
after the run's own has died is asked to take up the run.
"""

from __future__ import annotations

import logging

import msgspec

from beamloom.engine.provenance import RunFacts
from beamloom.engine.runs.run import Run
from beamloom.services.controller.active_run import ActiveRun
from beamloom.services.controller.arm_messages import arm_message
from beamloom.services.controller.ensemble import Ensemble, Member
from beamloom.services.controller.parameter_epochs import ParameterEpochs
from beamloom.services.controller.successors import Successors
from beamloom.settings import ControllerSettings
from beamloom.transport.channel import Channel
from beamloom.transport.messages import Arm, Armed

logger = logging.getLogger(__name__)


class Invitations:
    """Asks processes to take part, and hears whether they can."""

    def __init__(
        self,
        settings: ControllerSettings,
        ensemble: Ensemble,
        channel: Channel,
        epochs: ParameterEpochs,
        pipeline: str,
    ) -> None:
        """``pipeline`` tells this one from others, see ``Arm``."""
        self._settings = settings
        self._ensemble = ensemble
        self._channel = channel
        self._epochs = epochs
        self._pipeline = pipeline
        self.successors = Successors(ensemble, channel, self._message)
        """Ingesters that take up the streams of others that died."""

    def arm(self, run: Run, member: Member, facts: RunFacts | None = None) -> None:
        """Ask a process to confirm a run that is about to begin."""
        self._channel.send(member.peer, self._message(run, member, facts))

    def invite(self, active: ActiveRun, worker: Member) -> None:
        """Ask a worker that came late to take part; it may get events of any epoch of the run."""
        if worker.register.fault or worker.drains or self._ensemble.reducer is None:
            return
        active.joining.add(worker.peer)
        self._send_with_epochs(worker, self._message(active.run, worker))

    def invite_late(self, active: ActiveRun) -> None:
        """Ask those to take part who came while there was no reducer."""
        for worker in self._ensemble.workers:
            if worker.peer not in active.joining.union(active.run.workers):
                self.invite(active, worker)

    def hand_over(self, active: ActiveRun) -> None:
        """Ask the reducer that is there to take up the run, or the last one, when the one that had it is gone."""
        reducer = self._ensemble.reducer
        if reducer is not None and active.asks(reducer):
            arm = msgspec.structs.replace(
                self._message(active.run, reducer), resume=True, feedback=active.feedback.last
            )
            self._send_with_epochs(reducer, arm)

    def confirmed(self, active: ActiveRun, member: Member, armed: Armed, now: float) -> None:
        """A process that came late says whether it can take part in the run."""
        if member.role == "reducer":
            if armed.problem is not None:
                active.cannot_be_taken_up(armed.problem)
        elif member.role == "ingester":
            self.successors.confirmed(active, member, armed, now)
        elif member.peer in active.joining:
            if armed.problem is None:
                active.join(member, now, armed.tick_interval)
            else:
                logger.error("%s cannot join the run: %s", member.name, armed.problem)
                active.joining.discard(member.peer)

    def _send_with_epochs(self, member: Member, arm: Arm) -> None:
        self._channel.send(member.peer, arm)
        self._epochs.tell_all(member.peer)

    def _message(self, run: Run, member: Member, facts: RunFacts | None = None) -> Arm:
        return arm_message(
            run,
            member,
            self._ensemble,
            self._epochs.number,
            self._epochs.parameters.current.to_wire(),
            timeout=self._settings.arm_timeout,
            record_prefix=self._epochs.record_prefix,
            detectors=self._settings.detectors if member.is_worker else {},
            facts=facts,
            pipeline=self._pipeline,
        )
