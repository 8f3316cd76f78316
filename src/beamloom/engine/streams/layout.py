"""The trigger map from the point of view of one stream."""

from __future__ import annotations

import itertools

import msgspec
import numpy as np

from beamloom.engine.ranges import Range, RangeSet
from beamloom.engine.streams.streamplan import LayoutRun, StreamLayout, Walk
from beamloom.triggermap import CellKind, Part, TriggerMap


def stream_layout(trigger_map: TriggerMap, stream: str) -> StreamLayout:
    """What ``trigger_map`` says of ``stream``, small enough to be sent to its ingester."""
    names = list(dict.fromkeys(repeat.part for repeat in trigger_map.sequence))
    parts = tuple(_runs(trigger_map.parts[name], stream) for name in names)
    sequence: list[tuple[int, int | None]] = []
    end: LayoutRun | None = None
    for repeat in trigger_map.sequence:
        number = names.index(repeat.part)
        if sequence and sequence[-1][1] is None:
            end = parts[number][0]
        else:
            sequence.append((number, repeat.times))
    return StreamLayout(parts, tuple(sequence), trigger_map.wrapped, end)


def _runs(part: Part, stream: str) -> tuple[LayoutRun, ...]:
    absent = np.zeros(part.length, np.uint8)
    kinds = part.columns[stream].kinds if stream in part.columns else absent
    wanted = sum(
        (column.kinds == CellKind.WANTED for column in part.columns.values()), start=absent.astype(np.int64)
    )
    if not part.length:
        return ()
    # Where the stream's packet is not wanted the number says nothing; as one run, a part without any is not walked repeat by repeat.
    wanted = np.where(kinds == CellKind.WANTED, wanted, 0)
    changes = np.flatnonzero((kinds[1:] != kinds[:-1]) | (wanted[1:] != wanted[:-1])) + 1
    edges = [0, *changes.tolist(), part.length]
    return tuple(
        LayoutRun(stop - first, int(kinds[first]), int(wanted[first]))
        for first, stop in itertools.pairwise(edges)
    )


class WantedEvents:
    """The events in which a packet of one stream is wanted, in order, each once."""

    def __init__(self, layout: StreamLayout, first: int = 0) -> None:
        """Those from event ``first`` on."""
        self._runs = Walk(layout)
        self._next = 0
        self._run_stop = 0
        self._wanted = False
        self.before(first)

    def before(self, stop: int) -> list[Range]:
        """Those before event ``stop`` that no earlier call has returned."""
        wanted = RangeSet()
        while self._next < stop:
            if self._next == self._run_stop:
                run = next(self._runs, None)
                if run is None:
                    break
                self._run_stop += run.count
                self._wanted = run.kind == CellKind.WANTED
                continue
            until = min(self._run_stop, stop)
            if self._wanted:
                wanted.add(self._next, until)
            self._next = until
        return list(wanted)


def wanted_events(layout: StreamLayout, first: int, stop: int) -> list[Range]:
    """The events in [first, stop) in which a packet of the stream is wanted."""
    return WantedEvents(layout, first).before(stop)


def closed_layout(layout: StreamLayout, event: int) -> StreamLayout:
    """The layout of an open-ended run that has been closed before ``event``."""
    known = sum(
        sum(run.count for run in layout.parts[part]) * times
        for part, times in layout.sequence
        if times is not None
    )
    open_part = next(part for part, times in layout.sequence if times is None)
    length = sum(run.count for run in layout.parts[open_part])
    whole, rest = divmod(event - known, length)
    head: list[LayoutRun] = []
    for run in layout.parts[open_part]:
        if rest > 0:
            head.append(msgspec.structs.replace(run, count=min(run.count, rest)))
            rest -= run.count
    parts = [*layout.parts, tuple(head)]
    sequence = [entry for entry in layout.sequence if entry[1] is not None]
    sequence += [(open_part, whole), (len(parts) - 1, 1)]
    if layout.end is not None:
        parts.append((layout.end,))
        sequence.append((len(parts) - 1, 1))
    return StreamLayout(tuple(parts), tuple(sequence), layout.wrapped)
