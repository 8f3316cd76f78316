"""Parts as the engine reads them: integer columns, one entry per event.

A group is a constraint of one occurrence of a part, numbered by first occurrence (event order, then the order of the streams,
then of the virtual workers in the cell). Nearly all events of nearly all maps belong to exactly one group; only the others keep
their virtual workers one by one.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from beamloom.triggermap._model import CellKind
from beamloom.triggermap._part import Part

MIXED = -1
"""``single`` of an event with several groups, or with a virtual worker without constraint."""
NOBODY = -2
"""``single`` of an event without any virtual worker."""
_DENSE = 4
"""Constraints are numbered by a table while its length is at most this many times their count, by sorting beyond that."""

_Number = TypeVar("_Number", bound=np.generic)
Int64s = npt.NDArray[np.int64]


class Occurrence:
    """One occurrence of a part, compiled."""

    def __init__(self, name: str, part: Part, streams: Sequence[str]) -> None:
        """``streams`` are those of the whole map, in its order; where the part does not name one it sends nothing."""
        self.name = name
        self.length = part.length
        self.streams = tuple(streams)
        absent = _frozen(np.zeros(part.length, dtype=np.uint8))
        self.kinds: Mapping[str, npt.NDArray[np.uint8]] = {
            stream: _frozen(part.columns[stream].kinds) if stream in part.columns else absent
            for stream in streams
        }
        tag_number: dict[tuple[str, ...], int] = {}
        entries = _Entries(part, self.streams, tag_number)
        constrained = entries.constrained
        group, first_entry = _number_by_first_occurrence(entries.constraint[constrained])
        group_events = entries.event[constrained]
        self.group_count = len(first_entry)
        self.group_first = _frozen(group_events[first_entry])
        self.group_last = np.empty(self.group_count, dtype=np.int64)
        # numpy assigns in order, so that the last occurrence of a group stays.
        self.group_last[group] = group_events
        _frozen(self.group_last)

        group_tags = entries.tags[constrained][first_entry]
        used, renumbered = np.unique(
            np.concatenate([group_tags, entries.tags[~constrained]]), return_inverse=True
        )
        all_tag_sets = list(tag_number)
        self.tag_sets = tuple(frozenset(all_tag_sets[number]) for number in used.tolist())
        self.group_tags = _frozen(renumbered[: self.group_count].astype(np.int64))

        self.single = np.full(self.length, NOBODY, dtype=np.int64)
        self.single[group_events] = group
        changes = (group_events[1:] == group_events[:-1]) & (group[1:] != group[:-1])
        self.single[group_events[1:][changes]] = MIXED
        self.single[entries.event[~constrained]] = MIXED
        _frozen(self.single)

        target = np.empty(len(entries.event), dtype=np.int64)
        target[constrained] = group
        # A broadcast is kept beside the groups as -1 - (number of its tag set).
        target[~constrained] = -1 - renumbered[self.group_count :]
        self.mixed = _Mixed(self.single, entries, target)

    @functools.cached_property
    def members(self) -> tuple[Int64s, Int64s]:
        """The offsets of all events by group, each group's in order; and for each group where its own begin, with the end as last entry."""
        single = np.flatnonzero(self.single >= 0)
        group, offset = self.single[single], single
        if len(self.mixed.events):
            pairs = np.unique(np.stack(self.mixed.memberships()), axis=1)
            group, offset = np.concatenate([group, pairs[0]]), np.concatenate([offset, pairs[1]])
            in_order = np.argsort(offset, kind="stable")
            group, offset = group[in_order], offset[in_order]
        by_group = np.argsort(group, kind="stable")
        ends = np.cumsum(np.bincount(group, minlength=self.group_count))
        return _frozen(offset[by_group]), _frozen(np.concatenate([[0], ends]).astype(np.int64))


class _Entries:
    """All virtual workers of a part as columns, by event, then stream, then place in the cell."""

    def __init__(self, part: Part, streams: Sequence[str], tag_number: dict[tuple[str, ...], int]) -> None:
        order = [
            (number, part.columns[stream]) for number, stream in enumerate(streams) if stream in part.columns
        ]
        sizes = np.empty((part.length, len(order)), dtype=np.int64)
        for place, (_, column) in enumerate(order):
            size_of = np.array([len(template or ()) for template in column.templates], dtype=np.int64)
            sizes[:, place] = size_of[column.template_of]
        starts = np.cumsum(sizes).reshape(sizes.shape) - sizes
        total = int(sizes.sum())
        self.event = np.repeat(np.arange(part.length), sizes.sum(axis=1))
        self.stream = np.empty(total, dtype=np.int32)
        self.tags = np.empty(total, dtype=np.int64)
        self.constrained = np.empty(total, dtype=np.bool_)
        self.constraint = np.empty(total, dtype=np.int64)
        for place, (number, column) in enumerate(order):
            slots = [slot for template in column.templates for slot in template or ()]
            slot_tags = np.array(
                [tag_number.setdefault(s.tags, len(tag_number)) for s in slots], dtype=np.int64
            )
            slot_constrained = np.array([slot.constrained for slot in slots], dtype=np.bool_)
            template_size = np.array([len(template or ()) for template in column.templates], dtype=np.int64)
            template_start = np.cumsum(template_size) - template_size

            size = sizes[:, place]
            before = np.cumsum(size) - size
            within = np.arange(int(size.sum())) - np.repeat(before, size)
            slot = np.repeat(template_start[column.template_of], size) + within
            position = np.repeat(starts[:, place], size) + within
            constrained = slot_constrained[slot]
            self.stream[position] = number
            self.tags[position] = slot_tags[slot]
            self.constrained[position] = constrained
            self.constraint[position[constrained]] = column.constraints


