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
        self._wanted: set[str] = set()
        self.refusal: tuple[float, str] | None = None
        """When the last run was refused (Unix time, s), and why; None when one was armed since."""

    def gone(self, name: str, role: str, cause: str) -> None:
        """A process has gone; of one that was to go nothing is remembered."""
        if name in self._wanted:
            self._wanted.discard(name)
            left = [one for one in self.departures if one.name != name]
            self.departures.clear()
            self.departures.extend(left)
            return
        self.departures.append(Departure(name, role, cause, self._clock()))

    def wants_gone(self, name: str, *, wanted: bool = True) -> None:
        """Somebody has asked for this process to end, or, where not ``wanted``, has not after all."""
        (self._wanted.add if wanted else self._wanted.discard)(name)

    @property
    def leaving(self) -> frozenset[str]:
        """The processes that were asked to end and are still there."""
        return frozenset(self._wanted)

    def noting(self, reply: Callable[[str | Exception], None]) -> Callable[[str | Exception], None]:
        """``reply`` to whoever wants to arm a run, which is remembered where it is a refusal."""

        def answer(outcome: str | Exception) -> None:
            refused = isinstance(outcome, Exception)
            self.refusal = (self._clock(), str(outcome)) if refused else None
            reply(outcome)

        return answer
