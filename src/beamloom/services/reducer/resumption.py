"""How a reducer takes up a run that a former life has begun.

Policy: it goes through the journal a little at a time, so that signs of life, readers and the controller hear of it meanwhile; readers are
told to ask again. What arrives for the run before the end of the journal waits. At the end it tells what failed on the way, which the
controller may not have heard, and then what its result is made of.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

import msgspec

from beamloom.services.reducer.safekeeping import Checkpoint, Kept, State
from beamloom.transport.channel import Received
from beamloom.transport.messages import Arm, Fence, Finish, Joined, Parameters, Results, Resuming

logger = logging.getLogger(__name__)

HOLD_SECONDS = 2.0
"""How long a process that finds a journal lets readers wait for the controller to say what it is of."""
TAKING_UP = "the reducer was started again and goes through its journal; ask again in a moment"

TURN_SECONDS = 0.05
"""Time that goes into the journal before the mailbox is looked at."""
TELL_EVERY = 0.2
"""Seconds between two messages that tell how far it is."""


class ToTakeUp:
    """A run that a former life has begun, and what has come for it since this one was asked to take it up."""

    def __init__(self, arm: Arm, before: ToTakeUp | Resumption | None = None) -> None:
        """``before``: what was asked before and is not done. What has come since then for the same run has come for this one."""
        self.arm = arm
        self.run = arm.run
        self.deferred: list[Received] = []
        if before is not None and before.run == arm.run:
            self.deferred = before.deferred

    def defers(self, received: Received) -> bool:
        """Whether a message has to wait until the run is taken up; if so it is kept."""
        message = received.message
        waits = isinstance(message, Parameters) or (
            isinstance(message, Results | Fence | Joined | Finish) and message.run == self.arm.run
        )
        if waits:
            self.deferred.append(received)
        return waits


class Resumption:
    """One run that is being taken up."""

    def __init__(
        self,
        asked: ToTakeUp,
        kept: Kept | None,
        begin: Callable[[Arm], str | None],
        replay: Callable[[Received], None],
    ) -> None:
        """``begin`` makes everything new for a run and says why it cannot; ``replay`` is given each message of the journal."""
        self.run = asked.arm.run
        self.problem: str | None = None
        """Why the run cannot be taken up."""
        self.deferred = asked.deferred
        """What came for the run meanwhile."""
        self.defers = asked.defers
        self.done = 0
        """Bytes of the journal that it has gone through."""
        self.total = 0 if kept is None else kept.size
        self._present = asked.arm
        self._kept = kept
        self._messages = iter(()) if kept is None else kept.messages
        self._begin = begin
        self._replay = replay
        self._tell_at = 0.0
        self._began = time.monotonic()

    def begin(self, restore: Callable[[Checkpoint, State], str | None]) -> str | None:
        """Begin as the run began, and go on from the checkpoint where there is one; returns why that cannot be."""
        checkpoint = None if self._kept is None else self._kept.checkpoint
        if checkpoint is None or self._kept is None or self._kept.state is None:
            return self._begin(self._present)
        return self._begin(self._as_now(checkpoint.arm)) or restore(checkpoint, self._kept.state)

    def _as_now(self, arm: Arm) -> Arm:
        """The arming of a run, as it was, with those who take part now."""
        present = self._present
        return msgspec.structs.replace(arm, workers=present.workers, analyses=present.analyses)

    def go_on(self) -> bool:
        """Go through some more; whether that was all."""
        end = time.perf_counter() + TURN_SECONDS
        for sender, message, buffers, done in self._messages:
            if isinstance(message, Arm):
                message = self._as_now(message)
                self.problem = self._begin(message)
            if self.problem is not None:
                return True
            self._replay(Received(sender, message, buffers))
            self.done = done
            if time.perf_counter() > end:
                return False
        seconds = time.monotonic() - self._began
        logger.info("run %s is taken up: %d bytes of journal in %.1f s", self.run, self.total, seconds)
        return True

    def news(self, now: float) -> Resuming | None:
        """What the controller is to hear of it now."""
        if now < self._tell_at:
            return None
        self._tell_at = now + TELL_EVERY
        return Resuming(self.run, self.done, self.total)
