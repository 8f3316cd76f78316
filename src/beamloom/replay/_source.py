"""Recordings in the place of devices.

Policy: a packet has the number and the kind that it had live, also where a run holds several series of a stream; a recording says neither.
Where a map says that each packet has a place of its own, each is asked what it is. Where it wraps one series, the map says what opens and
closes it, and only what has another number of frames than its data is asked: the header of a PandaBox that is armed again.
"""

from __future__ import annotations

import functools
import time
from collections import deque
from collections.abc import Iterable, Iterator, Sequence

from beamloom.devices.sources.at_hand import AtHand
from beamloom.engine.accounts.ledger import Loss
from beamloom.engine.streams.layout import wanted_events
from beamloom.engine.streams.packet_rows import PacketRow
from beamloom.engine.streams.streamplan import StreamLayout, StreamPlan
from beamloom.events import Packet, PacketKind, UnknownPacketType, find_parser
from beamloom.recordings.runs import RecordRun
from beamloom.replay._feeds import Feed
from beamloom.replay._survey import kind_of

QUEUED_BYTES = 1 << 25
"""Bytes of other streams with which one of a feed has to wait until they are taken, before it reads on."""

MOST_SIZES = 1000
"""Of so many packets of data of different sizes the sizes are remembered."""

Placed = tuple[int, PacketRow]
"""Packets of consecutive events, the first of which is this one."""


class SharedFeed:
    """One pass over a feed for all the streams in it."""

    def __init__(self, feed: Feed, streams: Iterable[str]) -> None:
        self._runs: Iterator[RecordRun | None] = feed.runs()
        self._queues: dict[str, deque[Placed]] = {stream: deque() for stream in streams}
        self._queued = 0
        self.exhausted = False

    def take(self, stream: str, limit: int) -> list[Placed]:
        """At most ``limit`` packets of ``stream`` with their events; none also where others have to take theirs before."""
        queue = self._queues[stream]
        while not queue and not self.exhausted and self._queued < QUEUED_BYTES:
            if not self._read_on():
                break
        taken: list[Placed] = []
        while queue and limit > 0:
            event, row = queue.popleft()
            if row.count > limit:
                queue.appendleft((event + limit, row.part(limit, row.count)))
                row = row.part(0, limit)
            limit -= row.count
            self._queued -= row.nbytes
            taken.append((event, row))
        return taken

    def _read_on(self) -> bool:
        """Whether there was anything to read at this moment."""
        try:
            run = next(self._runs)
        except StopIteration:
            self.exhausted = True
            return False
        if run is None:
            return False
        for stream, row in run.rows().items():
            if stream in self._queues:
                self._queues[stream].append((run.first, row))
                self._queued += row.nbytes
        return True

    def has_more(self, stream: str) -> bool:
        """Whether there may be more packets of ``stream``."""
        return not self.exhausted or bool(self._queues[stream])


