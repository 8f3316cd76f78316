"""A stream that another ingester takes up in the middle of a run.

Policy: the number of the first packet tells where the stream is; nothing before it will come from the device. What the former ingester had
delivered stays delivered. What it had not, and nobody has kept, is lost, with that cause: a lease whose worker lacks the packet claims it,
and what was never leased was delivered to nobody. A packet is never given to another event because of that: where its number does not tell
its place, the stream is not taken up.
"""

from __future__ import annotations

import msgspec

from beamloom.engine.accounts.ledger import Loss
from beamloom.engine.ranges import Range, RangeSet
from beamloom.engine.streams.layout import wanted_events
from beamloom.engine.streams.numbering import Numbering
from beamloom.engine.streams.streamplan import ENDLESS, StreamLayout
from beamloom.events import Bearing, Packet, PacketKind


class Rejoin(msgspec.Struct, frozen=True):
    """What the next ingester of a stream is told."""

    cause: str
    """Why what nobody has is lost."""
    leased_until: int
    """One past the last event that had been leased."""
    seen: bool
    """Whether any packet of the stream had come."""
    over: bool
    """Whether the device has sent all that it had for the run."""
    bearing: Bearing | None = None
    needed_from: int = 0
    """Of the events before this one nobody needs a packet any more; but for the start event, which those see who come late."""


class Rejoining:
    """Where such a stream stands, and what of it is lost."""

    def __init__(self, stream: str, layout: StreamLayout, rejoin: Rejoin) -> None:
        self.looking = not rejoin.over
        """Whether no packet has told yet where the stream is."""
        self.until = ENDLESS if rejoin.over else 0
        """Of the events before this one, nothing more comes than is kept."""
        self.astray: str | None = None
        """Why the stream cannot be taken up."""
        self._stream = stream
        self._layout = layout
        self._rejoin = rejoin
        self._told_until = rejoin.leased_until
        self._claimed = RangeSet()
        self._started = False

    def place(self, packet: Packet, numbering: Numbering) -> int | None:
        """The item that ``packet`` is; None where it has none, or nobody knows."""
        if packet.kind is PacketKind.START:
            known = not self._rejoin.seen or numbering.one_series or packet.number is not None
            self._started = self._started or known
        elif packet.kind is PacketKind.END and packet.number is None:
            known = self._started or numbering.last_item is not None
        else:
            known = self._started or packet.number is not None
        if not known:
            self.astray = self.astray or (
                f"{self._rejoin.cause}; the packets of stream {self._stream!r} have no numbers, "
                "so nobody knows for which events they came after that; begin the run anew"
            )
            return None
        item = numbering.place(packet)
        return None if numbering.last_item is not None and item > numbering.last_item else item

    @property
    def unknown(self) -> bool:
        """Whether it is not known which packets the device has sent."""
        return self.looking or self._rejoin.over

    def found(self, until: int) -> None:
        """The stream goes on at event ``until``."""
        self.until = max(self.until, until)

    def give_up(self) -> None:
        """Nothing more will come."""
        self.looking, self.until = False, ENDLESS

    def at_dead_end(self, why: str) -> str:
        """What is said of all that comes no more."""
        return f"{self._rejoin.cause}; {why}"

    def claim(self, first: int, stop: int) -> None:
        """A worker lacks the packets of these events."""
        self._claimed.add(first, stop if self.looking else min(stop, self.until))

    def take_due(self) -> list[Range]:
        """The events whose packets somebody lacks and that the device has passed, each told once."""
        due = self._claimed.remove(0, self.until)
        if not self._rejoin.over and self._told_until < self.until < ENDLESS:
            due.append((self._told_until, self.until))
            self._told_until = self.until
        return due

    def losses(self, events: list[Range], *, written_ahead: bool) -> list[Loss]:
        """Nobody has the packets of these events; ``written_ahead``: what the former ingester had read would be on disk."""
        where = "on its way to it" if written_ahead else "in its memory or on its way to it"
        cause = f"{self._rejoin.cause}; the packet was {where}, or was sent while nobody listened"
        return [
            Loss(a, b, cause) for first, stop in events for a, b in wanted_events(self._layout, first, stop)
        ]