class _Mixed:
    """The virtual workers of those events that are not of exactly one group."""

    def __init__(self, single: Int64s, entries: _Entries, target: Int64s) -> None:
        self.events: Int64s = np.flatnonzero(single == MIXED)
        self._row = np.zeros(0, dtype=np.int32)
        if len(self.events):
            self._row = np.zeros(len(single), dtype=np.int32)
            self._row[self.events] = np.arange(len(self.events))
        keep = (single == MIXED)[entries.event]
        self.row_of_entry: Int64s = self._row[entries.event[keep]].astype(np.int64)
        self.target = target[keep]
        """Per virtual worker: its group, or -1 - (number of its tag set) for a broadcast."""
        self.stream = entries.stream[keep]
        counts = np.bincount(self.row_of_entry, minlength=len(self.events))
        self._ends = np.cumsum(counts)

    def of_event(self, offset: int) -> tuple[list[int], list[int]]:
        """The targets and the stream numbers of an event's virtual workers."""
        row = int(self._row[offset])
        begin = int(self._ends[row - 1]) if row else 0
        end = int(self._ends[row])
        return self.target[begin:end].tolist(), self.stream[begin:end].tolist()

    def memberships(self) -> tuple[Int64s, Int64s]:
        """Group and event of each virtual worker that has a constraint."""
        constrained = self.target >= 0
        return self.target[constrained], self.events[self.row_of_entry[constrained]]


