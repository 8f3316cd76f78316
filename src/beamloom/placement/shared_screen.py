"""One screen for the processes of several pipelines: each name has that of its pipeline in front."""

from __future__ import annotations

import threading
from collections.abc import Sequence

import msgspec

from beamloom.placement.notices import Notice
from beamloom.placement.processes import ProcessStatus
from beamloom.placement.screen import Screen


class SharedScreen:
    """Shows the parts of several supervisors together, in the order in which the parts were made."""

    def __init__(self, screen: Screen) -> None:
        self._screen = screen
        self._lock = threading.Lock()
        self._parts: list[_Part] = []

    def part(self, name: str) -> Screen:
        """The screen of one supervisor; without a name its processes stand under their own."""
        part = _Part(self, self._screen, name)
        self._parts.append(part)
        return part

    def open(self) -> None:
        """Make room for the longest name of all."""
        self._screen.open([part.full(name) for part in self._parts for name in part.names])

    def show(self) -> None:
        """Draw all parts as they were told last."""
        # The later one of two threads must not show what was before.
        with self._lock:
            parts = list(self._parts)
            title = ", ".join(part.title for part in parts if part.title)
            statuses = [status for part in parts for status in part.statuses]
            self._screen.show(title, statuses, [notice for part in parts for notice in part.notices])


class _Part:
    def __init__(self, shared: SharedScreen, screen: Screen, name: str) -> None:
        self._shared = shared
        self._screen = screen
        self._name = name
        self.names: Sequence[str] = ()
        self.title = name
        self.statuses: Sequence[ProcessStatus] = ()
        self.notices: Sequence[Notice] = ()

    def full(self, name: str) -> str:
        """The name of a process among those of all."""
        return f"{self._name}/{name}" if self._name else name

    def open(self, names: Sequence[str]) -> None:
        self.names = names
        self._shared.open()

    def output(self, name: str, text: str) -> None:
        self._screen.output(self.full(name), text)

    def say(self, sentence: str) -> None:
        self._screen.say(f"{self._name}: {sentence}" if self._name else sentence)

    def show(self, title: str, statuses: Sequence[ProcessStatus], notices: Sequence[Notice] = ()) -> None:
        self.statuses = [msgspec.structs.replace(status, name=self.full(status.name)) for status in statuses]
        self.notices = [self._told(notice) for notice in notices]
        self._shared.show()

    def _told(self, notice: Notice) -> Notice:
        gravity, colon, what = notice.text.partition(": ")
        return Notice(f"{self._name} {notice.key}", f"{gravity}{colon}{self._name}: {what}")

    def close(self) -> None:
        """The screen belongs to all."""
