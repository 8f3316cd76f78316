"""The picture of some events of a run: for each its state, its worker and attempt, and for each stream what became of its packet.

Invariant: every event is in exactly one state, which agrees with the ledger; what is not remembered is said to be unknown, never guessed.
All is kept in columns, one number for each event.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
import numpy.typing as npt

from beamloom.engine.ranges import Range, RangeSet
from beamloom.engine.streams.retention import DROPPED
from beamloom.engine.views.glimpse import Glimpse, again, next_begin
from beamloom.engine.views.handed import NOBODY, Deliveries, Handed, Numbers
from beamloom.triggermap import CellKind, Cells, cells, excerpts

Bytes = npt.NDArray[np.uint8]


class Stage(IntEnum):
    """Where an event is: the states of the ledger, and what lies between being given out and being settled."""

    PENDING = 0
    """Not given out yet."""
    WAITING = 1
    """Given out, and a packet is still to come."""
    LEASED = 2
    """Given out, and all its packets have come."""
    ORPHANED = 3
    """Given out to workers that are gone; it waits for another one."""
    REDUCED = 4
    FAILED = 5
    QUARANTINED = 6
    """Failed, and put aside for what it did to the processes that worked on it."""
    LOST = 7
    DROPPED = 8
    """Lost because a stream had no room for its packet."""


class Packets(IntEnum):
    """What there is of a stream for an event: a CellKind, or what became of a packet that somebody wants."""

    NONE = CellKind.NONE
    UNWANTED = CellKind.DISCARD
    COME = CellKind.WANTED
    ABSENT = 3
    """It has not come, or not yet."""
    MISSING = 4
    """It never came, as the stream itself says."""


@dataclass(frozen=True)
class Weave:
    """What is known of the events [first, stop)."""

    first: int
    stop: int
    stages: list[int]
    workers: list[str]
    """The workers that are named by their places in this list: those that take part, and those that had one of the events."""
    worker: list[int]
    """Per event who had it last; of an event with several deliveries, who had the first one of these."""
    attempt: list[int]
    """Per event how often it was given out; 0 where that is not known."""
    deliveries: Deliveries
    stream_sets: list[tuple[str, ...]]
    reasons: list[str]
    reason: list[int]
    """Per event why it failed or was lost, as a place in ``reasons``; NOBODY where there is none."""
    rows: dict[str, list[int]]
    """By stream and event a number of Packets."""
    wanted: dict[str, list[int] | None]
    """By stream and event who is to see the packet, as a place in ``virtual_workers``."""
    virtual_workers: list[str]
    gone: dict[str, str]
    """Why those of the workers are gone that are."""
    unusual_before: int | None
    """Where the last events before these begin that have failed, are lost, or were given out again; None: there are none."""
    unusual_after: int | None
    """The same of the next ones behind these."""


def weave(seen: Glimpse, *, with_words: bool = True) -> Weave:
    """The picture of what was seen; ``with_words``: who is to see each packet, too."""
    words: dict[str, int] | None = {} if with_words else None
    window = list(excerpts(seen.trigger_map, seen.first, seen.stop, seen.total))
    maps = {stream: cells(seen.trigger_map, stream, window, words) for stream in seen.trigger_map.streams}
    reasons = _Reasons(seen)
    stages = _settled(seen, reasons)
    rows = {stream: _row(seen, stream, maps[stream], stages, reasons) for stream in maps}
    handed = Handed(seen)
    _under_way(seen, stages, rows.values(), handed)
    numbers = handed.numbers
    return Weave(
        seen.first,
        seen.stop,
        stages.tolist(),
        list(numbers),
        handed.worker.tolist(),
        handed.attempt.tolist(),
        handed.deliveries(),
        list(handed.stream_sets),
        list(reasons.words),
        reasons.column.tolist(),
        {stream: row.tolist() for stream, row in rows.items()},
        {stream: maps[stream].wanted_by for stream in maps},
        list(words or ()),
        {one: lost.cause for one, lost in seen.remembered.lost.items() if one in numbers},
        *_unusual(seen),
    )


def _unusual(seen: Glimpse) -> tuple[int | None, int | None]:
    """Where to look next, before and behind the window."""
    repeated = again(seen)
    before, after = repeated.last_begin(seen.first), next_begin(repeated, seen.stop)
    return (
        max([*seen.unusual_before, *(() if before is None else (before,))], default=None),
        min([*seen.unusual_after, *(() if after is None else (after,))], default=None),
    )


class _Reasons:
    """Why events failed or were lost."""

    def __init__(self, seen: Glimpse) -> None:
        self._seen = seen
        self.words: dict[str, int] = {}
        self.column: Numbers = np.full(seen.stop - seen.first, NOBODY, np.int64)
        self.causes: list[tuple[Range, str]] = [*_explained(seen)]
        """The lost events with their causes, and what streams have said that they miss."""
        for words, events in [*((c, [r]) for r, c in self.causes), *seen.failures]:
            for first, stop in events:
                self.column[first - seen.first : stop - seen.first] = self.words.setdefault(
                    words, len(self.words)
                )
        for one in seen.remembered.missed:
            first, stop = max(one.loss.first, seen.first), min(one.loss.stop, seen.stop)
            if first < stop:
                self.causes.append(((first, stop), one.loss.cause))

    def of_stream(self, stream: str) -> Iterator[tuple[int, int]]:
        """Places of the events of which the stream has no packet."""
        for (first, stop), cause in self.causes:
            if f"stream {stream!r}" in cause:
                yield first - self._seen.first, stop - self._seen.first


def _explained(seen: Glimpse) -> Iterator[tuple[Range, str]]:
    """The lost events with their causes. The latest losses come first: a window is mostly one of the newest events."""
    left = RangeSet(seen.lost)
    for loss in reversed(seen.losses):
        if not left:
            return
        for found in left.remove(loss.first, loss.stop):
            yield found, loss.cause


def _settled(seen: Glimpse, reasons: _Reasons) -> Bytes:
    """uint8[events] of Stage, in which those that are given out are all LEASED."""
    stages = np.full(seen.stop - seen.first, Stage.PENDING, np.uint8)
    stages[: max(min(seen.assigned_until, seen.stop) - seen.first, 0)] = Stage.LEASED
    for stage, events in (
        (Stage.REDUCED, seen.reduced),
        (Stage.FAILED, seen.failed),
        (Stage.LOST, seen.lost),
    ):
        for first, stop in events:
            stages[first - seen.first : stop - seen.first] = stage
    for first, stop in seen.quarantined:
        put_aside = stages[first - seen.first : stop - seen.first]
        put_aside[put_aside == Stage.FAILED] = Stage.QUARANTINED
    for cause, number in reasons.words.items():
        if DROPPED in cause:
            stages[(stages == Stage.LOST) & (reasons.column == number)] = Stage.DROPPED
    return stages


def _row(seen: Glimpse, stream: str, of_map: Cells, stages: Bytes, reasons: _Reasons) -> Bytes:
    """uint8[events] of Packets."""
    row = np.full(seen.stop - seen.first, Packets.NONE, np.uint8)
    row[: len(of_map.kinds)] = of_map.kinds
    wanted = row == CellKind.WANTED
    # Events behind the last that was reported complete may be reduced already: their packets have come all the same.
    unsure = ~np.isin(stages, (Stage.REDUCED, Stage.FAILED, Stage.QUARANTINED))
    unsure[: max(seen.complete_until[stream] - seen.first, 0)] = False
    row[wanted & unsure] = Packets.ABSENT
    for first, stop in reasons.of_stream(stream):
        here = row[first:stop]
        here[wanted[first:stop]] = Packets.MISSING
    return row


def _under_way(seen: Glimpse, stages: Bytes, rows: Iterable[Bytes], handed: Handed) -> None:
    """Of the events that are given out and not settled: what they wait for."""
    given = stages == Stage.LEASED
    stages[given & handed.orphaned] = Stage.ORPHANED
    for row in rows:
        stages[(stages == Stage.LEASED) & (row == Packets.ABSENT)] = Stage.WAITING
