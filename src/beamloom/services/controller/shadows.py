"""The shadow worker as the controller sees it: workers are told to send it copies, and it is told which run these are of.

Policy: it takes no part in the run. No run waits for it, it is leased nothing, and whatever becomes of it is in no account. What everybody
was told is compared with who is there whenever that changes, so that a controller that takes over goes on by itself.
"""

from __future__ import annotations

from beamloom.services.controller.active_run import ActiveRun
from beamloom.services.controller.arm_messages import arm_message
from beamloom.services.controller.ensemble import Ensemble, Member
from beamloom.services.controller.parameter_epochs import ParameterEpochs
from beamloom.settings import ControllerSettings
from beamloom.transport.channel import Channel
from beamloom.transport.messages import Finish, Mirror

NOBODY = Mirror()


class Shadows:
    """Brings workers and the shadow worker together."""

    def __init__(
        self, ensemble: Ensemble, channel: Channel, settings: ControllerSettings, epochs: ParameterEpochs
    ) -> None:
        self._ensemble = ensemble
        self._channel = channel
        self._settings = settings
        self._epochs = epochs
        self._told: dict[str, Mirror] = {}
        """By worker."""
        self._armed: tuple[str, str] | None = None
        """The shadow worker that was told of a run, and the run."""
        self._finished: tuple[str, str] | None = None
        """The same of one that was told of its end."""
        self._seen: object = None

    def turn(self, active: ActiveRun | None) -> None:
        """Tell everybody what has changed; costs nothing where nobody has come or gone, and the run is the same."""
        seen = (active, active is not None and active.finished, self._ensemble.changes)
        if seen == self._seen:
            return
        self._seen = seen
        shadow = self._ensemble.shadow
        if shadow is not None and shadow.register.fault:
            shadow = None
        self._tell_workers(shadow)
        if shadow is not None and active is not None:
            self._tell_of_run(shadow, active)

    def copied_from(self, shadow: Member) -> list[Member]:
        """The workers whose events it sees: those that have all of its tags."""
        tags = set(shadow.register.tags)
        return [
            worker
            for worker in self._ensemble.workers
            if worker.role == "worker" and tags <= set(worker.register.tags)
        ]

    def _tell_workers(self, shadow: Member | None) -> None:
        wanted = NOBODY
        copied: set[str] = set()
        if shadow is not None and shadow.register.shadow is not None:
            wanted = Mirror(shadow.peer, shadow.register.address, shadow.register.shadow.sample)
            copied = {worker.peer for worker in self.copied_from(shadow)}
        there = {worker.peer for worker in self._ensemble.workers}
        self._told = {peer: told for peer, told in self._told.items() if peer in there}
        for peer in there:
            mirror = wanted if peer in copied else NOBODY
            if self._told.get(peer) != mirror:
                self._told[peer] = mirror
                self._channel.send(peer, mirror)

    def _tell_of_run(self, shadow: Member, active: ActiveRun) -> None:
        this = (shadow.peer, active.run.run_id)
        if self._ensemble.reducer is not None and not active.finished and self._armed != this:
            self._armed = this
            arm = arm_message(
                active.run,
                shadow,
                self._ensemble,
                self._epochs.number,
                self._epochs.parameters.current.to_wire(),
                timeout=self._settings.arm_timeout,
                detectors=self._settings.detectors,
            )
            arm.workers = {worker.peer: worker.register.address for worker in self.copied_from(shadow)}
            self._channel.send(shadow.peer, arm)
            self._epochs.tell_all(shadow.peer)
        if active.finished and self._armed == this and self._finished != this:
            self._finished = this
            self._channel.send(shadow.peer, Finish(active.run.run_id))
