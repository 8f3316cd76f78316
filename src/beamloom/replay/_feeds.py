"""Where the packets of a replay come from, and what is in them."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol

from beamloom.engine.ranges import RangeSet
from beamloom.engine.streamplan import StreamLayout, StreamPlan
from beamloom.errors import UserError
from beamloom.events import Packet, PacketKind, UnknownPacketType
from beamloom.recordings.reader import RecordingReader


class RecordLike(Protocol):
    """Packets of one event, as recordings and user sources give them."""

    event_number: int
    streams: dict[str, Packet]


Feed = Callable[[], Iterable[RecordLike]]
"""Gives the records of one ingester from the beginning, each time it is called."""


def file_feed(path: str | Path) -> Feed:
    """The records of a recording. Raises a UserError for a file that is none."""
    reader = RecordingReader(path, allow_pickle=str(path).removesuffix(".gz").endswith(".pkls"))
    return lambda: iter(reader)


def source_feeds(source_class: type) -> list[Feed]:
    """The records that a class of the user makes in code: one feed for each generator of ``get_source_generators``."""
    if not callable(getattr(source_class, "get_source_generators", None)):
        raise UserError(
            f"{source_class.__name__} has no method get_source_generators; a source returns a list of generators of records from it"
        )
    count = len(source_class().get_source_generators())
    return [lambda number=number: source_class().get_source_generators()[number] for number in range(count)]  # type: ignore[misc]


class Survey:
    """What is in the feeds: which stream has packets for which events."""

    def __init__(self, feeds: Sequence[Feed]) -> None:
        self.events: dict[str, RangeSet] = {}
        self.stream_feeds: dict[str, list[Feed]] = {}
        self._first: dict[str, tuple[int, Packet]] = {}
        self._last: dict[str, tuple[int, Packet]] = {}
        for feed in feeds:
            self._look_through(feed)
        if not self.events:
            raise UserError("there is nothing to replay: the recordings are empty")

    def _look_through(self, feed: Feed) -> None:
        for record in feed():
            event = record.event_number
            for stream, packet in record.streams.items():
                self.events.setdefault(stream, RangeSet()).add(event, event + 1)
                feeds = self.stream_feeds.setdefault(stream, [])
                if feed not in feeds:
                    feeds.append(feed)
                if stream not in self._first or event < self._first[stream][0]:
                    self._first[stream] = (event, packet)
                if stream not in self._last or event > self._last[stream][0]:
                    self._last[stream] = (event, packet)

    @property
    def total_events(self) -> int:
        """One more than the largest event number."""
        return 1 + max(event for event, _ in self._last.values())

    @property
    def ends_series(self) -> bool:
        """Whether the last event closes the series of its streams."""
        last = [packet for event, packet in self._last.values() if event == self.total_events - 1]
        return any(_kind(packet) is PacketKind.END for packet in last)


def _kind(packet: Packet) -> PacketKind:
    """What the parser of a recorded packet says that it is."""
    try:
        kind = getattr(packet.parse(), "packet_kind", PacketKind.DATA)
    except (UnknownPacketType, ValueError):
        return PacketKind.DATA
    return PacketKind(kind)


class SharedFeed:
    """One pass over a feed for all the streams in it."""

    def __init__(self, feed: Feed, streams: Iterable[str]) -> None:
        self._records: Iterator[RecordLike] = iter(feed())
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
        self._stream = stream
        self._latency = latency
        self._not_before = 0.0
        self._feeds = list(feeds)
        self._plan = StreamPlan(layout)
        self._wrapped = layout.wrapped
        self.outside = 0
        """Packets for whose events the trigger map has no packet of this stream."""

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
        return not any(feed.has_more(self._stream) for feed in self._feeds)

    def read(self, limit: int) -> Sequence[Packet]:
        """The next packets."""
        if self._latency is not None:
            if time.monotonic() < self._not_before:
                return []
            self._not_before = time.monotonic() + self._latency
            limit = 1
        for feed in self._feeds:
            if feed.has_more(self._stream):
                taken = feed.take(self._stream, limit)
                return [
                    placed for event, packet in taken if (placed := self._placed(event, packet)) is not None
                ]
        return []

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
        kind = PacketKind.DATA
        if self._wrapped and item == 0:
            kind = PacketKind.START
        elif self._wrapped and item == plan.last_item:
            kind = PacketKind.END
        return Packet(packet.typ, packet.frames, item, kind)

    def close(self) -> None:
        """Nothing to release."""
