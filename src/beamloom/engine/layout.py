"""The trigger map from the point of view of one stream."""

from __future__ import annotations

import itertools

import numpy as np

from beamloom.engine.ranges import Range
from beamloom.engine.streamplan import LayoutRun, StreamLayout, StreamPlan
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
    changes = np.flatnonzero((kinds[1:] != kinds[:-1]) | (wanted[1:] != wanted[:-1])) + 1
    edges = [0, *changes.tolist(), part.length]
    return tuple(
        LayoutRun(stop - first, int(kinds[first]), int(wanted[first]))
        for first, stop in itertools.pairwise(edges)
    )


def wanted_events(layout: StreamLayout, first: int, stop: int) -> list[Range]:
    """The events in [first, stop) in which a packet of the stream is wanted."""
    plan = StreamPlan(layout)
    wanted: list[Range] = []
    while plan.next_event < stop:
        event = plan.next_event
        for stretch in plan.take(plan.next_item + stop - event):
            if stretch.kind == CellKind.WANTED and stretch.stop > first and stretch.first < stop:
                wanted.append((max(stretch.first, first), min(stretch.stop, stop)))
        if plan.next_event == event:
            break
    return wanted
