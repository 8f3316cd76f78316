"""The packets that an ingester keeps until the ledger says that their events are settled.

Invariant: the bytes that are kept in memory never pass the budget by more than what was read at once, and that is one packet where packets
are larger than the room that is left. What to do when the budget is reached is the stream's policy: ``block`` stops reading the device,
``drop`` gives up new packets, which the ledger then counts as lost, ``spill`` keeps them in a spool on disk, and blocks when that takes
no more.

With ``write_ahead`` every packet is handed to the spool first, so that another process finds it there; what is in memory is then only
there to be sent sooner. A spool that fails costs this promise, which the spool says, and never a packet: what it did not take stays in
memory, and while that is more than the budget the device is not read.
"""

from __future__ import annotations

from bisect import bisect_right, insort
from collections.abc import Iterable, Iterator
from enum import StrEnum
from operator import attrgetter
from typing import NamedTuple, Protocol

from beamloom.engine.ranges import Range, RangeSet
from beamloom.engine.streams.packet_rows import PacketRow, join, row_of
from beamloom.events import Packet, PacketKind

DROPPED = "dropped packets: its retention is full"
"""What is said of a stream that gave up packets because it had no room for them."""
_FIRST, _STOP = attrgetter("first"), attrgetter("stop")


class WhenFull(StrEnum):
    """What a stream does when its retention is full."""

    BLOCK = "block"
    DROP = "drop"
    SPILL = "spill"


class Overhead(NamedTuple):
    """Bytes of memory that it takes to keep frames, beside their own."""

    frame: int
    """For each frame."""
    row: int
    """For each row of packets that are kept together."""


FREE = Overhead(0, 0)
MEASURED = Overhead(96, 384)
"""Of CPython 3.11 on 64 bits: 64 to 98 bytes for frames of 64 to 2048 bytes, and 300 for a row of one packet beside what keeps it."""


class Kept:
    """Packets of consecutive events from ``first`` on, and from how many streams these want packets."""

    __slots__ = ("first", "row", "stop", "wanted")

    def __init__(self, first: int, row: PacketRow, wanted: int) -> None:
        self.first = first
        self.stop = first + row.count
        self.row = row
        self.wanted = wanted

    def part(self, first: int, stop: int) -> Kept:
        """What of it is within [first, stop), which it overlaps."""
        first, stop = max(first, self.first), min(stop, self.stop)
        return Kept(first, self.row.part(first - self.first, stop - self.first), self.wanted)


def joined(pieces: Iterable[Kept]) -> list[Kept]:
    """The same packets in as few pieces as there can be."""
    groups: list[list[Kept]] = []
    before: Kept | None = None
    for kept in pieces:
        if (
            before is not None
            and before.stop == kept.first
            and before.wanted == kept.wanted
            and before.row.continues(kept.row)
        ):
            groups[-1].append(kept)
        else:
            groups.append([kept])
        before = kept
    return [Kept(group[0].first, join([kept.row for kept in group]), group[0].wanted) for group in groups]


class Spool(Protocol):
    """Packets of one stream outside of memory, by event. No call raises: a spool that fails says so elsewhere."""

    @property
    def ready(self) -> bool:
        """Whether it may take packets now."""

    @property
    def full(self) -> bool:
        """Whether it has as many bytes as it may have; one that failed is not full."""

    def write(self, first: int, row: PacketRow, wanted: int) -> int:
        """Keep packets of consecutive events; returns how many of them, from the first on, it has now, not keeping any twice."""

    def release(self, first: int, stop: int) -> None:
        """[first, stop) are settled."""

    def within(self, first: int, stop: int) -> Iterator[tuple[int, Packet, int]]:
        """Event, packet and ``wanted`` of what it has of [first, stop), in order."""

    @property
    def events(self) -> list[Range]:
        """The events whose packets it has."""

    def take_unreadable(self) -> list[Range]:
        """The events that it had and could not read back, since the last call."""


