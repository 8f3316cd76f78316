"""What failed in a worker, as it is told to the controller.

Invariant: what was told last is kept until the run is over, since a controller that takes the place of one that died may not have heard
of it.
"""

from __future__ import annotations

import logging
from collections import deque

from beamloom.analysis import ErrorCapsule
from beamloom.engine.accounts.faults import Failure
from beamloom.engine.assembling.ready import Ready
from beamloom.engine.ranges import Range
from beamloom.parameters import ParameterSet
from beamloom.services.shell.epochs import Epochs
from beamloom.services.shell.evidence import Evidence
from beamloom.services.worker.user_map import Map
from beamloom.transport.channel import Channel
from beamloom.transport.messages import CONTROLLER, Failed

logger = logging.getLogger(__name__)

FAILURES_KEPT = 256
"""What failed further back is processed once more when the controller that was told of it has died."""


class WorkerFailures:
    """The failures of one run in one worker."""

    def __init__(self, run: str, user: Map, channel: Channel, evidence: Evidence) -> None:
        self._run = run
        self._user = user
        self._channel = channel
        self._evidence = evidence
        self._told: deque[Failed] = deque(maxlen=FAILURES_KEPT)

    def tell_again(self) -> None:
        """Another controller asks what it does not know."""
        for failed in self._told:
            self._channel.send(CONTROLLER, failed)

    def of_event(self, ready: Ready, parameters: ParameterSet, tick: bool, error: BaseException) -> None:
        """The user's code raised at one event."""
        failure = self._failure("process_event", error, ready.event)
        if self._user.analysis is not None:
            failure = self._evidence.of_map(failure, ready, parameters, tick, self._user.analysis)
        how = self._evidence.command(failure)
        # Not the error itself: who keeps the record would keep all that user code had, frames among it.
        logger.warning(
            "event %d failed in %s: %s: %s%s",
            ready.event,
            failure.where,
            failure.error,
            failure.message,
            how,
        )
        self._tell(ready.event, ready.slot, failure)

    def of_merged(self, events: list[Range], event: int, slot: int, error: BaseException) -> None:
        """The one result of these events cannot be used; ``event`` is the one at which that was seen."""
        failure = self._failure("process_event", error, event)
        logger.warning("events %s failed in %s: %r", events, failure.where, error)
        self._tell(event, slot, failure, events)

    def of_finish(self, epochs: Epochs, error: BaseException) -> None:
        """The hook failed that is called at the end of a run."""
        failure, analysis = self._failure("finish", error, None), self._user.analysis
        if analysis is not None:
            failure = self._evidence.of_hook(
                failure, "finish", epochs.newest, epochs.latest, analysis, of_reducer=False
            )
        logger.warning("%s failed: %r%s", failure.where, error, self._evidence.command(failure))
        self._tell(None, 0, failure)

    def _failure(self, hook: str, error: BaseException, event: int | None) -> Failure:
        capsule = ErrorCapsule.from_exception(self._user.where(hook), error, event)
        return Failure(capsule.where, capsule.error_type, capsule.message, capsule.traceback)

    def _tell(
        self, event: int | None, slot: int, failure: Failure, combined: list[Range] | None = None
    ) -> None:
        failed = Failed(self._run, self._channel.peer, slot, event, failure, combined or [])
        if event is not None:
            self._told.append(failed)
        self._channel.send(CONTROLLER, failed)
