"""Packets that are kept for nothing but a replay, and give way to those that nobody has worked on yet.

Policy: while there is room, all are kept. When there is none, the lowest events go first, as their constraints are the closest to being
complete. What is given up is told, once for each event: whoever needs it for a replay is to know at once that it cannot be had.
"""

from __future__ import annotations

from beamloom.engine.ranges import Range, RangeSet
from beamloom.engine.streams.retention import Retention, WhenFull

LEAST_ROOM, ROOM_MADE = 1 / 8, 1 / 4
"""Share of the budget below which room is made, and how much is made then: a device is not to be read packet by packet."""


class Spares:
    """The settled events of one stream whose packets are still kept."""

    def __init__(self, retention: Retention) -> None:
        self._retention = retention
        self._here = RangeSet(retention.spooled)
        """The events whose packets are kept."""
        self._spare = RangeSet()
        self._given_up = RangeSet()
        self._told = RangeSet()

    def keep(self, first: int, stop: int) -> None:
        """The packets of [first, stop) are kept from now on."""
        self._here.add(first, stop)

    def add(self, first: int, stop: int) -> None:
        """[first, stop) are settled: their packets are not needed unless their constraints have to be worked through again."""
        for a, b in self._here.within(first, stop):
            self._spare.add(a, b)
        self.make_room()

    def make_room(self, nbytes: int = 0) -> None:
        """Give up what is spare, as far as that is needed to read on, and to keep ``nbytes`` more."""
        if not self._spare:
            return
        budget = self._retention.budget
        if self._has_room(max(nbytes, int(LEAST_ROOM * budget))):
            return
        while self._spare and not self._has_room(max(nbytes, int(ROOM_MADE * budget))):
            event = next(iter(self._spare))[0]
            self._spare.remove(event, event + 1)
            self._here.remove(event, event + 1)
            self._retention.release(event, event + 1)
            self._given_up.add(event, event + 1)

    def _has_room(self, nbytes: int) -> bool:
        kept = self._retention
        return not kept.full and (kept.when_full is WhenFull.SPILL or kept.budget - kept.nbytes >= nbytes)

    def needed_from(self, event: int) -> bool:
        """Whether packets of this event, or of later ones, are kept for another reason than a replay."""
        return any(self._spare.missing(max(first, event), stop) for first, stop in self._here if stop > event)

    def release(self, first: int, stop: int) -> None:
        """Nobody needs the packets of [first, stop) any more."""
        for some in (self._here, self._spare, self._given_up, self._told):
            if some:
                some.remove(first, stop)

    def take_given_up(self) -> list[Range]:
        """The events whose packets were given up since the last call."""
        given_up = self._given_up.clear()
        for first, stop in given_up:
            self._told.add(first, stop)
        return given_up

    @property
    def all_given_up(self) -> list[Range]:
        """Those of which all was told, as far as somebody may still ask for them."""
        return list(self._told)

    @property
    def given_up(self) -> bool:
        """Whether there is something to tell."""
        return bool(self._given_up)
