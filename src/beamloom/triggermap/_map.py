"""The trigger map: which stream has a packet for which event, and which virtual workers must see it.

A map is kept as it is written, as parts and their sequence. Events are numbered from 0 over the whole sequence, the start and
end event included. Nothing here grows with the number of repeats: a part is compiled once, and short parts are compiled several
copies in a row, so that one instance covers a worthwhile number of events.
"""

from __future__ import annotations

import bisect
import functools
import itertools
from collections import OrderedDict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from beamloom.triggermap._compiled import CompiledPart, Occurrence
from beamloom.triggermap._json import decode_anything, decode_mapping, decode_sequence, encode_sequence
from beamloom.triggermap._model import RESERVED_PART, Cell, Repeat, TriggerMapError, VirtualWorker
from beamloom.triggermap._part import Part
from beamloom.triggermap._validate import check_pipeline, check_sequence

MOST_EVENTS = 2**53
"""Of a map: numbers up to here are exact wherever they are read, in JSON too."""
TILE_EVENTS = 4096
"""Copies of a short part are put together until they have about this many events."""
_MOST_TILES = 256
"""Compiled rows of copies that are kept; more are there only where a map repeats short parts in very many different numbers."""


class Instance(NamedTuple):
    """A compiled part at its place in the run: events ``first`` to ``first + part.length``, exclusive."""

    first: int
    part: CompiledPart


class Place(NamedTuple):
    """Where an event is in the map."""

    part: str
    occurrence: int
    """How many entries and repeats of the sequence came before, over all parts."""
    offset: int
    """Event of the part, from 0."""
    round: int
    """How often this part has come by then, this time included: from 1."""


class TriggerMap:
    """A trigger map: named parts and the order in which they repeat. Immutable."""

    parts: Mapping[str, Part]
    sequence: tuple[Repeat, ...]
    """What follows what, the start and end event of a wrapped map included."""
    wrapped: bool
    """Whether a start event and an end event are put around."""
    streams: tuple[str, ...]
    """The streams of all parts, in the order in which they are first named."""
    tags: frozenset[str]
    """All tags that the map names."""
    total_events: int | None
    """Number of events with the start and end event; None where the last part repeats until told to stop."""

    def __init__(
        self, parts: Mapping[str, Part], sequence: Iterable[Repeat | str], *, all_wrap: bool = True
    ) -> None:
        """Raises TriggerMapError for a sequence that cannot be run.

        With ``all_wrap`` a start and an end event are put around, in which each stream has one packet for all workers that
        have any tag of the map. A map that has them already (its first and last part is ``reserved_start_end``) keeps them.
        """
        written = _entries(sequence)
        self.wrapped = check_sequence(parts, written)
        self.streams = tuple(dict.fromkeys(s for part in parts.values() for s in part.streams))
        self.tags = frozenset[str]().union(*(part.tags for part in parts.values()))
        self.parts = dict(parts)
        repeats = _joined(written)
        if all_wrap and not self.wrapped:
            self.parts = {**parts, RESERVED_PART: self._start_end_part()}
            repeats = [Repeat(RESERVED_PART), *repeats, Repeat(RESERVED_PART)]
            self.wrapped = True
        self.sequence = tuple(repeats)
        lengths = [None if r.times is None else r.times * self.parts[r.part].length for r in self.sequence]
        known = [length for length in lengths if length is not None]
        if sum(known) > MOST_EVENTS:
            raise TriggerMapError(
                f"the map has {sum(known)} events, more than the {MOST_EVENTS} that can be numbered; let the last part repeat until told "
                "to stop (repeat null) where the number of events is open"
            )
        self.total_events = sum(known) if len(known) == len(lengths) else None
        self._occurrences: dict[str, Occurrence] = {}
        self._singles: dict[str, CompiledPart] = {}
        self._tiles: OrderedDict[tuple[str, int], CompiledPart] = OrderedDict()

    @classmethod
    def from_json(cls, body: bytes | Mapping[str, Any], *, all_wrap: bool = True) -> TriggerMap:
        """The map of a body ``{"parts": {name: part}, "sequence": [name, ...]}``.

        A part is ``{stream: [cell, ...]}`` or that under the key ``mapping``, a cell is null, [] or a list of
        ``{"tags": [...], "constraint": integer or null}``; an entry of the sequence is a name or ``{"part": name, "repeat":
        times or null}``. Raises TriggerMapError.
        """
        parts, sequence = decode_sequence(body)
        return cls(parts, sequence, all_wrap=all_wrap)

    @classmethod
    def from_mapping(cls, body: bytes | Mapping[str, Any], *, all_wrap: bool = True) -> TriggerMap:
        """The map whose only part, named main, is ``{stream: [cell, ...]}``. Raises TriggerMapError."""
        return cls({"main": decode_mapping(body)}, ["main"], all_wrap=all_wrap)

    def with_parts(self, parts: Mapping[str, Part]) -> TriggerMap:
        """The same sequence, of other parts that have the same names."""
        # A sequence of parts that are repeated no times has no entry left.
        return TriggerMap(parts, self.sequence or [Repeat(next(iter(parts)), 0)], all_wrap=False)

    def to_json(self) -> dict[str, Any]:
        """The map as plain lists and dictionaries; ``from_json`` reads it back."""
        written: dict[str, Any] = decode_anything(self.encode())
        return written

    def encode(self) -> bytes:
        """The map as JSON text; ``from_json`` reads it back."""
        return encode_sequence(self.parts, self.sequence)

    def check(self, streams: Collection[str], workers: Sequence[Collection[str]]) -> None:
        """Raise TriggerMapError unless a pipeline with these streams, and workers with these tags, can run the map."""
        occurrences = [self._occurrence(name) for name in self._parts_in_order()]
        check_pipeline(self.streams, occurrences, streams, workers)

    def instances(self) -> Instances:
        """All compiled parts with their events, in order and one by one; endless where a part repeats until told to stop."""
        return Instances(self)

    def end_part(self) -> CompiledPart | None:
        """The end event, to be put behind the last event that was run; None for a map that is not wrapped."""
        return self.compiled(RESERVED_PART, 1) if self.wrapped else None

    def locate(self, event: int) -> Place:
        """Where an event is in the map; raises IndexError for a number that the map does not have.

        In a map that repeats until told to stop, the numbers go on for ever and the end event has none.
        """
        if event < 0 or (self.total_events is not None and event >= self.total_events):
            raise IndexError(f"event {event} is not in the map, which has {self.total_events} events from 0")
        entry = bisect.bisect_right(self.first_events, event) - 1
        repeat = self.sequence[entry]
        repeats, offset = divmod(event - self.first_events[entry], self.parts[repeat.part].length)
        before = sum(one.times or 0 for one in self.sequence[:entry] if one.part == repeat.part)
        return Place(repeat.part, self._first_occurrences[entry] + repeats, offset, before + repeats + 1)

    def cell(self, stream: str, event: int) -> Cell:
        """The cell of a stream at an event of the run; raises IndexError as ``locate`` does."""
        place = self.locate(event)
        return self.parts[place.part].cell(stream, place.offset)

    @functools.cached_property
    def first_events(self) -> list[int]:
        """The first event of each entry of the sequence up to an endless one; without one, the number of events as last."""
        lengths = [(r.times or 0) * self.parts[r.part].length for r in self._until_open()]
        return list(itertools.accumulate(lengths, initial=0))

    @functools.cached_property
    def _first_occurrences(self) -> list[int]:
        return list(itertools.accumulate((r.times or 0 for r in self._until_open()), initial=0))

    def _until_open(self) -> Iterator[Repeat]:
        return itertools.takewhile(lambda repeat: repeat.times is not None, self.sequence)

    def _parts_in_order(self) -> Iterable[str]:
        # The reserved part last: what it asks for comes from the others, whose names say more.
        names = dict.fromkeys(repeat.part for repeat in self.sequence)
        return sorted(names, key=lambda name: name == RESERVED_PART)

    def _start_end_part(self) -> Part:
        slots = [slot for part in self.parts.values() for slot in part.slots]
        cell = tuple(VirtualWorker((tag,)) for tag in sorted(self.tags))
        if any(not slot.tags for slot in slots):
            # Any worker may get a packet, so every worker needs the start packets.
            cell += (VirtualWorker(()),)
        return Part.from_cells({stream: [cell] for stream in self.streams}, name=RESERVED_PART)

    def _occurrence(self, name: str) -> Occurrence:
        if name not in self._occurrences:
            self._occurrences[name] = Occurrence(name, self.parts[name], self.streams)
        return self._occurrences[name]

    def compiled(self, name: str, copies: int) -> CompiledPart:
        """So many copies of a part in a row; made once and shared."""
        if copies == 1:
            if name not in self._singles:
                self._singles[name] = CompiledPart(self._occurrence(name))
            return self._singles[name]
        key = (name, copies)
        if key not in self._tiles:
            self._tiles[key] = CompiledPart(self._occurrence(name), copies)
            if len(self._tiles) > _MOST_TILES:
                self._tiles.popitem(last=False)
        self._tiles.move_to_end(key)
        return self._tiles[key]


