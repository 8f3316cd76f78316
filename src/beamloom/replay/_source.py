"""Recordings in the place of devices."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from beamloom.engine.layout import wanted_events
from beamloom.engine.ledger import Loss
from beamloom.engine.streamplan import StreamLayout, StreamPlan
from beamloom.events import Packet, PacketKind
from beamloom.replay._feeds import Feed, RecordLike


class SharedFeed:
    """One pass over a feed for all the streams in it."""

    def __init__(self, feed: Feed, streams: Iterable[str]) -> None:
        self._records: Iterator[RecordLike] = feed.records()
        self._queues: dict[str, deque[tuple[int, Packet]]] = {stream: deque() for stream in streams}
        self.exhausted = False

    def take(self, stream: str, limit: int) -> list[tuple[int, Packet]]:
        """At most ``limit`` packets of ``stream`` with their events; reads on by at most ``limit`` records."""
        queue = self._queues[stream]
        for _ in range(limit):
            if len(queue) >= limit or self.exhausted:
                break
            record = next(self._records, None)
            if record is None:
                self.exhausted = True
                break
            for name, packet in record.streams.items():
                if name in self._queues:
                    self._queues[name].append((record.event_number, packet))
        return [queue.popleft() for _ in range(min(limit, len(queue)))]

    def has_more(self, stream: str) -> bool:
        """Whether there may be more packets of ``stream``."""
        return not self.exhausted or bool(self._queues[stream])


class RecordedSource:
    """A source whose packets come from recordings: the recorded event numbers place them, whatever the device counted."""

    def __init__(
        self, stream: str, feeds: Sequence[SharedFeed], layout: StreamLayout, latency: float | None = None
    ) -> None:
        """``latency``: give at most one packet in so many seconds."""
        self.stream = stream
        self._latency = latency
        self._not_before = 0.0
        self._feeds = [(feed, deque[tuple[int, Packet]]()) for feed in feeds]
        self._layout = layout
        self._plan = StreamPlan(layout)
        self._placed_until = 0
        self.outside = 0
        """Packets for whose events the trigger map has no packet of this stream, or that come after a later event's."""

    def open(self) -> None:
        """Nothing to connect to."""

    def connected(self) -> bool:
        """Recordings are always there."""
        return True

    def connection_problem(self) -> str | None:
        """There is none."""
        return None

    @property
    def pollable(self) -> Any:
        """Nothing to wait for."""
        return None

    @property
    def exhausted(self) -> bool:
        """Whether everything has been read."""
        return not any(ahead or feed.has_more(self.stream) for feed, ahead in self._feeds)

    def missing(self, total_events: int) -> list[Loss]:
        """What the trigger map wants of this stream and the recordings, read to their ends, do not have any more."""
        cause = f"the recording of stream {self.stream!r} ends before the trigger map does"
        return [
            Loss(first, stop, cause)
            for first, stop in wanted_events(self._layout, self._placed_until, total_events)
        ]

    def read(self, limit: int) -> Sequence[Packet]:
        """The next packets."""
        if self._latency is not None:
            if time.monotonic() < self._not_before:
                return []
            self._not_before = time.monotonic() + self._latency
            limit = 1
        taken = self._next(limit)
        return [placed for event, packet in taken if (placed := self._placed(event, packet)) is not None]

    def _next(self, limit: int) -> list[tuple[int, Packet]]:
        """The next packets of all recordings in the order of their events: ingesters that shared the stream have each a part of it."""
        for feed, ahead in self._feeds:
            if not ahead and feed.has_more(self.stream):
                ahead.extend(feed.take(self.stream, limit))
        taken: list[tuple[int, Packet]] = []
        while len(taken) < limit:
            if any(not ahead and feed.has_more(self.stream) for feed, ahead in self._feeds):
                break
            first = min((ahead for _, ahead in self._feeds if ahead), key=_event_of_first, default=None)
            if first is None:
                break
            taken.append(first.popleft())
        return taken

    def _placed(self, event: int, packet: Packet) -> Packet | None:
        plan = self._plan
        while plan.next_event < event:
            item = plan.next_item
            plan.take(item + 1)
            if plan.next_item == item:
                break
        if plan.next_event != event:
            self.outside += 1
            return None
        item = plan.next_item
        plan.take(item + 1)
        if plan.next_item == item:
            self.outside += 1
            return None
        self._placed_until = event + 1
        kind = PacketKind.DATA
        if self._layout.wrapped and item == 0:
            kind = PacketKind.START
        elif self._layout.wrapped and item == plan.last_item:
            kind = PacketKind.END
        return Packet(packet.typ, packet.frames, item, kind)

    def close(self) -> None:
        """Nothing to release."""


def _event_of_first(ahead: deque[tuple[int, Packet]]) -> int:
    return ahead[0][0]
