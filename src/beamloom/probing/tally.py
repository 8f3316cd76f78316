"""What a stream of packets amounts to: how many of which kind, how large, which numbers, and what is missing."""

from __future__ import annotations

from collections import Counter
from typing import Final

from beamloom.devices.pandabox import TYPS, PandaParser
from beamloom.events import Packet, PacketKind
from beamloom.probing.look import Look, look_at, look_by

_PARSED_AT_MOST: Final = 50
"""How many packets are parsed in search of one that is data."""


class Gaps:
    """What is missing in numbers that are given one by one, in order of arrival."""

    def __init__(self) -> None:
        self.first: int | None = None
        self.last: int | None = None
        self.missing: list[tuple[int, int]] = []
        """First and last number of each gap."""
        self.out_of_order = 0
        """Numbers that were not larger than one before."""

    def add(self, number: int) -> None:
        """Take in the next number."""
        if self.first is None or self.last is None:
            self.first = self.last = number
            return
        if number <= self.last:
            self.out_of_order += 1
            return
        if number > self.last + 1:
            self.missing.append((self.last + 1, number - 1))
        self.last = number

    @property
    def missing_count(self) -> int:
        """How many numbers are missing."""
        return sum(last - first + 1 for first, last in self.missing)

    def restart(self) -> None:
        """A new series counts anew; what was missing before stays known."""
        self.first = self.last = None

    def __str__(self) -> str:
        if not self.missing and not self.out_of_order:
            return "none"
        shown = [f"{first}" if first == last else f"{first}-{last}" for first, last in self.missing[:3]]
        words = []
        if self.missing:
            more = ", ..." if len(self.missing) > len(shown) else ""
            words.append(f"{self.missing_count} missing ({', '.join(shown)}{more})")
        if self.out_of_order:
            words.append(f"{self.out_of_order} out of order")
        return ", ".join(words)


class StreamTally:
    """The account of one stream, packet by packet."""

    def __init__(self) -> None:
        self.types: Counter[str] = Counter()
        self.kinds: Counter[PacketKind] = Counter()
        """By what the packets themselves say; of those that were looked at where nobody else knows."""
        self.packets = 0
        self.nbytes = 0
        self.smallest: int | None = None
        self.largest = 0
        self.look: Look | None = None
        """Of the first data packet; of the first packet at all while there is no data."""
        self._parsed = 0
        self._rows = PandaParser()

    def add(self, packet: Packet) -> None:
        """Take in the next packet."""
        self.packets += 1
        self.types[packet.typ] += 1
        size = packet.nbytes
        self.nbytes += size
        self.smallest = size if self.smallest is None else min(self.smallest, size)
        self.largest = max(self.largest, size)
        self.kinds[packet.kind] += 1
        if self._parsed < _PARSED_AT_MOST and not self._has_data():
            self._parsed += 1
            look = self._look(packet)
            better = look.kind is PacketKind.DATA and (
                look.problem is None or (self.look is not None and self.look.kind is not PacketKind.DATA)
            )
            if self.look is None or better:
                self.look = look

    def _look(self, packet: Packet) -> Look:
        """What a packet holds. Rows of a PandABox in recordings of dranspose have their header in a packet before them."""
        if packet.typ in TYPS:
            look = look_by(self._rows.parse, packet)
            if look.problem is None:
                return look
        return look_at(packet)

    def _has_data(self) -> bool:
        return self.look is not None and self.look.kind is PacketKind.DATA and self.look.problem is None