class Retention:
    """The packets of one stream that may have to be sent again, by event."""

    def __init__(
        self,
        budget_bytes: int,
        when_full: WhenFull = WhenFull.BLOCK,
        spool: Spool | None = None,
        *,
        write_ahead: bool = False,
        overhead: Overhead = FREE,
    ) -> None:
        """``overhead``: what is counted beside the bytes of frames. Raises ValueError for a policy that needs a spool without one."""
        if spool is None and (write_ahead or when_full is WhenFull.SPILL):
            raise ValueError("to spill or to write ahead takes a spool")
        self.budget = budget_bytes
        """Bytes that may be kept in memory."""
        self.when_full = when_full
        self._overhead = overhead
        self._bytes = 0
        self.peak_nbytes = 0
        """Most bytes ever kept in memory."""
        self.oversized = 0
        """Size of the largest packet that alone is more than the budget; 0 while there was none."""
        self.spool = spool
        self._write_ahead = write_ahead
        self._kept: list[Kept] = []
        """Sorted by their first events, and disjoint."""
        self._count = 0
        self._refused = RangeSet()
        """Events whose packets are in memory as the spool did not take them."""

    @property
    def nbytes(self) -> int:
        """Bytes kept in memory now, with what it takes to keep them."""
        return self._bytes + self._overhead.row * len(self._kept)

    # ---- room ---------------------------------------------------------------------------------------------------------------

    @property
    def full(self) -> bool:
        """Whether no packet should be added."""
        if self._write_ahead and self.spool is not None and self.spool.full:
            return True
        return self.nbytes >= self.budget and not self._can_spill

    @property
    def blocks(self) -> bool:
        """Whether the device is not to be read on."""
        return self.full and self.when_full is not WhenFull.DROP

    @property
    def room(self) -> int:
        """Bytes that may be read before that is looked at again."""
        if self.when_full is WhenFull.DROP or (self._can_spill and self.nbytes >= self.budget):
            return self.budget
        return self.budget - self.nbytes

    @property
    def _can_spill(self) -> bool:
        return (
            self.when_full is WhenFull.SPILL
            and self.spool is not None
            and self.spool.ready
            and not self._refused
        )

    def make_room(self) -> None:
        """Hand to the spool once more what it refused, if it may take it by now; called before each read."""
        while self._refused and self.nbytes >= self.budget and self.spool is not None and self.spool.ready:
            first, stop = next(iter(self._refused))
            for kept in self._in_memory(first, stop)[:1]:
                # No more than makes room.
                some = kept.row.part(0, self._count_until(kept.row, self.nbytes - self.budget + 1))
                written = self.spool.write(kept.first, some, kept.wanted)
                if not written:
                    return
                stop = kept.first + written
                self._forget(kept.first, stop)
            self._refused.remove(0, stop)
        if self.nbytes < self.budget:
            self._refused.clear()

    # ---- packets ------------------------------------------------------------------------------------------------------------

    def keep(self, first: int, row: PacketRow, wanted: int) -> int:
        """Keep packets of consecutive events from ``first`` on; returns how many, which are all unless the policy is to drop."""
        written = 0
        if self._write_ahead and self.spool is not None:
            written = self.spool.write(first, row, wanted)
        fits = row.count
        if self.when_full is not WhenFull.BLOCK and self.nbytes + self._size(row) > self.budget:
            fits = self._count_until(row, self.budget - self.nbytes)
        if fits:
            self._remember(first, row.part(0, fits), wanted)
        if fits < row.count:
            if self.when_full is WhenFull.DROP:
                return max(fits, written)
            self._spill(first + fits, row.part(fits, row.count), wanted, written - fits)
        return row.count

    def _size(self, row: PacketRow) -> int:
        return row.nbytes + self._overhead.frame * len(row.frames)

    def _count_until(self, row: PacketRow, nbytes: int) -> int:
        """How many of these packets have at least so many bytes together; all where they have not."""
        if nbytes <= 0:
            return 0
        beside = self._overhead.frame * row.per_packet
        for place, size in enumerate(row.packet_sizes()):
            nbytes -= size + beside
            if nbytes <= 0:
                return place + 1
        return row.count

    def _spill(self, first: int, row: PacketRow, wanted: int, written: int) -> None:
        """Memory is full: the first ``written`` of these are in the spool already."""
        written = max(written, 0)
        if written < row.count and not self._refused and self.spool is not None:
            written += self.spool.write(first + written, row.part(written, row.count), wanted)
        if written < row.count:
            self._remember(first + written, row.part(written, row.count), wanted)
            self._refused.add(first + written, first + row.count)

    def _remember(self, first: int, row: PacketRow, wanted: int) -> None:
        kept = Kept(first, row, wanted)
        if self._kept and self._kept[-1].stop > first:
            self._forget(first, kept.stop)
            insort(self._kept, kept, key=_FIRST)
        else:
            self._kept.append(kept)
        self._count += row.count
        self._bytes += self._size(row)
        self.peak_nbytes = max(self.peak_nbytes, self.nbytes)
        if row.nbytes > self.budget and (largest := row.largest) > self.budget:
            self.oversized = max(self.oversized, largest)

    def _places(self, first: int, stop: int) -> tuple[int, int]:
        """Which of what is in memory overlaps [first, stop)."""
        kept = self._kept
        low = 0 if not kept or kept[0].stop > first else bisect_right(kept, first, key=_STOP)
        high = low
        while high < len(kept) and kept[high].first < stop:
            high += 1
        return low, high

    def _in_memory(self, first: int, stop: int) -> list[Kept]:
        if stop <= first:
            return []
        low, high = self._places(first, stop)
        return [kept.part(first, stop) for kept in self._kept[low:high]]

    def _forget(self, first: int, stop: int) -> None:
        if stop <= first:
            return
        low, high = self._places(first, stop)
        left: list[Kept] = []
        for kept in self._kept[low:high]:
            gone = kept.part(first, stop).row
            self._count -= gone.count
            self._bytes -= self._size(gone)
            if kept.first < first:
                left.append(kept.part(kept.first, first))
            if stop < kept.stop:
                left.append(kept.part(stop, kept.stop))
        self._kept[low:high] = left

    def release(self, first: int, stop: int) -> None:
        """[first, stop) are settled: their packets are not needed any more."""
        if self.spool is not None:
            self.spool.release(first, stop)
        self._forget(first, stop)

    def within(self, first: int, stop: int) -> Iterator[Kept]:
        """The kept packets of [first, stop), in order; those in the spool are read when they are asked for."""
        at = first
        for kept in self._in_memory(first, stop):
            yield from self._in_spool(at, kept.first)
            yield kept
            at = kept.stop
        yield from self._in_spool(at, stop)

    def _in_spool(self, first: int, stop: int) -> Iterator[Kept]:
        if self.spool is not None and first < stop:
            for event, packet, wanted in self.spool.within(first, stop):
                yield Kept(event, row_of([packet]), wanted)

    def next_number(self) -> int | None:
        """The number behind that of the last packet in the spool, as its device counts; None where nobody knows."""
        events = self.spooled
        for kept in self.within(events[-1][1] - 1, events[-1][1]) if events else ():
            number = 0 if kept.row.kind is PacketKind.START else kept.row.number
            return None if number is None else number + 1
        return None

    @property
    def writes_ahead(self) -> bool:
        """Whether every packet is handed to the spool first."""
        return self._write_ahead

    @property
    def spooled(self) -> list[Range]:
        """The events whose packets are in the spool."""
        return [] if self.spool is None else self.spool.events

    def take_unreadable(self) -> list[Range]:
        """Events whose packets were kept and cannot be read back, since the last call."""
        return [] if self.spool is None else self.spool.take_unreadable()

    def __len__(self) -> int:
        """How many packets are in memory."""
        return self._count