class RecordedSource(AtHand):
    """A source whose packets come from recordings: the recorded event numbers place them, whatever the device counted."""

    rearms = True
    """Every series has its place, as it has been given it once."""

    def __init__(
        self,
        stream: str,
        feeds: Sequence[SharedFeed],
        layout: StreamLayout,
        latency: float | None = None,
        *,
        finds_end: bool = False,
    ) -> None:
        """``latency``: give at most one packet in so many seconds. ``finds_end``: the packets tell which of them closes the series."""
        self._finds_end = finds_end
        self.stream = stream
        self._latency = latency
        self._not_before = 0.0
        self._feeds = [(feed, deque[Placed]()) for feed in feeds]
        self._layout = layout
        self._plan = StreamPlan(layout)
        self._sizes_of_data: set[tuple[int, ...]] = set()
        self._placed_until = 0
        self._series_start = 0
        self._frames: int | None = None
        """Of what came last that neither opens nor closes a series."""
        self.outside = 0
        """Packets for whose events the trigger map has no packet of this stream, or that come after a later event's."""

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
        return [packet for row in self.read_rows(limit) for packet in row]

    def read_rows(self, limit: int) -> Sequence[PacketRow]:
        """The same in rows."""
        if self._latency is not None:
            if time.monotonic() < self._not_before:
                return []
            self._not_before = time.monotonic() + self._latency
            limit = 1
        return [row for event, packets in self._next(limit) for row in self._placed(event, packets)]

    def _next(self, limit: int) -> list[Placed]:
        """The next packets of all recordings in the order of their events: ingesters that shared the stream have each a part of it."""
        taken: list[Placed] = []
        while limit > 0:
            for feed, ahead in self._feeds:
                if not ahead and feed.has_more(self.stream):
                    ahead.extend(feed.take(self.stream, limit))
            if any(not ahead and feed.has_more(self.stream) for feed, ahead in self._feeds):
                break
            first = min((ahead for _, ahead in self._feeds if ahead), key=_event_of_first, default=None)
            if first is None:
                break
            event, row = first.popleft()
            other = min(
                (ahead[0][0] for _, ahead in self._feeds if ahead and ahead is not first), default=None
            )
            count = min(limit, row.count if other is None else max(1, other - event))
            if count < row.count:
                first.appendleft((event + count, row.part(count, row.count)))
                row = row.part(0, count)
            limit -= row.count
            taken.append((event, row))
        return taken

    def _placed(self, first: int, packets: PacketRow) -> Iterator[PacketRow]:
        """Those that the map has a place for, with the numbers of their places."""
        plan = self._plan
        begin = 0
        while begin < packets.count:
            self._skip_to(first + begin)
            item, end = plan.next_item, begin
            while end < packets.count and plan.next_event == first + end:
                count = min(packets.count - end, plan.alike_until - first - end)
                if count == 0:
                    break
                plan.take(plan.next_item + count)
                end += count
            if end == begin:
                self.outside += 1
                begin += 1
                continue
            self._placed_until = first + end
            yield from self._numbered(item, packets.part(begin, end))
            begin = end

    def _skip_to(self, event: int) -> None:
        plan = self._plan
        while plan.next_event < event:
            item = plan.next_item
            plan.take(item + min(event, plan.alike_until) - plan.next_event)
            if plan.next_item == item:
                break

    def _numbered(self, item: int, packets: PacketRow) -> Iterator[PacketRow]:
        """With their numbers, which count from the last START on; what opens and what closes a series stands alone.

        A wrapped map says which these are. One that was made for the recording, or of a run that was stopped, does not: there the
        first and the last packet say themselves what they are.
        """
        begin, until = 0, packets.count
        opens = item == 0 and (self._layout.wrapped or _first_of(packets) is PacketKind.START)
        closes = until > opens and self._is_last(item + until - 1, packets)
        marks = self._marks(packets, int(opens), until - closes)
        if opens:
            marks = [(0, PacketKind.START), *marks]
        if closes:
            marks = [*marks, (until - 1, PacketKind.END)]
        for at, kind in [*marks, (until, PacketKind.DATA)]:
            if begin < at:
                yield packets.part(begin, at).numbered(item + begin - self._series_start, PacketKind.DATA)
            if at < until:
                number = item + at - (0 if kind is PacketKind.START else self._series_start)
                yield packets.part(at, at + 1).numbered(number, kind)
                if kind is PacketKind.START:
                    self._series_start = item + at
            begin = at + 1

    def _marks(self, packets: PacketRow, begin: int, end: int) -> list[tuple[int, PacketKind]]:
        """The places in [begin, end) of what opens or closes a series in the middle of the run."""
        asked = not self._layout.wrapped or packets.per_packet != self._frames
        # What closes one series of an open-ended run would end the run.
        if not asked or begin >= end or self._plan.open_ended or not _can_be_asked(packets.typ):
            return []
        marks: list[tuple[int, PacketKind]] = []
        each, sizes = packets.per_packet, packets.sizes
        for at in range(begin, end):
            these = tuple(sizes if packets.alike else sizes[at * each : (at + 1) * each])
            if these in self._sizes_of_data:
                if packets.alike:
                    break
                continue
            if (kind := kind_of(packets[at])) is PacketKind.START or kind is PacketKind.END:
                marks.append((at, kind))
            elif each > 1:
                self._note_data(these)
        if len(marks) < end - begin:
            self._frames = packets.per_packet
        return marks

    def _note_data(self, sizes: tuple[int, ...]) -> None:
        """A packet with frames of these sizes was data: so are others with several frames that have them, and nobody has to parse them."""
        if len(self._sizes_of_data) >= MOST_SIZES:
            self._sizes_of_data.clear()
        self._sizes_of_data.add(sizes)

    def _is_last(self, item: int, packets: PacketRow) -> bool:
        """Whether the last of these closes the series."""
        if not self._finds_end:
            if item != self._plan.last_item:
                return False
            if self._layout.wrapped:
                return True
        (last,) = packets.part(packets.count - 1, packets.count)
        return kind_of(last) is PacketKind.END


@functools.cache
def _can_be_asked(typ: str) -> bool:
    """Whether there is a parser for packets of this type; a missing one is looked for long."""
    try:
        find_parser(typ)
    except UnknownPacketType:
        return False
    return True


def _first_of(packets: PacketRow) -> PacketKind | None:
    (first,) = packets.part(0, 1)
    return kind_of(first)


def _event_of_first(ahead: deque[Placed]) -> int:
    return ahead[0][0]
