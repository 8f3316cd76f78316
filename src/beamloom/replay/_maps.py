"""The trigger map of a replay: the recorded one, or one that follows from the recordings."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from beamloom.engine.ranges import RangeSet
from beamloom.errors import UserError
from beamloom.replay._feeds import Survey
from beamloom.triggermap import Column, Part, Repeat, Slot, TriggerMap, TriggerMapError, VirtualWorker


def recorded_map(path: Path, survey: Survey) -> TriggerMap:
    """The map that was recorded beside the packets; an open-ended one has as many events as were recorded."""
    try:
        trigger_map = TriggerMap.from_json(path.read_bytes(), all_wrap=False)
    except TriggerMapError as error:
        raise UserError(f"{path}: {error}") from error
    missing = set(survey.events) - set(trigger_map.streams)
    if missing:
        raise UserError(
            f"{path} says nothing of stream {', '.join(sorted(missing))}; leave out its recording, or move the map away"
        )
    return trigger_map if trigger_map.total_events is not None else _closed(trigger_map, survey)


def _closed(trigger_map: TriggerMap, survey: Survey) -> TriggerMap:
    """The open part, as often as it was really repeated."""
    parts = dict(trigger_map.parts)
    sequence: list[Repeat] = []
    left = survey.total_events - (1 if trigger_map.wrapped else 0)
    for repeat in trigger_map.sequence:
        length = parts[repeat.part].length
        if repeat.times is not None:
            sequence.append(repeat)
            left -= length * repeat.times
            continue
        whole, rest = divmod(max(0, left), length)
        sequence.append(Repeat(repeat.part, whole))
        if rest:
            name = f"{repeat.part} (first {rest})"
            cells = {
                s: [parts[repeat.part].cell(s, i) for i in range(rest)] for s in parts[repeat.part].streams
            }
            parts[name] = Part.from_cells(cells, name=name)
            sequence.append(Repeat(name))
    return TriggerMap(parts, sequence, all_wrap=False)


def derived_map(survey: Survey, *, broadcast_first: bool = True) -> TriggerMap:
    """A map for recordings without one: each event to the next free worker, the first and a closing one to all of them."""
    total = survey.total_events
    first = 1 if broadcast_first and any(0 in events for events in survey.events.values()) else 0
    last = total - 1 if survey.ends_series and total - 1 > first else total
    parts: dict[str, Part] = {}
    if first:
        parts["start"] = _broadcast(survey, 0)
    if last > first:
        columns = {stream: _column(events, first, last) for stream, events in survey.events.items()}
        parts["main"] = Part(columns)
    if last < total:
        parts["end"] = _broadcast(survey, last)
    return TriggerMap(parts, list(parts), all_wrap=False)


def _broadcast(survey: Survey, event: int) -> Part:
    everyone = (VirtualWorker(),)
    return Part.from_cells(
        {stream: [everyone if event in events else None] for stream, events in survey.events.items()}
    )


def _column(events: RangeSet, first: int, last: int) -> Column:
    present = np.zeros(last - first, np.int64)
    for start, stop in events.within(first, last):
        present[start - first : stop - first] = 1
    return Column([None, (Slot(("generic",), True),)], present, np.flatnonzero(present) + first)
