"""A trigger map as a text table: a row per stream, a column per event."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from beamloom.triggermap._map import TriggerMap
from beamloom.triggermap._model import RESERVED_PART, Cell, Repeat, VirtualWorker

_MORE = "…"
_GENERIC = ("generic",)


def render(trigger_map: TriggerMap, first: int = 0, count: int = 16) -> str:
    """The map's events from ``first`` on, at most ``count`` of them, and a line that sums the map up.

    A cell is ``none`` (no packet), ``∅`` (a packet that nobody wants), a constraint, ``all`` (all workers), a tag (all workers with
    it), ``3:tag`` (a constraint among the workers with the tag), or several of these in braces. A bar stands where another
    occurrence of a part begins: constraints mean other workers there.
    """
    total = trigger_map.total_events
    first = max(first, 0)
    last = first + max(count, 0) if total is None else min(first + max(count, 0), total)
    columns = [["event", *trigger_map.streams]]
    if first > 0 and first < last:
        columns.append([_MORE] * len(columns[0]))
    previous = None
    for event in range(first, last):
        place = trigger_map.locate(event)
        if previous is not None and place.occurrence != previous:
            columns.append(["|"] * len(columns[0]))
        previous = place.occurrence
        part = trigger_map.parts[place.part]
        cells = (part.cell(stream, place.offset) for stream in trigger_map.streams)
        columns.append([str(event), *(_cell(cell, trigger_map.tags) for cell in cells)])
    if total is None or last < total:
        columns.append([_MORE] * len(columns[0]))
    lines = ["  ".join(entries).rstrip() for entries in zip(*map(_padded, columns), strict=True)]
    return "\n".join([*lines, "", _summary(trigger_map)])


def _padded(column: Sequence[str]) -> list[str]:
    width = max(map(len, column))
    return [entry.ljust(width) for entry in column]


def _cell(cell: Cell, tags_in_use: frozenset[str]) -> str:
    if cell is None:
        return "none"
    if not cell:
        return "∅"
    broadcast_tags = {worker.tags for worker in cell if worker.constraint is None}
    if len(broadcast_tags) == len(cell) and broadcast_tags >= {(tag,) for tag in tags_in_use}:
        return "all"
    names = list(dict.fromkeys(map(_virtual_worker, cell)))
    return names[0] if len(names) == 1 else "{" + ",".join(names) + "}"


def _virtual_worker(worker: VirtualWorker) -> str:
    tags = "+".join(worker.tags)
    if worker.constraint is None:
        return "all" if worker.tags in ((), _GENERIC) else tags
    return str(worker.constraint) if worker.tags == _GENERIC else f"{worker.constraint}:{tags or 'any'}"


def _summary(trigger_map: TriggerMap) -> str:
    total = trigger_map.total_events
    events = "open-ended" if total is None else f"{total} event{'' if total == 1 else 's'}"
    return f"{events}: {', '.join(_entries(trigger_map.sequence, wrapped=trigger_map.wrapped)) or 'nothing'}"


def _entries(sequence: Sequence[Repeat], *, wrapped: bool) -> Iterable[str]:
    shown = 12
    names = [_entry(repeat, "start" if place == 0 else "end") for place, repeat in enumerate(sequence)]
    if len(names) <= shown:
        return names
    return [*names[: shown - 2], f"{_MORE} {len(names) - shown} more", *names[-2:]]


def _entry(repeat: Repeat, wrap_name: str) -> str:
    if repeat.part == RESERVED_PART:
        return wrap_name
    if repeat.times is None:
        return f"{repeat.part} × until told to stop"
    return repeat.part if repeat.times == 1 else f"{repeat.part} × {repeat.times}"
