"""Results on their way from a worker to the reducer.

Invariant: a batch is kept until the reducer has said that it took it; batches carry growing sequence numbers. When another reducer takes
the place of the first, it is sent all that is kept, in order, under the same numbers. Beyond a budget in bytes the outbox is full: its
worker begins no new event before something was taken.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from beamloom.engine.feedback import Spoken
from beamloom.engine.ranges import Range
from beamloom.events import frame_bytes
from beamloom.transport.channel import Channel
from beamloom.transport.codec import Encoded
from beamloom.transport.messages import Results, ResultSpan

Large = Mapping[int, Sequence[Any]]
"""By the place of a result, the bytes of its large arrays."""
NOTHING_LARGE: Large = MappingProxyType({})
SpokenWith = Mapping[int, list[Spoken]]
"""By the place of a result, what the map has said with it."""
NOTHING_SPOKEN: SpokenWith = MappingProxyType({})


class Outbox:
    """Gathers results into batches, and keeps them until they are taken."""

    def __init__(self, channel: Channel, reducer: str, run: str, budget: int = 1 << 28) -> None:
        """``budget``: bytes of results under way with which the outbox is full."""
        self._channel = channel
        self.reducer = reducer
        """To whom it sends."""
        self._run = run
        self._budget = budget
        self.bytes = 0
        """Bytes of the results that are under way."""
        self._sequence = 0
        self._kept: deque[tuple[Results, Sequence[Any]]] = deque()
        self._spans: list[ResultSpan] = []
        self._slot = self._epoch = 0
        self._first = self._next = -1
        """The span that results are added to; none where both are the same."""
        self._heads: list[bytes] = []
        self._counts: list[int] = []
        """Of each result with large arrays, and those before it, how many; none while there are none."""
        self._buffers: list[Any] = []
        self._combined: list[list[Range]] = []
        self._split: list[int] = []
        self._spoken: list[tuple[int, list[Spoken]]] = []

    def mark_split(self, events: Iterable[int]) -> None:
        """Events whose results come now or later have several deliveries."""
        self._split += events

    def add_combined(
        self, slot: int, events: list[Range], epoch: int, result: Encoded, spoken: list[Spoken]
    ) -> None:
        """The deliveries of these events are done, with one result for all of them."""
        self._combined += [[]] * (len(self._heads) - len(self._combined))
        self._combined.append(events)
        large = {0: result.buffers} if result.buffers else {}
        self.add(slot, events[-1][1] - 1, epoch, [result.head], large, {0: spoken} if spoken else {})

    def add(
        self,
        slot: int,
        first: int,
        epoch: int,
        heads: Sequence[bytes],
        large: Large = NOTHING_LARGE,
        spoken: SpokenWith = NOTHING_SPOKEN,
    ) -> None:
        """The deliveries of consecutive events are done: the heads of their results, empty where the map returned None."""
        if first != self._next or slot != self._slot or epoch != self._epoch:
            self._end_span()
            self._slot, self._epoch, self._first = slot, epoch, first
        self._next = first + len(heads)
        for place, buffers in large.items():
            self._counts += [0] * (len(self._heads) + place - len(self._counts))
            self._counts.append(len(buffers))
            self._buffers += buffers
        if spoken:
            self._spoken += [(len(self._heads) + place, said) for place, said in spoken.items()]
        self._heads += heads

    def _end_span(self) -> None:
        if self._next > self._first:
            self._spans.append((self._slot, self._epoch, self._first, self._next))
        self._first = self._next = -1

    def flush(self, ahead: int = 0) -> None:
        """Send what has been gathered; ``ahead``: the deliveries that are still before this worker."""
        self._end_span()
        if not self._spans:
            return
        self._sequence += 1
        if self._combined:
            self._combined += [[]] * (len(self._heads) - len(self._combined))
        if self._counts:
            self._counts += [0] * (len(self._heads) - len(self._counts))
        message = Results(
            self._run,
            self._sequence,
            spans=self._spans,
            sizes=_short(list(map(len, self._heads))),
            buffers=self._counts,
            combined=self._combined,
            split=self._split,
            feedback=self._spoken,
            ahead=ahead,
        )
        frames = [b"".join(self._heads), *self._buffers]
        self._kept.append((message, frames))
        self.bytes += _size(frames)
        self._channel.send(self.reducer, message, frames)
        self._spans = []
        self._heads, self._counts, self._buffers, self._combined = [], [], [], []
        self._split, self._spoken = [], []

    def taken(self, reducer: str, sequence: int) -> None:
        """``reducer`` has taken all batches up to this one; what one says that is not the run's any more, does not count."""
        if reducer != self.reducer:
            return
        while self._kept and self._kept[0][0].sequence <= sequence:
            self.bytes -= _size(self._kept.popleft()[1])

    def redirect(self, reducer: str) -> None:
        """The run has another reducer: send it all that was not taken."""
        if reducer != self.reducer:
            self._channel.disconnect(self.reducer)
        self.reducer = reducer
        for message, frames in self._kept:
            self._channel.send(reducer, message, frames)

    @property
    def full(self) -> bool:
        """Whether nothing should be added before something was taken."""
        return self.bytes >= self._budget

    def deliveries(self) -> Iterator[tuple[int, int, int]]:
        """Slot, first event and one past the last of all that is here, gathered or under way."""
        for message, _ in self._kept:
            yield from _deliveries(message.spans, message.combined)
        self._end_span()
        yield from _deliveries(self._spans, self._combined)

    @property
    def unacknowledged(self) -> int:
        """Batches that are under way."""
        return len(self._kept)


def _size(frames: Sequence[Any]) -> int:
    return sum(map(frame_bytes, frames))


def _deliveries(spans: list[ResultSpan], combined: list[list[Range]]) -> Iterator[tuple[int, int, int]]:
    place = 0
    for slot, _, first, stop in spans:
        if not combined:
            yield slot, first, stop
            continue
        for event in range(first, stop):
            merged = combined[place] if place < len(combined) else []
            for start, end in merged or [(event, event + 1)]:
                yield slot, start, end
            place += 1


def _short(values: list[int]) -> list[int]:
    return values[:1] if values.count(values[0]) == len(values) else values
