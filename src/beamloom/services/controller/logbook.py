"""The latest lines of the logs of all processes of a pipeline, for those who ask the controller.

Policy: so many lines are kept, the oldest go first; the count tells who follows the log how many came since the last look.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Collection

from beamloom.services.controller.statekeeping import Entry, Logged
from beamloom.services.shell.heartbeat import LogForwarder

LINES_KEPT = 1000


class Logbook:
    """Log lines as dictionaries, each with the name of its ``service``."""

    def __init__(self, note: Callable[[Entry], None]) -> None:
        """``note`` is told of each line that is kept."""
        self.lines: deque[dict[str, str]] = deque(maxlen=LINES_KEPT)
        self.count = 0
        """How many lines there have been."""
        self._note = note
        self._own = LogForwarder()

    def keep(self, service: str, lines: Collection[dict[str, str]]) -> None:
        """These are the latest lines of ``service``."""
        if not lines:
            return
        named = [{**line, "service": service} for line in lines]
        self.lines.extend(named)
        self._note(Logged(named))
        self.count += len(named)

    def go_on(self, lines: Collection[dict[str, str]], count: int) -> None:
        """Take over what another controller has kept."""
        self.lines.extend(lines)
        self.count = count

    def listen(self) -> None:
        """Keep the lines of this process, too."""
        logging.getLogger().addHandler(self._own)

    def turn(self) -> None:
        """Keep what this process has logged since the last turn."""
        self.keep("controller", self._own.take())

    def close(self) -> None:
        """Listen no more."""
        logging.getLogger().removeHandler(self._own)
