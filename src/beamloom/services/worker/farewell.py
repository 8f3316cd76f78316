"""How a worker leaves in order: it begins no further event, and ends when the reducer has taken what it made.

Policy: what it holds and has not begun is leased to others when it is gone, without suspicion against any event; so it neither waits for
packets nor works off what is there. A reducer that is away is not waited for: what it has not taken in time is made again.
"""

from __future__ import annotations

LONGEST_FAREWELL = 2.0
"""Seconds in which the reducer has to take what was made; what it has not taken by then is made again by another worker."""


class Farewell:
    """Whether this worker is about to leave, and since when."""

    def __init__(self) -> None:
        self.reason: str | None = None
        """Why no further event is begun; None while it stays."""
        self._since = 0.0

    def begin(self, reason: str, now: float) -> bool:
        """It leaves, for this reason; whether that is new."""
        if self.reason is not None:
            return False
        self.reason, self._since = reason, now
        return True

    def over(self, now: float, *, pending: bool) -> bool:
        """Whether it may go now; ``pending``: the reducer has not taken all that it made."""
        return self.reason is not None and (not pending or now - self._since > LONGEST_FAREWELL)
