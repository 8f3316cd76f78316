"""What a process waits for, and since when: what it tells the controller of it with each sign of life.

Policy: every process waits for something, or says in which event its user code is; how long is told in seconds, so that nobody's clock
matters. It is found out when it is told, a few times a second, from the state that is there anyhow: an event costs nothing by it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

NO_RUN = "no run is armed"


class Waiting(NamedTuple):
    """What a process waits for at this moment."""

    what: str
    """``device``, ``room``, ``lease``, ``packets``, ``user code``, ``reducer``, ``parameters``, ``results`` or ``run``."""
    about: str
    """The stream or the event; empty where that says nothing."""
    why: str
    """In words."""
    since: float | None = None
    """Where that is known exactly: by the clock that is passed to ``told``."""
    limit: float | None = None
    """Seconds beyond which it stalls."""


class Waits:
    """Remembers since when a process has waited for the same."""

    def __init__(self) -> None:
        self._since: dict[tuple[str, str], float] = {}

    def told(self, now: float, waiting: Iterable[Waiting]) -> list[dict[str, Any]]:
        """As the controller is told; what is not waited for any more is forgotten."""
        since: dict[tuple[str, str], float] = {}
        told: list[dict[str, Any]] = []
        for one in waiting:
            key = (one.what, one.about)
            begun = self._since.get(key, now) if one.since is None else one.since
            since[key] = begun
            seconds = max(now - begun, 0.0)
            stalled = one.limit is not None and seconds > one.limit
            told.append(
                {
                    "what": one.what,
                    "about": one.about,
                    "why": one.why,
                    "seconds": seconds,
                    **({"stalled": True} if stalled else {}),
                }
            )
        self._since = since
        return told
