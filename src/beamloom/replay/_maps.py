"""The trigger map of a replay: the recorded one, or one that follows from the recordings."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from beamloom.detectors.geometry import Detectors
from beamloom.engine.ranges import RangeSet
from beamloom.errors import UsageError
from beamloom.replay._survey import NothingRecorded, Survey
from beamloom.triggermap import (
    RESERVED_PART,
    Column,
    Part,
    Repeat,
    Slot,
    TriggerMap,
    TriggerMapError,
    VirtualWorker,
    expand,
)

MOST_WORKERS = 256
"""So many workers are tried before a map is held to be impossible."""


class NotRecordedYet(NothingRecorded):
    """Of a run that goes on there is too little to say which stream is in which file."""


def recorded_map(
    path: Path, survey: Survey, detectors: Detectors, *, grows: bool = False
) -> tuple[TriggerMap, list[str]]:
    """The map that was recorded beside the packets, and remarks on it.

    An open-ended map has as many events as were recorded; streams that nothing is replayed of are left out. A map as scan software gave
    it may name detectors, which are then their tiles. Of a recording that ``grows`` nobody knows the end.
    """
    try:
        written = TriggerMap.from_json(path.read_bytes(), all_wrap=False)
        trigger_map = expand(written, {name: detector.streams for name, detector in detectors.items()})
    except TriggerMapError as error:
        raise UsageError(f"{path}: {error}") from error
    except OSError as error:
        raise UsageError(f"the recorded trigger map {path} cannot be read: {error.strerror}") from error
    missing = set(survey.events) - set(trigger_map.streams)
    if missing:
        raise UsageError(
            f"{path} says nothing of stream {', '.join(sorted(missing))}; leave out its recording, or move the map away"
        )
    remarks = []
    absent = [stream for stream in trigger_map.streams if stream not in survey.events]
    if absent and grows:
        raise NotRecordedYet(f"no packet of stream {', '.join(absent)} is recorded yet")
    if absent:
        trigger_map = _without(trigger_map, absent)
        remarks.append(
            f"the recorded trigger map has stream {', '.join(absent)}, too, of which no recording was named: events come without"
        )
    if trigger_map.total_events is None and not grows:
        trigger_map = _closed(trigger_map, survey)
    return trigger_map, remarks


def _without(trigger_map: TriggerMap, absent: Sequence[str]) -> TriggerMap:
    """The map without these streams; its events keep their numbers."""
    kept = next(stream for stream in trigger_map.streams if stream not in absent)
    parts = {}
    for name, part in trigger_map.parts.items():
        columns = {stream: column for stream, column in part.columns.items() if stream not in absent}
        parts[name] = Part(columns) if columns else Part.from_cells({kept: [None] * part.length}, name=name)
    return trigger_map.with_parts(parts)


def _closed(trigger_map: TriggerMap, survey: Survey) -> TriggerMap:
    """The open part, as often as it was really repeated."""
    parts = dict(trigger_map.parts)
    sequence: list[Repeat] = []
    has_end = trigger_map.wrapped and not survey.breaks_off
    left = survey.total_events - (1 if has_end else 0)
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
    if trigger_map.wrapped and not has_end:
        # A run that was stopped has no end event, and the reserved part comes in pairs only.
        parts["start"] = parts.pop(RESERVED_PART)
        sequence = [Repeat("start"), *sequence[1:-1]]
    return TriggerMap(parts, sequence, all_wrap=False)


def derived_map(survey: Survey, *, broadcast_first: bool = True) -> TriggerMap:
    """A map for recordings without one: each event to the next free worker, one that opens or closes the series to all of them.

    Data goes to one worker, as it does live: what all have seen would count once for each of them. Without ``broadcast_first`` event 0
    goes to one in any case.
    """
    total = survey.total_events
    opens = any(0 in events for events in survey.events.values()) and not survey.begins_with_data
    first = 1 if broadcast_first and opens else 0
    last = total - 1 if survey.ends_series and total - 1 > first else total
    parts: dict[str, Part] = {}
    repeats: dict[str, int] = {}
    if first:
        parts["start"] = _broadcast(survey, 0)
    if last > first and all(
        list(events.within(first, last)) == [(first, last)] for events in survey.events.values()
    ):
        # One event after the other as the first: a map of one, whatever their number.
        parts["main"] = Part.from_cells(
            {stream: [(VirtualWorker(("generic",), 0),)] for stream in survey.events}
        )
        repeats["main"] = last - first
    elif last > first:
        columns = {stream: _column(events, first, last) for stream, events in survey.events.items()}
        parts["main"] = Part(columns)
    if last < total:
        parts["end"] = _broadcast(survey, last)
    return TriggerMap(parts, [Repeat(name, repeats.get(name, 1)) for name in parts], all_wrap=False)


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


def check_workers(
    trigger_map: TriggerMap, path: Path | None, workers: int, tags_of: Callable[[int], list[Sequence[str]]]
) -> None:
    """Raise a UsageError unless ``workers`` workers can run the map; ``tags_of`` gives the tags of all for a number of them."""
    needed = workers_needed(trigger_map, path, tags_of, workers)
    if needed > workers:
        raise UsageError(
            f"{_name_of(path)} has events for {needed} different workers and there are {workers}; set --nworkers {needed}"
        )


def workers_needed(
    trigger_map: TriggerMap,
    path: Path | None,
    tags_of: Callable[[int], list[Sequence[str]]],
    least: int,
) -> int:
    """The number of workers from ``least`` on that can run the map. Raises a UsageError where none can."""

    def refusal(count: int) -> TriggerMapError | None:
        try:
            trigger_map.check(trigger_map.streams, tags_of(count))
        except TriggerMapError as error:
            return error
        return None

    problem = refusal(least)
    if problem is None:
        return least
    needed = bisect_left(range(MOST_WORKERS + 1), True, lo=least, key=lambda count: refusal(count) is None)
    if needed > MOST_WORKERS:
        raise UsageError(f"{_name_of(path)} cannot be replayed: {problem}") from problem
    return needed


def _name_of(path: Path | None) -> str:
    return "the trigger map" if path is None else f"the recorded trigger map {path}"
