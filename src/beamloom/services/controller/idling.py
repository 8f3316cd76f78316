"""Whether a run idles: it has begun, and neither has a packet come nor has an event been settled for longer than its limit.

A run in which nothing has come yet does not idle, it has not begun: people arm first and then align. Nor does one whose ingesters may
not read on, or that is without its reducer. What ends by its limit ends as one that was stopped: what has come is worked off.
"""

from __future__ import annotations

from beamloom.engine.runs.parts import RunPhase
from beamloom.engine.runs.run import Run


class IdleWatch:
    """Looks at one run."""

    def __init__(self) -> None:
        self._seen: tuple[int, int, int] | None = None
        self._since = 0.0

    def stop_if_idle(self, run: Run, now: float) -> None:
        """End the run if it has idled for too long; to be called again and again."""
        limit = run.idle_limit
        if limit is None or run.phase is not RunPhase.RUNNING:
            return
        standing = run.standing
        seen = (standing.seen_until, standing.complete_until, run.ledger.settled_count)
        if seen != self._seen or standing.seen_until == 0 or standing.blocked or run.custody.away:
            self._seen, self._since = seen, now
        elif now - self._since > limit:
            run.stop(f"nothing came for {limit:g} s (idle_limit)")
