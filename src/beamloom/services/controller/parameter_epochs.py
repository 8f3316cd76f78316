"""The parameters of a pipeline and the epochs in which they hold, as the controller decides them.

Policy: each change begins an epoch, which is in the store before anybody is told of it. A run's epochs are all kept until the next run
begins, as a worker that comes late may be leased an event of any of them; but for those that have held for no event, because the next
change came before one was leased. So changes that follow each other quickly are one epoch, and what is kept of them grows with
events, not with changes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from beamloom.engine.provenance import EpochRecord
from beamloom.parameters import DUMP_PREFIX, Parameters, readable
from beamloom.services.controller.active_run import ActiveRun
from beamloom.services.controller.ensemble import Ensemble
from beamloom.services.controller.recorder import RunRecorder
from beamloom.services.controller.statekeeping import Began
from beamloom.transport.channel import Channel
from beamloom.transport.messages import Parameters as ParametersMessage


class ParameterEpochs:
    """The parameters that hold now, and those of the run."""

    def __init__(self, ensemble: Ensemble, channel: Channel, keep: Callable[[Began], None]) -> None:
        """``keep`` returns when an epoch is in the store, where there is one."""
        self.parameters = Parameters()
        self.number = 0
        """The epoch that holds now."""
        self.of_run: dict[int, dict[str, bytes]] = {}
        """The parameters of each epoch that the run has or has planned, by name, as they are sent."""
        self.recorder: RunRecorder | None = None
        """Writes them beside the recording of the run that goes on, where there is one."""
        self._ensemble = ensemble
        self._channel = channel
        self._keep = keep
        self._planned: list[tuple[int, dict[str, bytes]]] = []

    @property
    def record_prefix(self) -> str:
        """Where recordings go; empty for none."""
        return self.parameters.current.to_wire().get(DUMP_PREFIX.name, b"").decode()

    def begin(self, active: ActiveRun | None) -> None:
        """The parameters have changed: they hold from the next event on that the run has not leased."""
        self._tell()
        if active is not None and not active.finished:
            replaced = active.begin_epoch(self.number, readable(self.parameters.current))
            if replaced is not None:
                self.of_run.pop(replaced.epoch, None)
            self._keep_latest(active.epochs[-1])
            if self.recorder is not None:
                self.recorder.epoch(self.number, active.epochs[-1].first_event, self.parameters.current)

    def plan(self, epochs: Iterable[tuple[int, dict[str, bytes]]]) -> None:
        """The next run's parameters are known to change: each set holds from its event on."""
        self._planned = list(epochs)

    def restart(self) -> None:
        """A run is about to begin, with what holds now."""
        self.of_run = {self.number: self.parameters.current.to_wire()}

    def begin_planned(self, active: ActiveRun) -> None:
        """The run that was planned for begins."""
        for first_event, values in self._planned:
            self.parameters.set_many(values)
            self._tell()
            active.plan_epoch(first_event, self.number, readable(self.parameters.current))

    def tell_all(self, peer: str) -> None:
        """Tell a process that came late all epochs of the run."""
        for epoch, values in self.of_run.items():
            self._channel.send(peer, ParametersMessage(epoch, values))

    def _tell(self) -> None:
        self.number += 1
        message = ParametersMessage(self.number, self.parameters.current.to_wire())
        self.of_run[self.number] = message.values
        self._keep_latest(None)
        for member in self._ensemble:
            if member.role != "ingester":
                self._channel.send(member.peer, message)

    def _keep_latest(self, record: EpochRecord | None) -> None:
        self._keep(Began(self.number, self.parameters.given, self.of_run[self.number], record))
