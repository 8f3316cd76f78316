"""The packets that an ingester keeps until the ledger says that their events are settled.

Invariant: the bytes of what is kept never pass the budget by more than what was read at once; what to do when the budget is reached is
the stream's policy: ``block`` stops reading the device, ``drop`` gives up new packets, which the ledger then counts as lost.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from enum import StrEnum

from beamloom.events import Packet


class WhenFull(StrEnum):
    """What a stream does when its retention is full."""

    BLOCK = "block"
    DROP = "drop"


class Retained:
    """One packet that is kept, and from how many streams its event wants packets."""

    __slots__ = ("nbytes", "packet", "wanted")

    def __init__(self, packet: Packet, wanted: int) -> None:
        self.packet = packet
        self.wanted = wanted
        self.nbytes = packet.nbytes


class Retention:
    """The packets of one stream that may have to be sent again, by event."""

    def __init__(self, budget_bytes: int, when_full: WhenFull = WhenFull.BLOCK) -> None:
        self.budget = budget_bytes
        """Bytes that may be kept."""
        self._kept: dict[int, Retained] = {}
        self.when_full = when_full
        self.nbytes = 0
        """Bytes kept now."""
        self.peak_nbytes = 0
        """Most bytes ever kept."""

    @property
    def full(self) -> bool:
        """Whether the budget is reached."""
        return self.nbytes >= self.budget

    def keep(self, first: int, packets: Sequence[Packet], wanted: int) -> None:
        """Keep packets of consecutive events from ``first`` on."""
        for event, packet in enumerate(packets, first):
            retained = Retained(packet, wanted)
            self._kept[event] = retained
            self.nbytes += retained.nbytes
        self.peak_nbytes = max(self.peak_nbytes, self.nbytes)

    def release(self, first: int, stop: int) -> None:
        """[first, stop) are settled: their packets are not needed any more."""
        if stop - first > len(self._kept):
            for event in [event for event in self._kept if first <= event < stop]:
                self.nbytes -= self._kept.pop(event).nbytes
            return
        for event in range(first, stop):
            retained = self._kept.pop(event, None)
            if retained is not None:
                self.nbytes -= retained.nbytes

    def within(self, first: int, stop: int) -> Iterator[tuple[int, Retained]]:
        """The kept packets of [first, stop) with their events, in order."""
        for event in range(first, stop):
            retained = self._kept.get(event)
            if retained is not None:
                yield event, retained

    def __len__(self) -> int:
        return len(self._kept)