class CompiledPart:
    """One or more consecutive occurrences of a part, compiled; immutable and shared by all its instances.

    Offsets count events from the first one of the instance. Each occurrence has groups of its own.
    """

    def __init__(self, occurrence: Occurrence, copies: int = 1) -> None:
        self._one = occurrence
        self.name = occurrence.name
        """Name of the part."""
        self.period = occurrence.length
        """Events of one occurrence."""
        self.length = occurrence.length * copies
        """Events of all occurrences together."""
        self.streams = occurrence.streams
        """All streams of the map."""
        self.group_count = occurrence.group_count * copies
        self.tag_sets = occurrence.tag_sets
        """All distinct sets of tags that groups and broadcasts of the part ask for."""
        self.group_tags = _tiled(occurrence.group_tags, copies)
        """int64[group_count]: index into ``tag_sets``, of the first virtual worker that names the constraint."""
        self.group_first = _tiled(occurrence.group_first, copies, occurrence.length)
        """int64[group_count]: offset of the first event of the group."""
        self.group_last = _tiled(occurrence.group_last, copies, occurrence.length)
        """int64[group_count]: offset of the last event of the group."""
        self.kinds: Mapping[str, npt.NDArray[np.uint8]] = {
            stream: _tiled(kinds, copies) for stream, kinds in occurrence.kinds.items()
        }
        """uint8[length] of CellKind for each stream of the map."""
        self.single = _tiled(occurrence.single, copies, occurrence.group_count)
        """int64[length]: the event's group if it has exactly one and no broadcast; -2 if it has no virtual worker; else -1."""

    @functools.cached_property
    def fresh_until(self) -> Int64s:
        """int64[length]: how far work can be handed out without looking at single events.

        Entry o is the end (exclusive) of the longest region that starts at o, in which every event is of a single group, the
        groups' numbers go up by 0 or 1 from event to event, all ask for the same tags, and none has occurred before o. It is
        o itself where event o does not begin such a region.
        """
        group = np.maximum(self.single, 0)
        is_single = self.single >= 0
        step = np.diff(self.single)
        joined = is_single[:-1] & is_single[1:] & ((step == 0) | (step == 1))
        here = np.arange(self.length)
        if self.group_count == 0:
            return _frozen(here)
        tags = self.group_tags[group]
        joined &= tags[:-1] == tags[1:]
        # Groups are numbered by first occurrence: when the first group of a chain is new at o, so are all that follow in it.
        begins = is_single & (self.group_first[group] == here)
        return _frozen(np.where(begins, _ends_of_chains(joined, self.length), here))

    @functools.cached_property
    def stretch_until(self) -> Int64s:
        """int64[length]: end (exclusive) of the events from o on that have the same ``single``; o itself where that is -1."""
        ends = _ends_of_chains(self.single[:-1] == self.single[1:], self.length)
        return _frozen(np.where(self.single == MIXED, np.arange(self.length), ends))

    def groups(self, offset: int) -> tuple[int, ...]:
        """The distinct groups of an event, in the order of its streams."""
        single = int(self.single[offset])
        if single != MIXED:
            return (single,) if single >= 0 else ()
        copy, within = divmod(offset, self.period)
        shift = copy * self._one.group_count
        return tuple(dict.fromkeys(t + shift for t in self._one.mixed.of_event(within)[0] if t >= 0))

    def members(self, group: int) -> Int64s:
        """The offsets of all events of a group, in order."""
        copy, within = divmod(group, self._one.group_count)
        offsets, starts = self._one.members
        return offsets[starts[within] : starts[within + 1]] + copy * self.period

    @property
    def group_sizes(self) -> Int64s:
        """int64[group_count]: how many events each group has."""
        return np.tile(np.diff(self._one.members[1]), self.length // self.period)

    def broadcasts(self, offset: int) -> tuple[int, ...]:
        """The distinct tag sets (indices) of an event's virtual workers without constraint, in the order of its streams."""
        if self.single[offset] != MIXED:
            return ()
        targets = self._one.mixed.of_event(offset % self.period)[0]
        return tuple(dict.fromkeys(-1 - target for target in targets if target < 0))

    def streams_of_group(self, offset: int, group: int) -> tuple[str, ...]:
        """The streams whose packets of this event go to the group's worker."""
        if self.single[offset] == group:
            return self.wanted(offset)
        return self._streams_of(offset, group - offset // self.period * self._one.group_count)

    def streams_of_broadcast(self, offset: int, tag_set: int) -> tuple[str, ...]:
        """The streams whose packets of this event go to all workers with these tags."""
        return self._streams_of(offset, -1 - tag_set)

    def _streams_of(self, offset: int, wanted: int) -> tuple[str, ...]:
        if self.single[offset] != MIXED:
            return ()
        targets, streams = self._one.mixed.of_event(offset % self.period)
        numbers = dict.fromkeys(n for target, n in zip(targets, streams, strict=True) if target == wanted)
        return tuple(self.streams[number] for number in numbers)

    def wanted(self, offset: int) -> tuple[str, ...]:
        """The streams whose packet of this event somebody wants."""
        return tuple(stream for stream, kinds in self.kinds.items() if kinds[offset] == CellKind.WANTED)


def _number_by_first_occurrence(constraints: Int64s) -> tuple[Int64s, Int64s]:
    """For each entry the number of its constraint, and for each number the entry in which it first occurs."""
    count = len(constraints)
    if not count:
        return constraints, constraints
    low, high = int(constraints.min()), int(constraints.max())
    if high - low < max(_DENSE * count, 1024):
        place, places = constraints - low, high - low + 1
    else:
        distinct, inverse = np.unique(constraints, return_inverse=True)
        place, places = inverse.astype(np.int64), len(distinct)
    here = np.arange(count)
    first = np.empty(places, dtype=np.int64)
    # numpy assigns in order: written backwards, the first occurrence stays.
    first[place[::-1]] = here[::-1]
    first_of_entry = first[place]
    is_first = first_of_entry == here
    number = np.cumsum(is_first) - 1
    return number[first_of_entry], np.flatnonzero(is_first)


def _ends_of_chains(joined: npt.NDArray[np.bool_], length: int) -> Int64s:
    """int64[length]: the end of the chain that each event is in; ``joined[i]`` says that i and i + 1 hang together."""
    if not length:
        return np.zeros(0, dtype=np.int64)
    ends = np.append(np.flatnonzero(~joined) + 1, length)
    return np.repeat(ends, np.diff(ends, prepend=0))


def _tiled(column: npt.NDArray[_Number], copies: int, step: int = 0) -> npt.NDArray[_Number]:
    """The column ``copies`` times in a row; entries that are not negative grow by ``step`` from copy to copy."""
    if copies == 1:
        return column
    tiled = np.tile(column, copies)
    if step:
        shift = np.repeat(np.arange(copies, dtype=column.dtype) * step, len(column))
        tiled = np.where(tiled >= 0, tiled + shift, tiled).astype(column.dtype)
    return _frozen(tiled)


def _frozen(column: npt.NDArray[_Number]) -> npt.NDArray[_Number]:
    """The same array, made read-only: it is shared by all instances of its part."""
    column.flags.writeable = False
    return column
