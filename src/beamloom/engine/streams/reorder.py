"""Puts the packets of one stream back in order before they are given their events.

When a number is skipped, what comes behind the gap is held back until the missing packet comes. That is given up when more packets are
held than the window allows, or more bytes, when one of them has waited long enough, or when the series ends: the gap is then a gap, and
who comes for it later is late.

Invariant: nothing is added or taken away, and packets that come in order pass at once. A packet is held for ``wait`` seconds at most.
Packets without numbers pass, and nothing is held beyond them; a START begins to count anew. Numbers that jump back and go on from
there are followed: the device has begun anew, and no late packets are made of its new ones.
"""

from __future__ import annotations

from bisect import insort

import msgspec

from beamloom.engine.streams.packet_rows import Arrivals, Rows, rows_of, singles
from beamloom.events import Malformed, Packet, PacketKind, frame_bytes

Released = list[Packet | Malformed]


class _Held(msgspec.Struct, frozen=True, gc=False):
    """What waits for those before it; of an unreadable packet ``number`` is that of the highest packet before it."""

    number: int
    arrival: Packet | Malformed
    since: float
    nbytes: int


class Reorder:
    """The window in which packets of one stream of one run may change places."""

    def __init__(self, window: int, wait: float, most_bytes: int) -> None:
        """At most ``window`` packets are held, for ``wait`` seconds, with ``most_bytes`` bytes; a window of 0 holds nothing."""
        self.reordered = 0
        """Packets that came behind higher ones and were put in their places."""
        self._window = window
        self._wait = wait
        self._most_bytes = most_bytes
        self._next = 0
        self._first = 1
        self._behind: int | None = None
        self._held: list[_Held] = []
        self._nbytes = 0

    def __len__(self) -> int:
        """How many are held."""
        return len(self._held)

    @property
    def nbytes(self) -> int:
        """Bytes held."""
        return self._nbytes

    @property
    def due_at(self) -> float | None:
        """When ``due`` has something to release; None while nothing is held."""
        return min(one.since for one in self._held) + self._wait if self._held else None

    @property
    def waiting(self) -> list[Packet]:
        """The packets that are held, lowest number first; not those that could not be read."""
        return [one.arrival for one in self._held if isinstance(one.arrival, Packet)]

    def __str__(self) -> str:
        """The window in words."""
        return f"{self._window} packets or {1000 * self._wait:g} ms" if self._window else "no packet"

    def expect(self, number: int) -> None:
        """The packet before ``number`` has come, though not here: nothing waits for those up to it."""
        self._next = number

    def expect_behind_start(self, number: int) -> None:
        """The packets of the series before ``number`` are left out: nothing waits for them."""
        self._first = max(1, number)

    def arrive(self, arrivals: Arrivals, now: float) -> Rows:
        """The source has read these; returns what goes on, in order."""
        rows = rows_of(arrivals)
        if not self._window:
            return rows
        passing = 0 if self._held else self._in_order(rows)
        if passing == len(rows):
            return rows
        released: Released = []
        for arrival in singles(rows[passing:]):
            self._take(arrival, now, released)
        return rows[:passing] + rows_of(released)

    def due(self, now: float) -> Rows:
        """What has waited long enough for those before it, and all that follows upon it."""
        released: Released = []
        while (due_at := self.due_at) is not None and due_at <= now:
            self._give_up(released)
        return rows_of(released)

    def flush(self) -> Rows:
        """All that is held: nothing more will come."""
        released: Released = []
        self._flush(released)
        return rows_of(released)

    def _flush(self, released: Released) -> None:
        while self._held:
            self._give_up(released)

    def _in_order(self, rows: Rows) -> int:
        """How many of these pass because each follows upon the one before."""
        following = self._next
        passing = 0
        for row in rows:
            if isinstance(row, Malformed):
                following += row.takes_place
            elif row.kind is PacketKind.START:
                following = self._first
            elif row.number is None or row.number == following:
                following += row.count
            else:
                break
            passing += 1
        self._next = following
        if passing:
            self._behind = None
        return passing

    def _take(self, arrival: Packet | Malformed, now: float, released: Released) -> None:
        if isinstance(arrival, Malformed):
            if self._held and not arrival.takes_place:
                # It keeps its place among the others: it may be named as the cause of the gap behind it.
                self._hold(self._held[-1].number, arrival, now, released)
            else:
                self._flush(released)
                released.append(arrival)
                self._next += arrival.takes_place
            return
        number = arrival.number
        if arrival.kind is PacketKind.START or number is None:
            self._flush(released)
            released.append(arrival)
            self._next = self._first if arrival.kind is PacketKind.START else self._next + 1
        elif number > self._next:
            if self._held and number < self._held[-1].number:
                self.reordered += all(one.number != number for one in self._held)
            self._hold(number, arrival, now, released)
        elif number == self._next:
            self.reordered += bool(self._held)
            released.append(arrival)
            self._next += 1
            self._release(released)
        else:
            self._pass_behind(number, arrival, released)
            return
        self._behind = None

    def _pass_behind(self, number: int, arrival: Packet, released: Released) -> None:
        """A packet whose place has been passed: late, or a duplicate, or one of a device that has begun to count anew."""
        if self._behind is not None and number == self._behind + 1:
            self._flush(released)
            self._next = number + 1
        self._behind = number
        released.append(arrival)

    def _hold(self, number: int, arrival: Packet | Malformed, now: float, released: Released) -> None:
        size = arrival.nbytes if isinstance(arrival, Packet) else sum(map(frame_bytes, arrival.frames))
        insort(self._held, _Held(number, arrival, now, size), key=lambda one: one.number)
        self._nbytes += size
        while len(self._held) > self._window or (self._held and self._nbytes > self._most_bytes):
            self._give_up(released)

    def _give_up(self, released: Released) -> None:
        """What is missing before the lowest that is held will not come."""
        self._next = self._held[0].number
        self._release(released)

    def _release(self, released: Released) -> None:
        """Release what nothing is missing before any more."""
        stop = 0
        for one in self._held:
            if one.number > self._next:
                break
            self._next = max(self._next, one.number + 1)
            released.append(one.arrival)
            self._nbytes -= one.nbytes
            stop += 1
        del self._held[:stop]
