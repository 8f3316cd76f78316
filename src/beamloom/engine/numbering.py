"""Which item of its stream a packet is.

Events are formed by number, never by order of arrival: where the protocol counts its packets, that count places them; where it does not,
each packet takes the next place. A packet never moves the place of another.

Invariant: items are accepted in strictly growing order; what is skipped stays skipped, and a packet that comes for a place that is
behind is late or a duplicate and goes nowhere.
"""

from __future__ import annotations

from beamloom.engine.ranges import RangeSet
from beamloom.events import Packet, PacketKind

DUPLICATE = -1
LATE = -2
SURPLUS = -3

SKIPPED_KEPT = 4096
"""A share of a stream sees gaps all the time; it remembers so many of them, to tell what is late from what is double."""


class Numbering:
    """Numbers the packets of one stream of one run."""

    def __init__(self, *, wrapped: bool, rearms: bool = False, dealt: bool = False) -> None:
        """``rearms``: a run may hold several series of this stream, so an END with a number stands in its own place.

        ``dealt``: only some of the packets come here, and their numbers count through the whole run.
        """
        self.next_item = 0
        """The item that follows the last one accepted."""
        self.last_item: int | None = None
        """The last item of the run, once it is known."""
        self._wrapped = wrapped
        self._rearms = rearms
        self._dealt = dealt
        self._series_start = 0
        self._skipped = RangeSet()

    def accept(self, packet: Packet) -> int:
        """The item that ``packet`` is; items between ``next_item`` and it are skipped by that.

        DUPLICATE for one that was there before, LATE for one whose place has been skipped, SURPLUS for one behind the end of the run.
        """
        item = self.place(packet)
        last = self.last_item
        if last is not None and (
            item > last or (self._wrapped and item == last and packet.kind is PacketKind.DATA)
        ):
            return SURPLUS
        if item < self.next_item:
            return LATE if item in self._skipped else DUPLICATE
        self.skip_to(item)
        self.next_item = item + 1
        return item

    def skip_to(self, item: int) -> None:
        """The items before ``item`` will not come any more."""
        if item > self.next_item:
            self._skipped.add(self.next_item, item)
            if self._dealt and len(self._skipped) > 2 * SKIPPED_KEPT:
                self._skipped.remove(0, item - SKIPPED_KEPT)
            self.next_item = item

    def skip_one(self) -> int:
        """A packet that cannot be read stood in the next place; returns that item."""
        item = self.next_item
        self.skip_to(item + 1)
        return item

    def place(self, packet: Packet) -> int:
        """The item that ``packet`` would be, whether or not that place is still free."""
        if packet.kind is PacketKind.START:
            if self._dealt:
                return packet.number or 0
            item = self.next_item if packet.number is None else packet.number
            if item >= self.next_item:
                self._series_start = item
            return item
        own_place = self._rearms and packet.number is not None
        closes = self._wrapped or (self._dealt and packet.number is None)
        if packet.kind is PacketKind.END and closes and self.last_item is not None and not own_place:
            return self.last_item if self.last_item >= self.next_item else self.last_item + 1
        if packet.number is None:
            return self.next_item
        return self._series_start + packet.number
