"""What only several looks together tell: how fast things go, and where time goes now.

Rates are those between the first and the last look of the last ``WINDOW`` seconds; with another run they begin anew. What is not known yet
is None, never 0.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from beamloom.top.look import Load, Look

WINDOW = 10.0
"""Seconds over which rates are told."""
SHORTEST = 0.2
"""Seconds that a rate needs."""


@dataclass(frozen=True)
class Pace:
    """How fast a run goes, per second; and what processes spend their time on, in shares of 1."""

    events_in: float | None = None
    """Events of which all packets have come."""
    events_out: float | None = None
    """Events that were settled."""
    packets: dict[str, float] = field(default_factory=dict)
    """By stream."""
    stages: dict[str, dict[str, float]] = field(default_factory=dict)
    """By process; the shares of each add up to 1."""


@dataclass(frozen=True)
class Moment:
    """All that a picture is drawn from."""

    address: str
    now: float
    """Unix time, s."""
    look: Look | None = None
    """The last answers; None before the first."""
    pace: Pace = field(default_factory=Pace)
    away: str | None = None
    """Why there is no newer answer; None where there is."""
    away_since: float | None = None
    """Unix time, s."""


class History:
    """The looks of the last seconds."""

    def __init__(self, window: float = WINDOW) -> None:
        self._window = window
        self._looks: deque[Look] = deque()

    def add(self, look: Look) -> Pace:
        """One look more; returns how fast things go as far as is known by now."""
        before = self._looks[-1] if self._looks else None
        if before is not None and not _goes_on(before, look):
            self._looks.clear()
        self._looks.append(look)
        while len(self._looks) > 2 and self._looks[1].at <= look.at - self._window:
            self._looks.popleft()
        return _pace(self._looks[0], look)


def _goes_on(before: Look, look: Look) -> bool:
    """Whether both are of one run and one life of the controller."""
    same = before.progress.run == look.progress.run
    return same and before.progress.completed_events <= look.progress.completed_events


def _pace(first: Look, last: Look) -> Pace:
    seconds = last.at - first.at
    stages = {name: _shares(first.load.get(name), load) for name, load in last.load.items()}
    known = {name: shares for name, shares in stages.items() if shares}
    if seconds < SHORTEST:
        return Pace(stages=known)
    both = {name: (first.streams[name], now) for name, now in last.streams.items() if name in first.streams}
    came = [now.complete_until - then.complete_until for then, now in both.values()]
    return Pace(
        events_in=max(0, min(came)) / seconds if came else None,
        events_out=(last.progress.completed_events - first.progress.completed_events) / seconds,
        packets={name: max(0, now.packets - then.packets) / seconds for name, (then, now) in both.items()},
        stages=known,
    )


def _shares(first: Load | None, last: Load) -> dict[str, float]:
    """Of the time between; of the whole run where nothing came in between, as after its end."""
    before = first if first is not None and first.seconds < last.seconds else None
    spent = {
        name: max(0.0, seconds - (before.stages.get(name, 0.0) if before else 0.0))
        for name, seconds in last.stages.items()
    }
    whole = sum(spent.values())
    return {name: seconds / whole for name, seconds in spent.items()} if whole > 0 else {}
