"""The packets that a pipeline is measured with: one pass over a recording, in memory, and the trigger map of many passes.

Policy: what opens the recording (one event at its beginning that stands for itself) and what closes it are sent once, all in between again
and again, so that a recording of a second keeps a pipeline busy for many. Nothing is made up: where the recording lacks a packet, it is
lacking in each pass.
"""

from __future__ import annotations

import heapq
import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import msgspec

from beamloom.engine.streams.layout import stream_layout, wanted_events
from beamloom.errors import UsageError
from beamloom.events import Packet
from beamloom.recordings import Record, RecordingWriter
from beamloom.recordings.runs import records_of
from beamloom.replay import Replay
from beamloom.replay._feeds import Feed
from beamloom.triggermap import Repeat, TriggerMap


class Extent(msgspec.Struct, frozen=True):
    """Of how many events, or items of one stream, the parts of a recording are."""

    head: int
    body: int
    tail: int

    @property
    def total(self) -> int:
        """All of one pass."""
        return self.head + self.body + self.tail

    def passes(self, count: int) -> int:
        """All of ``count`` passes."""
        return self.head + self.body * count + self.tail


class Material:
    """One pass over a recording."""

    def __init__(self, replay: Replay, most_bytes: int) -> None:
        """Raises UsageError for recordings of more than ``most_bytes``: they are held in memory."""
        self.trigger_map = replay.trigger_map
        begun = time.perf_counter()
        self.events = dict(_events(replay.feeds, most_bytes))
        total = self.trigger_map.total_events or 0
        self.seconds_read = (time.perf_counter() - begun) / max(1, len(self.events))
        """How long reading took, for each event."""
        sequence = self.trigger_map.sequence
        opens = len(sequence) > 1 and self._length(sequence[0]) == 1
        closes = len(sequence) > 1 + opens and self._length(sequence[-1]) == 1
        self.extent = Extent(int(opens), total - opens - closes, int(closes))

    def _length(self, repeat: Repeat) -> int:
        return self.trigger_map.parts[repeat.part].length * (repeat.times or 0)

    def map_of(self, passes: int) -> TriggerMap:
        """The trigger map of so many passes."""
        sequence = list(self.trigger_map.sequence)
        head, tail = sequence[: self.extent.head], sequence[len(sequence) - self.extent.tail :]
        body = sequence[self.extent.head : len(sequence) - self.extent.tail]
        if len(body) == 1:
            body = [Repeat(body[0].part, (body[0].times or 0) * passes)]
        else:
            body = body * passes
        return TriggerMap(self.trigger_map.parts, [*head, *body, *tail], all_wrap=False)

    def items_of(self, stream: str) -> Extent:
        """How many packets of ``stream`` the parts of one pass want."""
        layout = stream_layout(self.trigger_map, stream)

        def wanted(first: int, stop: int) -> int:
            return sum(b - a for a, b in wanted_events(layout, first, stop))

        whole, behind = self.extent.total, self.extent.total - self.extent.tail
        return Extent(wanted(0, self.extent.head), wanted(self.extent.head, behind), wanted(behind, whole))

    def write(self, folder: Path) -> dict[str, Path]:
        """A recording for each stream, whose event numbers are its items; by stream."""
        paths = {stream: folder / f"{number}.cbors" for number, stream in enumerate(self.trigger_map.streams)}
        for stream, path in paths.items():
            layout = stream_layout(self.trigger_map, stream)
            wanted = (
                event
                for first, stop in wanted_events(layout, 0, self.extent.total)
                for event in range(first, stop)
            )
            with RecordingWriter(path) as writer:
                for item, event in enumerate(wanted):
                    packet = self.events.get(event, {}).get(stream)
                    if packet is not None:
                        writer.write(Record(item, {stream: packet}))
        return paths

    @property
    def bytes_of(self) -> dict[str, float]:
        """Mean bytes of a packet of each stream, in the part that is repeated."""
        sizes: dict[str, list[int]] = {stream: [] for stream in self.trigger_map.streams}
        for event, streams in self.events.items():
            if self.extent.head <= event < self.extent.head + self.extent.body:
                for stream, packet in streams.items():
                    if stream in sizes:
                        sizes[stream].append(packet.nbytes)
        return {stream: sum(some) / len(some) if some else 0.0 for stream, some in sizes.items()}


def _events(feeds: Iterable[Feed], most_bytes: int) -> Iterator[tuple[int, Mapping[str, Packet]]]:
    """The events of all feeds together, in their order."""
    number, streams, held = -1, dict[str, Packet](), 0
    records = [
        (record for run in feed.runs() if run is not None for record in records_of(run)) for feed in feeds
    ]
    for record in heapq.merge(*records, key=_number):
        if record.event_number != number and streams:
            yield number, streams
            streams = {}
        number = record.event_number
        for stream, packet in record.streams.items():
            # Its frames may be views of the file.
            streams[stream] = packet.get_bytes()
            held += streams[stream].nbytes
        if held > most_bytes:
            raise UsageError(
                f"the packets have more than {most_bytes / 1e6:.0f} MB by event {number}, and they are held in memory: "
                "name a shorter recording, or allow more with --memory"
            )
    if streams:
        yield number, streams


def _number(record: Record) -> int:
    return record.event_number
