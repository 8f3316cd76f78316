"""The memory that a worker may have: past it, the process ends itself between two events, to be started anew.

Policy: it leaves in order (see ``farewell``), so no event is under suspicion: a leak is the fault
of none, however regularly the same events make it. Only a process that takes half as much again in the middle of one event is ended there
by its guard, and then that event is tried once more alone.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable

from beamloom.exit_status import RENEWED, RETIRED
from beamloom.services.shell.guarding import resident
from beamloom.services.shell.loop import EndOfService

logger = logging.getLogger(__name__)

LOOK_EVERY = 0.1
"""Seconds between two looks at the memory."""


class MemoryBudget:
    """The memory of this process, held to ``limit`` bytes; 0: no limit."""

    def __init__(self, limit: int) -> None:
        self.spent: str | None = None
        """Why no further event is begun, when that is so."""
        self._limit = limit
        self._next_look = 0.0

    @property
    def in_an_event(self) -> int:
        """At how many bytes the process is ended in the middle of an event; 0: never."""
        return self._limit + self._limit // 2

    def look(self, now: float) -> bool:
        """Whether the memory is used up."""
        if not self._limit or self.spent is not None or now < self._next_look:
            return self.spent is not None
        self._next_look = now + LOOK_EVERY
        used = resident(os.getpid())
        if used > self._limit:
            self.spent = f"its memory of {_mb(used)} is past memory_limit ({_mb(self._limit)})"
        return self.spent is not None

    def too_small(self) -> str | None:
        """Why this limit cannot be kept, asked before the first event; None when it can."""
        used = resident(os.getpid())
        if not self._limit or used <= self._limit:
            return None
        return f"the worker has {_mb(used)} of memory before its first event, more than memory_limit ({_mb(self._limit)}): raise it"


class Renewal:
    """Whether this process ends in order to be started anew, or never again."""

    def __init__(self) -> None:
        self._reason: str | None = None
        self._retires = False

    def by(self, end: EndOfService) -> Callable[[str], None]:
        """What ends the process for a reason."""

        def renew(reason: str) -> None:
            if self._reason is None:
                self._reason = reason
                logger.warning("%s: the process ends and is to be started anew", reason)
                end.ask(reason)

        return renew

    def never(self, end: EndOfService) -> Callable[[str], None]:
        """What ends the process for good, for a reason."""

        def retire(reason: str) -> None:
            self._retires = True
            end.ask(reason)

        return retire

    def status(self, status: int) -> int:
        """The exit status: ``status``, or that which asks for a new start, or for none."""
        if status == 0 and self._retires:
            return RETIRED
        return RENEWED if status == 0 and self._reason is not None else status


def _mb(count: int) -> str:
    return f"{count / 1e6:.0f} MB"
