"""How many packets of a device are read at once, so that one read stays within a number of bytes, and within a moment.

Sources are asked for packets, and how large these are is known when they are there. So a device is first asked for a few, and then the
largest packet of late tells how many fit. What is read passes the bytes that were allowed only where packets grow, or by one packet, as one
is always read. Frames that stay in their file until they are wanted take room, as they are kept for as long as others, and are not read.

A packet may also take its time: it is made, uncompressed, or read from a slow disk. As many are asked for as took a moment of late, so that
an ingester that cannot keep up with its device still hears in time who is to get what it has.
"""

from __future__ import annotations

from collections.abc import Callable

from beamloom.engine.streams.packet_rows import Arrivals, PacketRow, Rows, rows_of
from beamloom.events import PacketKind, frame_bytes

FIRST = 4
"""So many packets are asked for before anything is known of their size."""
LARGE = 1 << 16
"""Bytes of a packet below which nobody looks whether its frames stay in their file."""
FORGET = 0.75
"""What is left of a size after each answer in which nothing was as large: one large header does not keep later reads short."""

LONGEST = 0.005
"""Seconds after which no more is asked for in the same read."""


class ReadLimit:
    """The reads of one stream."""

    def __init__(self, most_packets: int, most_bytes: int) -> None:
        self._most_packets = most_packets
        self._most_bytes = most_bytes
        self._proven = min(FIRST, most_packets)
        self._largest = 0.0
        self._most_read = 0.0
        """The same without frames that stay in their file."""
        self._slowest = 0.0
        """Seconds that a packet took of late."""
        self.packets = 0
        """How many the last read gave."""
        self.drained = False
        """Whether it ended as there was nothing more."""

    def read(self, ask: Callable[[int], Arrivals], room: int, clock: Callable[[], float]) -> Rows:
        """What ``ask`` gives for numbers of packets, until that is all there is, or enough for now, or there is no room for more bytes."""
        unread = self._most_bytes
        asked_at = clock()
        end = asked_at + LONGEST
        rows: Rows = []
        left = self._most_packets
        while True:
            asked = self._packets(room, unread, left)
            new = rows_of(ask(asked))
            now = clock()
            came = sum(row.count if isinstance(row, PacketRow) else 1 for row in new)
            if came:
                self._slowest = max((now - asked_at) / came, FORGET * self._slowest)
            asked_at = now
            taken, read = self._saw(new)
            room -= taken
            unread -= read
            left -= came
            rows += new
            self.packets, self.drained = self._most_packets - left, came < asked
            if self.drained or room < self._largest or unread < self._most_read or left <= 0 or now >= end:
                return rows

    def _packets(self, room: int, unread: int, most: int) -> int:
        most = min(most, self._proven)
        if self._largest > 0:
            most = min(most, int(room / self._largest))
        if self._most_read > 0:
            most = min(most, int(unread / self._most_read))
        if self._slowest > 0:
            most = min(most, int(LONGEST / self._slowest))
        return max(1, most)

    def _saw(self, rows: Rows) -> tuple[int, int]:
        """These have come; returns their bytes, and how many of them were read."""
        largest, most_read = self._largest * FORGET, self._most_read * FORGET
        total = later = 0
        grows = False
        for row in rows:
            if isinstance(row, PacketRow):
                size = read = row.largest
                total += row.nbytes
                if size >= LARGE and (stays := row.later_nbytes):
                    later += stays
                    read = (row.nbytes - stays) // row.count
                largest, most_read = max(largest, size), max(most_read, read)
                # A header says nothing about what comes behind it.
                grows = grows or row.kind is PacketKind.DATA
            else:
                size = sum(map(frame_bytes, row.frames))
                total += size
                largest, most_read = max(largest, size), max(most_read, size)
                grows = True
        if rows:
            self._largest, self._most_read = largest, most_read
        if grows:
            self._proven = min(self._most_packets, 2 * self._proven)
        return total, total - later
