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

from collections import deque
from collections.abc import Iterator, Sequence
from enum import StrEnum
from typing import Protocol

from beamloom.engine.ranges import Range
from beamloom.events import Packet, PacketKind


class WhenFull(StrEnum):
    """What a stream does when its retention is full."""

    BLOCK = "block"
    DROP = "drop"
    SPILL = "spill"


class Retained:
    """One packet that is kept, and from how many streams its event wants packets."""

    __slots__ = ("nbytes", "packet", "wanted")

    def __init__(self, packet: Packet, wanted: int) -> None:
        self.packet = packet
        self.wanted = wanted
        self.nbytes = packet.nbytes


class Spool(Protocol):
    """Packets of one stream outside of memory, by event. No call raises: a spool that fails says so elsewhere."""

    @property
    def ready(self) -> bool:
        """Whether it may take packets now."""

    @property
    def full(self) -> bool:
        """Whether it has as many bytes as it may have; one that failed is not full."""

    def write(self, first: int, packets: Sequence[Packet], wanted: int) -> int:
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
    ) -> None:
        """Raises ValueError for a policy that needs a spool without one."""
        if spool is None and (write_ahead or when_full is WhenFull.SPILL):
            raise ValueError("to spill or to write ahead takes a spool")
        self.budget = budget_bytes
        """Bytes that may be kept in memory."""
        self.when_full = when_full
        self.nbytes = 0
        """Bytes kept in memory now."""
        self.peak_nbytes = 0
        """Most bytes ever kept in memory."""
        self.oversized = 0
        """Size of the largest packet that alone is more than the budget; 0 while there was none."""
        self.spool = spool
        self._write_ahead = write_ahead
        self._kept: dict[int, Retained] = {}
        self._refused: deque[int] = deque()
        """Events whose packets are in memory as the spool did not take them."""

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
            event = self._refused[0]
            kept = self._kept.get(event)
            if kept is not None:
                if not self.spool.write(event, [kept.packet], kept.wanted):
                    return
                self._forget(event)
            self._refused.popleft()
        if self.nbytes < self.budget:
            self._refused.clear()

    # ---- packets ------------------------------------------------------------------------------------------------------------

    def keep(self, first: int, packets: Sequence[Packet], wanted: int) -> int:
        """Keep packets of consecutive events from ``first`` on; returns how many, which are all unless the policy is to drop."""
        written = 0
        if self._write_ahead and self.spool is not None:
            written = self.spool.write(first, packets, wanted)
        for place, packet in enumerate(packets):
            if self.nbytes >= self.budget:
                if self.when_full is WhenFull.SPILL:
                    self._spill(first + place, packets[place:], wanted, written - place)
                    break
                if self.when_full is WhenFull.DROP:
                    return max(place, written)
            self._remember(first + place, packet, wanted)
        return len(packets)

    def _spill(self, first: int, packets: Sequence[Packet], wanted: int, written: int) -> None:
        """Memory is full: the first ``written`` of these are in the spool already."""
        if written < len(packets) and not self._refused and self.spool is not None:
            written = max(written, 0)
            written += self.spool.write(first + written, packets[written:], wanted)
        for event, packet in enumerate(packets[max(written, 0) :], first + max(written, 0)):
            self._remember(event, packet, wanted)
            self._refused.append(event)

    def _remember(self, event: int, packet: Packet, wanted: int) -> None:
        retained = Retained(packet, wanted)
        if event in self._kept:
            self._forget(event)
        self._kept[event] = retained
        self.nbytes += retained.nbytes
        self.peak_nbytes = max(self.peak_nbytes, self.nbytes)
        if retained.nbytes > self.budget:
            self.oversized = max(self.oversized, retained.nbytes)

    def _forget(self, event: int) -> None:
        kept = self._kept.pop(event, None)
        if kept is not None:
            self.nbytes -= kept.nbytes

    def release(self, first: int, stop: int) -> None:
        """[first, stop) are settled: their packets are not needed any more."""
        if self.spool is not None:
            self.spool.release(first, stop)
        if stop - first > len(self._kept):
            for event in [event for event in self._kept if first <= event < stop]:
                self._forget(event)
            return
        for event in range(first, stop):
            self._forget(event)

    def within(self, first: int, stop: int) -> Iterator[tuple[int, Retained]]:
        """The kept packets of [first, stop) with their events, in order; those in the spool are read when they are asked for."""
        at = first
        while at < stop:
            kept = self._kept.get(at)
            if kept is not None:
                yield at, kept
                at += 1
                continue
            end = at + 1
            while end < stop and end not in self._kept:
                end += 1
            if self.spool is not None:
                for event, packet, wanted in self.spool.within(at, end):
                    yield event, Retained(packet, wanted)
            at = end

    def next_number(self) -> int | None:
        """The number behind that of the last packet in the spool, as its device counts; None where nobody knows."""
        events = self.spooled
        for _, retained in self.within(events[-1][1] - 1, events[-1][1]) if events else ():
            number = 0 if retained.packet.kind is PacketKind.START else retained.packet.number
            return None if number is None else number + 1
        return None

    @property
    def spooled(self) -> list[Range]:
        """The events whose packets are in the spool."""
        return [] if self.spool is None else self.spool.events

    def take_unreadable(self) -> list[Range]:
        """Events whose packets were kept and cannot be read back, since the last call."""
        return [] if self.spool is None else self.spool.take_unreadable()

    def __len__(self) -> int:
        """How many packets are in memory."""
        return len(self._kept)
