"""A window of events of a trigger map, as columns: what a picture of it needs, without an object for each cell.

Invariant: what is computed does not grow with the events before the window, nor with how often a part is repeated.
"""

from __future__ import annotations

import bisect
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from beamloom.triggermap._map import TriggerMap
from beamloom.triggermap._model import RESERVED_PART, CellKind
from beamloom.triggermap._part import Column, Template


class Excerpt(NamedTuple):
    """Consecutive events of one entry of the sequence."""

    first: int
    part: str
    offsets: npt.NDArray[np.int64]
    """int64[events]: which event of the part each one is."""


class Cells(NamedTuple):
    """The cells of one stream in a window."""

    kinds: npt.NDArray[np.uint8]
    """uint8[events] of CellKind."""
    wanted_by: list[int] | None
    """Per event the number of the words that say who is to see the packet; -1 where nobody is."""


def excerpts(trigger_map: TriggerMap, first: int, stop: int, total: int | None = None) -> Iterator[Excerpt]:
    """The events [first, stop) by entries of the sequence, in order.

    ``total``: how many events a run of a map that repeats until told to stop has got, where that is known; its last one is the end event
    then. Events that the map does not have are left out.
    """
    known = trigger_map.total_events
    if known is not None:
        stop = min(stop, known)
    elif total is not None:
        stop = min(stop, total)
        if trigger_map.wrapped and first < stop == total:
            yield from excerpts(trigger_map, first, stop - 1)
            yield Excerpt(total - 1, RESERVED_PART, np.zeros(1, np.int64))
            return
    begins = trigger_map.first_events
    entry = bisect.bisect_right(begins, first) - 1
    while first < stop:
        repeat = trigger_map.sequence[entry]
        end = stop if repeat.times is None else min(stop, begins[entry + 1])
        if first < end:
            length = trigger_map.parts[repeat.part].length
            yield Excerpt(first, repeat.part, (np.arange(first, end) - begins[entry]) % length)
        first, entry = max(first, end), entry + 1


def cells(trigger_map: TriggerMap, stream: str, window: list[Excerpt], words: dict[str, int] | None) -> Cells:
    """The cells of ``stream`` in these excerpts. ``words`` collects who is to see the packets; None: nobody wants to know."""
    kinds: list[npt.NDArray[np.uint8]] = [np.zeros(0, np.uint8)]
    wanted: list[int] = []
    for excerpt in window:
        column = trigger_map.parts[excerpt.part].columns.get(stream)
        if column is None:
            kinds.append(np.full(len(excerpt.offsets), CellKind.NONE, np.uint8))
            wanted += [-1] * len(excerpt.offsets)
            continue
        kinds.append(column.kinds[excerpt.offsets])
        if words is not None:
            wanted += _wanted_by(column, excerpt.offsets, words)
    return Cells(np.concatenate(kinds), None if words is None else wanted)


def _wanted_by(column: Column, offsets: npt.NDArray[np.int64], words: dict[str, int]) -> list[int]:
    templates, begins = column.template_of[offsets].tolist(), column.first_constraint[offsets].tolist()
    known: dict[tuple[int, tuple[int, ...]], int] = {}
    found: list[int] = []
    for number, begin in zip(templates, begins, strict=True):
        template = column.templates[number]
        if not template:
            found.append(-1)
            continue
        many = sum(slot.constrained for slot in template)
        constraints = tuple(column.constraints[begin : begin + many].tolist())
        key = (number, constraints)
        if key not in known:
            known[key] = words.setdefault(words_of(template, constraints), len(words))
        found.append(known[key])
    return found


def words_of(template: Template, constraints: tuple[int, ...]) -> str:
    """Who is to see a packet, in words: its virtual workers, each with its constraint."""
    left = iter(constraints)
    return ", ".join(
        (f"constraint {next(left)}" if slot.constrained else "all workers")
        + f" with {', '.join(slot.tags) or 'any tags'}"
        for slot in template or ()
    )
