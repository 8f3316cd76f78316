"""A trigger map as a text table: a row per stream, a column per event."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from beamloom.triggermap._map import TriggerMap
from beamloom.triggermap._model import RESERVED_PART, Cell, Repeat, VirtualWorker

_MORE = "…"
_GENERIC = ("generic",)


class Shown(NamedTuple):
    """One event of a table."""

    event: int
    begins: bool
    """Whether another occurrence of a part begins with it: constraints mean other workers from here on."""
    cells: list[str]
    """One for each stream of the map, in its order."""


def render(trigger_map: TriggerMap, first: int = 0, count: int = 16) -> str:
    """The map's events from ``first`` on, at most ``count`` of them, and a line that sums the map up.

    A cell is ``none`` (no packet), ``∅`` (a packet that nobody wants), a constraint, ``all`` (all workers), a tag (all workers with
    it), ``3:tag`` (a constraint among the workers with the tag), or several of these in braces. A bar stands where another
    occurrence of a part begins: constraints mean other workers there.
    """
    total = trigger_map.total_events
    first = max(first, 0)
    shown = list(show(trigger_map, first, count))
    columns = [["event", *trigger_map.streams]]
    if first > 0 and shown:
        columns.append([_MORE] * len(columns[0]))
    for one in shown:
        if one.begins and one is not shown[0]:
            columns.append(["|"] * len(columns[0]))
        columns.append([str(one.event), *one.cells])
    if total is None or first + len(shown) < total:
        columns.append([_MORE] * len(columns[0]))
    lines = ["  ".join(entries).rstrip() for entries in zip(*map(_padded, columns), strict=True)]
    return "\n".join([*lines, "", summary(trigger_map)])


def show(trigger_map: TriggerMap, first: int = 0, count: int = 16) -> Iterator[Shown]:
    """The map's events from ``first`` on, at most ``count`` of them, with their cells as ``render`` writes them."""
    total = trigger_map.total_events
    first = max(first, 0)
    last = first + max(count, 0) if total is None else min(first + max(count, 0), total)
    previous = None
    for event in range(first, last):
        place = trigger_map.locate(event)
        part = trigger_map.parts[place.part]
        cells = [_cell(part.cell(stream, place.offset), trigger_map.tags) for stream in trigger_map.streams]
        yield Shown(event, place.occurrence != previous, cells)
        previous = place.occurrence


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


def summary(trigger_map: TriggerMap) -> str:
    """The map in a line: how many events, and of which parts they are."""
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
