"""What only several looks together tell: how fast a run gets on, by which the time that is left is told.

The rate is that between the first and the last look of the last ``WINDOW`` seconds, longer than the controller tells rates over: the time
that is left is not to jump about. With another run it begins anew. What is not known yet is None, never 0.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from beamloom.top.look import Look

WINDOW = 10.0
"""Seconds over which the rate is told."""
SHORTEST = 0.2
"""Seconds that a rate needs."""


@dataclass(frozen=True)
class Moment:
    """All that a picture is drawn from."""

    address: str
    now: float
    """Unix time, s."""
    look: Look | None = None
    """The last answers; None before the first."""
    pace: float | None = None
    """Events that are settled per second; None where that is not known."""
    away: str | None = None
    """Why there is no newer answer; None where there is."""
    away_since: float | None = None
    """Unix time, s."""


class History:
    """The looks of the last seconds."""

    def __init__(self, window: float = WINDOW) -> None:
        self._window = window
        self._looks: deque[Look] = deque()

    def add(self, look: Look) -> float | None:
        """One look more; returns how many events are settled per second, as far as is known by now."""
        if self._looks and not _goes_on(self._looks[-1], look):
            self._looks.clear()
        self._looks.append(look)
        while len(self._looks) > 2 and self._looks[1].at <= look.at - self._window:
            self._looks.popleft()
        first = self._looks[0]
        seconds = look.at - first.at
        if seconds < SHORTEST:
            return None
        return (look.progress.completed_events - first.progress.completed_events) / seconds


def _goes_on(before: Look, look: Look) -> bool:
    """Whether both are of one run and one life of the controller."""
    same = before.progress.run == look.progress.run
    return same and before.progress.completed_events <= look.progress.completed_events
