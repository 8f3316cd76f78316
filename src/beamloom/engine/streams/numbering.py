"""Which item of its stream a packet is.

Events are formed by number, never by order of arrival: where the protocol counts its packets, that count places them; where it does not,
each packet takes the next place. A packet never moves the place of another.

Invariant: items are accepted in strictly growing order; what is skipped stays skipped, and a packet that comes for a place that is
behind is late or a duplicate and goes nowhere.

A device may begin its series anew in the middle of a run: somebody has armed it again. Where the run has a place for one series only, the
second START takes no place and moves none: number n is the same item as before, and packets without numbers take the next places.
Numbers that jump back to what was there, and go on, say the same without a START.
"""

from __future__ import annotations

from beamloom.engine.ranges import RangeSet
from beamloom.engine.streams.packet_rows import PacketRow
from beamloom.events import Packet, PacketKind

DUPLICATE = -1
LATE = -2
SURPLUS = -3
RESTART = -4

SURE_OF_RESTART = 3
"""So many packets that were there before, in the order of their numbers, are no duplicates: the device has begun to count anew."""
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
        self.restarts = 0
        """How often the device has begun the series of the run anew."""
        self.restarted_after = 0
        """The item that was next when it did so last."""
        self.over = False
        """Whether the series of the run has been closed and another one has begun, which is none of it."""
        self._wrapped = wrapped
        self._rearms = rearms
        self._dealt = dealt
        self._one_series = wrapped and not rearms
        self._series_start = 0
        self._skipped = RangeSet()
        self._closed = False
        self._again: int | None = None
        """The first item of those behind that come at present, without a new one among them."""
        self._times_again = 0

    def accept(self, packet: Packet) -> int:
        """The item that ``packet`` is; items between ``next_item`` and it are skipped by that.

        DUPLICATE for one that was there before, LATE for one whose place has been skipped, SURPLUS for one behind the end of the run,
        RESTART for a START that begins the series of the run anew.
        """
        if self._one_series and packet.kind is PacketKind.START and self._begins_anew(packet):
            return SURPLUS if self.over else RESTART
        if self.over and packet.kind is not PacketKind.END:
            return SURPLUS
        item = self.place(packet)
        last = self.last_item
        if last is not None and (
            item > last or (self._wrapped and item == last and packet.kind is PacketKind.DATA)
        ):
            return SURPLUS
        if item < self.next_item:
            self._look_back(packet, item)
            return LATE if item in self._skipped else DUPLICATE
        self.skip_to(item)
        self.next_item = item + 1
        self._again = None
        if packet.kind is PacketKind.END and item == last:
            self.close()
        return item

    def accept_row(self, row: PacketRow) -> int | None:
        """The item that the first of these is, the others being those behind it, as if each had been accepted.

        None where they are no packets of the series that have all their places: each is to be accepted by itself.
        """
        item = self.next_item if row.number is None else self._series_start + row.number
        if (
            row.kind is not PacketKind.DATA
            or self.over
            or item < self.next_item
            or (self.last_item is not None and item + row.count > self.last_item + (not self._wrapped))
        ):
            return None
        self.skip_to(item)
        self.next_item = item + row.count
        self._again = None
        return item

    @property
    def one_series(self) -> bool:
        """Whether the run has a place for one series of the stream only."""
        return self._one_series

    def begin_series(self, item: int) -> None:
        """Numbers count from ``item`` on, the START of the series."""
        self._series_start = item

    def close(self) -> None:
        """The series has been closed: another one that begins now is none of the run, where that has a place for one only."""
        self._closed = self._one_series

    def _begins_anew(self, start: Packet) -> bool:
        """Whether this is not the START that opens the run; takes account of it."""
        if not (start.number if self._dealt else self.next_item):
            return False
        if self._closed:
            self.over = True
        else:
            self._restart()
            # That the numbers are low from now on has been said: they are above that of the START.
            self._again, self._times_again = 0, SURE_OF_RESTART
        return True

    def _restart(self) -> None:
        self.restarts += 1
        self.restarted_after = self.next_item

    def _look_back(self, packet: Packet, item: int) -> None:
        """A packet comes for a place that is behind: whether the numbers have begun anew and go on from there."""
        if self._dealt or self._rearms or packet.number is None or packet.kind is not PacketKind.DATA:
            return
        if self._again is None or item <= self._again:
            self._again, self._times_again = item, 0
        if item not in self._skipped:
            self._times_again += 1
            if self._times_again == SURE_OF_RESTART:
                self._restart()

    @property
    def catches_up(self) -> bool:
        """Whether the device has begun anew, and has not come to what is new."""
        return self._again is not None and self._times_again >= SURE_OF_RESTART

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
            if self._one_series:
                return 0
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
