"""How fast steps go lately: from what is seen whenever somebody looks, and so at no cost when nobody does."""

from __future__ import annotations

import threading
from collections import deque
from typing import Final

WINDOW: Final = 10.0
"""Seconds over which a rate is taken, at most."""
LEAST: Final = 0.5
"""Seconds between two looks of which both are kept, and over which a rate is taken at least."""


class Rates:
    """Of many steps, by their numbers. The clock is that of the ledger (Unix time)."""

    def __init__(self) -> None:
        self._seen: dict[int, deque[tuple[float, int]]] = {}
        self._turn = threading.Lock()

    def rate(self, step: int, done: int, started: float, now: float) -> float | None:
        """Frames per second of a step that goes on, of which ``done`` are done; None where it is too early to say."""
        with self._turn:
            return self._rate(step, done, started, now)

    def forget(self, step: int) -> None:
        """It does not go on any more."""
        with self._turn:
            self._seen.pop(step, None)

    def _rate(self, step: int, done: int, started: float, now: float) -> float | None:
        seen = self._seen.setdefault(step, deque([(started, 0)], maxlen=64))
        while len(seen) > 1 and now - seen[1][0] >= WINDOW:
            seen.popleft()
        since, before = seen[0]
        if now - seen[-1][0] >= LEAST:
            seen.append((now, done))
        if now - since < LEAST:
            return None
        # Frames are worked off again after a retry; then it begins anew.
        if done < before:
            self._seen.pop(step)
            return None
        return (done - before) / (now - since)