class Instances:
    """Walks the compiled parts of a map. Where it is are three integers, so that it can be stored and go on later."""

    def __init__(self, trigger_map: TriggerMap) -> None:
        self._map = trigger_map
        self._entry = 0
        self._done = 0
        self._first = 0

    def __iter__(self) -> Instances:
        return self

    def __next__(self) -> Instance:
        while self._entry < len(self._map.sequence):
            repeat = self._map.sequence[self._entry]
            length = self._map.parts[repeat.part].length
            left = None if repeat.times is None else repeat.times - self._done
            if not length or left == 0:
                self._entry, self._done = self._entry + 1, 0
                continue
            most = max(1, TILE_EVENTS // length)
            copies = most if left is None else min(most, left)
            first = self._first
            self._done += copies
            self._first += copies * length
            return Instance(first, self._map.compiled(repeat.part, copies))
        raise StopIteration


def _entries(sequence: Iterable[Repeat | str]) -> list[Repeat]:
    """The sequence with runs of the same name as one entry; the start and the end event stay two."""
    entries: list[Repeat] = []
    for entry, run in itertools.groupby(sequence):
        if isinstance(entry, str) and entry != RESERVED_PART:
            entries.append(Repeat(entry, sum(1 for _ in run)))
        else:
            entries.extend(Repeat(item) if isinstance(item, str) else item for item in run)
    return entries


def _joined(entries: Iterable[Repeat]) -> list[Repeat]:
    """The entries without those of no times, and with finite neighbours of the same part put together."""
    joined: list[Repeat] = []
    for entry in entries:
        if entry.times == 0:
            continue
        last = joined[-1] if joined else None
        if last is None or last.part != entry.part or entry.part == RESERVED_PART or entry.times is None:
            joined.append(entry)
        else:
            joined[-1] = Repeat(entry.part, (last.times or 0) + entry.times)
    return joined
