"""The errors of steps, looked up anew only where they can have changed, and not too often while a step goes on.

To group the errors of many thousand chunks takes the ledger a while, in which nothing is handed out; people look once a second.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Final, NamedTuple

from beamloom.rules.ledger import ErrorGroup, StepView
from beamloom.rules.spec import ENDED

SHARE: Final = 0.02
"""Of the time may be spent on looking up the errors of one step."""


class _Looked(NamedTuple):
    of: tuple[object, ...]
    """The counts of the step by then."""
    until: float
    """No earlier is it looked up again, while the step goes on."""
    found: list[ErrorGroup]


class RecentErrors:
    """Of many steps. Any thread may ask."""

    def __init__(self, look: Callable[[int], list[ErrorGroup]]) -> None:
        self._look = look
        self._known: dict[int, _Looked] = {}
        self._turn = threading.Lock()

    def of(self, view: StepView) -> list[ErrorGroup]:
        """The errors of a step; while it goes on they may be those of a moment ago."""
        counts = (view.state, view.chunks, view.ready, view.leased, view.frames_done, view.frames_failed)
        now = time.monotonic()
        with self._turn:
            known = self._known.get(view.id)
            if known is not None and (known.of == counts or (view.state not in ENDED and now < known.until)):
                return known.found
            found = self._look(view.id)
            took = time.monotonic() - now
            self._known[view.id] = _Looked(counts, now + took / SHARE, found)
            return found
