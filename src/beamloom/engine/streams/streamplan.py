"""Which event each packet of one stream belongs to.

The trigger map says for every event whether a stream sends a packet and whether anybody wants it. For one stream that is a sequence of
runs: so many events without a packet, so many with one. The plan walks these runs once, in step with the packets; it never holds more
than the run it is in.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from beamloom.triggermap import CellKind

ENDLESS = 1 << 48
"""So many repeats are never run: more than a thousand years of the fastest detector."""


class LayoutRun(msgspec.Struct, frozen=True, array_like=True):
    """Consecutive events that are alike for one stream."""

    count: int
    kind: int
    """A CellKind."""
    wanted: int
    """From how many streams in all the event's packets are wanted; 0 where that of this stream is not."""


class StreamLayout(msgspec.Struct, frozen=True):
    """What the trigger map says of one stream: runs for each part, and the order of the parts.

    ``sequence`` holds (part, times); times None repeats until the run is closed. ``end`` is the run of the end event that an open-ended map
    goes on with when it is closed. ``wrapped`` says that the first and the last event are the start and the end event.
    """

    parts: tuple[tuple[LayoutRun, ...], ...]
    sequence: tuple[tuple[int, int | None], ...]
    wrapped: bool
    end: LayoutRun | None = None


class Stretch(msgspec.Struct, frozen=True, gc=False):
    """Consecutive events [first, stop) that are alike for the stream."""

    first: int
    stop: int
    kind: CellKind
    wanted: int


class Walk:
    """The runs of all events in order, one by one; an open-ended layout has no end. Where it is are three integers."""

    def __init__(self, layout: StreamLayout) -> None:
        self._layout = layout
        self._entry = 0
        self._times = 0
        self._run = 0

    def __iter__(self) -> Walk:
        return self

    def __next__(self) -> LayoutRun:
        while self._entry < len(self._layout.sequence):
            part, times = self._layout.sequence[self._entry]
            runs, many = self._layout.parts[part], ENDLESS if times is None else times
            if not runs or self._times >= many:
                self._entry, self._times = self._entry + 1, 0
            elif len(runs) == 1:
                self._times = many
                return msgspec.structs.replace(runs[0], count=runs[0].count * many)
            else:
                run = runs[self._run]
                self._run += 1
                if self._run == len(runs):
                    self._run, self._times = 0, self._times + 1
                return run
        raise StopIteration


def items_before(layout: StreamLayout, event: int) -> int:
    """How many packets the device sends for the events before ``event``."""
    items = begin = 0
    for run in Walk(layout):
        if begin >= event:
            break
        if run.kind != CellKind.NONE:
            items += min(run.count, event - begin)
        begin += run.count
    return items


class StreamPlan:
    """Walks the events of one stream; items are counted from 0 over those events for which the device sends a packet."""

    def __init__(self, layout: StreamLayout) -> None:
        self._layout = layout
        self._runs: Iterator[LayoutRun] = Walk(layout)
        self._event = 0
        self._current: Stretch | None = None
        self.next_item = 0
        """The item that comes next."""
        self.open_ended = any(times is None for _, times in layout.sequence)
        self.last_item = None if self.open_ended else self._count_items() - 1
        """The last item of the run; None while the run is open-ended."""

    def _count_items(self) -> int:
        per_part = [
            sum(run.count for run in part if run.kind != CellKind.NONE) for part in self._layout.parts
        ]
        return sum(per_part[part] * (times or 0) for part, times in self._layout.sequence)

    def _stretch(self) -> Stretch | None:
        """The events from here on that are alike; None behind the last event."""
        while self._current is None or self._current.first >= self._current.stop:
            run = next(self._runs, None)
            if run is None:
                return None
            stop = self._event + run.count
            self._current = Stretch(self._event, stop, CellKind(run.kind), run.wanted)
            self._event = stop
        return self._current

    @property
    def next_event(self) -> int:
        """The event of the next item; behind the last item, the number of events of the run."""
        while True:
            stretch = self._stretch()
            if stretch is None:
                return self._event
            if stretch.kind != CellKind.NONE:
                return stretch.first
            self._current = None

    @property
    def alike_until(self) -> int:
        """The events from ``next_event`` up to here are alike and have a packet each; ``next_event`` itself behind the last item."""
        event = self.next_event
        return event if self._current is None else self._current.stop

    def take(self, until_item: int) -> list[Stretch]:
        """Go past the items before ``until_item``; returns the events that they belong to, in stretches that are alike.

        Stops at the end of the run: items behind it belong to no event and are not in the answer.
        """
        taken: list[Stretch] = []
        while self.next_item < until_item:
            stretch = self._stretch()
            if stretch is None:
                break
            if stretch.kind == CellKind.NONE:
                self._current = None
                continue
            count = min(until_item - self.next_item, stretch.stop - stretch.first)
            middle = stretch.first + count
            taken.append(Stretch(stretch.first, middle, stretch.kind, stretch.wanted))
            self._current = Stretch(middle, stretch.stop, stretch.kind, stretch.wanted)
            self.next_item += count
        return taken

    def close(self, event: int) -> list[Stretch]:
        """The open-ended run ends before ``event``, which is its end event if it has one.

        Returns the events before ``event`` that were to have a packet of this stream and now will not.
        """
        missing: list[Stretch] = []
        while True:
            stretch = self._stretch()
            if stretch is None or stretch.first >= event:
                break
            if stretch.kind != CellKind.NONE:
                missing.append(Stretch(stretch.first, min(stretch.stop, event), stretch.kind, stretch.wanted))
                self.next_item += min(stretch.stop, event) - stretch.first
            self._current = None
            self._event = min(stretch.stop, event)
        self._current = None
        self._event = event
        end = self._layout.end
        self._runs = iter((end,)) if end is not None else iter(())
        self.open_ended = False
        has_end = end is not None and end.kind != CellKind.NONE
        self.last_item = self.next_item if has_end else self.next_item - 1
        return missing
