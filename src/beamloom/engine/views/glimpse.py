"""What a picture of some events of a run is made from, as it was at one moment.

Policy: whoever drives the run only copies here: lists of ranges and of what is remembered, none of which is looked at. The picture is made
from the copies elsewhere (see ``weave`` and ``overview``), so that looking at a run keeps nobody from leasing its events.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from beamloom.engine.accounts.ledger import Loss
from beamloom.engine.ranges import Range, RangeSet
from beamloom.engine.runs.run import Run
from beamloom.engine.views.chronicle import Chronicle, Lease, Remembered
from beamloom.triggermap import TriggerMap

Columns = tuple[list[int], list[int]]
"""Ranges as their first numbers and those past their last."""


@dataclass(frozen=True)
class Glimpse:
    """The events [first, stop) of a run."""

    trigger_map: TriggerMap
    total: int | None
    """Events of the run; None while it is open-ended."""
    assigned_until: int
    """Every event before this one has been given out, or settled."""
    settled_until: int
    first: int
    stop: int
    reduced: list[Range]
    failed: list[Range]
    lost: list[Range]
    quarantined: list[Range]
    failures: list[tuple[str, list[Range]]]
    """What failed, in words, and on which of these events."""
    losses: list[Loss]
    """Of the whole run, in the order in which they came; empty where none of these events is lost."""
    complete_until: dict[str, int]
    """Of each stream, the event before which every packet has come or is known to be missing."""
    workers: list[str]
    """Those that take part."""
    unusual_before: list[int]
    """Where the last failed and the last lost events begin that begin before these."""
    unusual_after: list[int]
    """Where the next failed and the next lost events begin behind these."""
    remembered: Remembered
    cut_at: tuple[int, int] | None = None
    """As of a Run."""


@dataclass(frozen=True)
class WholeGlimpse:
    """The states of all events of a run."""

    total: int | None
    assigned_until: int
    reduced: Columns
    failed: Columns
    lost: Columns
    remembered: Remembered
    cut_at: tuple[int, int] | None = None
    """As of a Run."""


def glimpse(run: Run, chronicle: Chronicle | None, first: int, stop: int) -> Glimpse:
    """The events [first, stop) of ``run``; ``chronicle`` None: nothing of their way is remembered."""
    ledger = run.ledger
    lost, failed = ledger.lost.within(first, stop), ledger.failed.within(first, stop)
    return Glimpse(
        run.trigger_map,
        ledger.total,
        ledger.assigned_until,
        ledger.settled_until,
        first,
        stop,
        ledger.reduced.within(first, stop),
        failed,
        lost,
        run.faults.quarantined.within(first, stop),
        [
            (f"{group.failure.error}: {group.failure.message}", hit)
            for group in (run.faults.groups if failed else ())
            # A failure hits others as well: such as are lost by then, or are with several workers.
            if (hit := [piece for one in failed for piece in group.events.within(*one)])
        ],
        ledger.losses if lost else [],
        {stream: run.standing[stream].complete_until for stream in run.trigger_map.streams},
        run.workers,
        [begin for one in (ledger.failed, ledger.lost) if (begin := one.last_begin(first)) is not None],
        [begin for one in (ledger.failed, ledger.lost) if (begin := next_begin(one, stop)) is not None],
        _remembered(chronicle),
        run.cut_at,
    )


def whole_glimpse(run: Run, chronicle: Chronicle | None) -> WholeGlimpse:
    """All events of ``run``."""
    ledger = run.ledger
    return WholeGlimpse(
        ledger.total,
        ledger.assigned_until,
        ledger.reduced.columns(),
        ledger.failed.columns(),
        ledger.lost.columns(),
        _remembered(chronicle),
        run.cut_at,
    )


def next_begin(events: RangeSet, stop: int) -> int | None:
    """Where those begin that do not go on from the event before ``stop``."""
    return events.first_from(events.run_from(stop) if stop - 1 in events else stop)


def _remembered(chronicle: Chronicle | None) -> Remembered:
    return Remembered([], {}, []) if chronicle is None else chronicle.copies()


class Given(NamedTuple):
    """Events that were given to a worker, for the how-manieth time."""

    first: int
    stop: int
    times: int
    lease: Lease


def given(leases: Iterable[Lease], cut_at: tuple[int, int] | None) -> Iterator[Given]:
    """What these leases gave; ``cut_at`` as of a Run. What was leased as an event that the run then never had is left out."""
    cut, base = (sys.maxsize, 1) if cut_at is None else cut_at
    for lease in leases:
        first, stop, attempt = lease.span.first, lease.span.stop, lease.span.attempt
        if first < cut:
            yield Given(first, min(stop, cut), attempt, lease)
        if stop > cut and attempt >= base:
            yield Given(max(first, cut), stop, attempt - base + 1, lease)


def again(seen: Glimpse | WholeGlimpse) -> RangeSet:
    """The events that were given out more than once."""
    leases = [lease for lease in seen.remembered.leases if lease.span.attempt > 1]
    return RangeSet((one.first, one.stop) for one in given(leases, seen.cut_at) if one.times > 1)


def newest(run: Run, count: int) -> Range:
    """The window of so many events in which the newest ones are that were given out, with a few that are to come."""
    total = run.ledger.total
    end = run.ledger.assigned_until + count // 10
    stop = max(count, end) if total is None else min(max(count, end), total)
    return max(stop - count, 0), stop


def within_run(run: Run, first: int, count: int) -> Range:
    """The events from ``first`` on, at most ``count``, as far as the run has them."""
    total = run.ledger.total
    stop = first + count if total is None else min(first + count, total)
    return min(first, stop), stop
