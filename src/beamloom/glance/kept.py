"""The last events that came, each in its place: counted from 0, so that one that is looked at stays the same while others come and go."""

from __future__ import annotations

import time
from collections import deque
from typing import NamedTuple

from beamloom.events import Event


class Kept(NamedTuple):
    """One of them."""

    place: int
    """How many came before it."""
    at: float
    """When it was whole, Unix time (s)."""
    event: Event

    @property
    def size(self) -> int:
        """Bytes of all its frames, as they were sent."""
        return sum(len(frame) for packet in self.event.streams.values() for frame in packet.frames)


class KeptEvents:
    """The last ``most`` events. One thread adds, any other looks."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.seen = 0
        """How many have come."""
        self._begun = time.time_ns()
        self._events: deque[Kept] = deque(maxlen=most)

    def add(self, event: Event) -> None:
        """Keep one more, and none but the last."""
        self._events.append(Kept(self.seen, time.time(), event))
        self.seen += 1

    @property
    def version(self) -> str:
        """Another one for every event that comes, also after a restart."""
        return f"{self._begun:x}-{self.seen}"

    def last(self, number: int) -> list[Kept]:
        """The last ``number``, oldest first."""
        return list(self._events)[-number:] if number > 0 else []

    def at(self, place: int) -> Kept | None:
        """The one in that place; None where it has not come yet, or is not kept any more."""
        return next((kept for kept in self.last(self.most) if kept.place == place), None)
