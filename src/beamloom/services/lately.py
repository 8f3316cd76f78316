"""What happened lately and shows no more in the state of the pipeline: processes that went and came back, a run that was refused."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from typing import NamedTuple

DEPARTURES_KEPT = 50


class Departure(NamedTuple):
    """A process that has gone."""

    name: str
    role: str
    cause: str
    at: float
    """Unix time (s)."""


class Lately:
    """A bounded memory of it."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self.departures: deque[Departure] = deque(maxlen=DEPARTURES_KEPT)
        """The latest, oldest first; a process that was told to end is among them."""
        self.refusal: tuple[float, str] | None = None
        """When the last run was refused (Unix time, s), and why; None when one was armed since."""

    def gone(self, name: str, role: str, cause: str) -> None:
        """A process has gone."""
        self.departures.append(Departure(name, role, cause, self._clock()))

    def noting(self, reply: Callable[[str | Exception], None]) -> Callable[[str | Exception], None]:
        """``reply`` to whoever wants to arm a run, which is remembered where it is a refusal."""

        def answer(outcome: str | Exception) -> None:
            refused = isinstance(outcome, Exception)
            self.refusal = (self._clock(), str(outcome)) if refused else None
            reply(outcome)

        return answer
