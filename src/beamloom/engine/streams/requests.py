"""Which packets a software-triggered source is to produce, and when: one for each leased event that has a packet of its stream.

Invariant: each item of the stream is asked for once, in order, as soon as its event is leased for the first time.
"""

from __future__ import annotations

from collections.abc import Iterable

from beamloom.engine.assignment import Span
from beamloom.engine.streams.streamplan import StreamLayout, StreamPlan
from beamloom.events import PacketKind


class Requests:
    """The packets that have been asked for in one run."""

    def __init__(self, layout: StreamLayout) -> None:
        self._plan = StreamPlan(layout)
        self._wrapped = layout.wrapped
        self._until = 0

    def leased(self, spans: Iterable[Span]) -> list[PacketKind]:
        """These events are leased; returns the kinds of the packets to be asked for by that."""
        self._until = max((self._until, *(span.stop for span in spans)))
        wanted: list[PacketKind] = []
        plan = self._plan
        while plan.next_event < self._until and (plan.last_item is None or plan.next_item <= plan.last_item):
            wanted.append(self._kind(plan.next_item))
            plan.take(plan.next_item + 1)
        return wanted

    def _kind(self, item: int) -> PacketKind:
        if self._wrapped and item == 0:
            return PacketKind.START
        return PacketKind.END if self._wrapped and item == self._plan.last_item else PacketKind.DATA
