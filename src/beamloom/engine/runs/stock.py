"""What the processes of a run say of themselves when a new controller has taken over, and what each is told then.

Policy: who holds a delivery knows best. The workers are asked first and the reducer last: so whatever a worker does not have any more,
because the reducer has acknowledged it, is in what the reducer says.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from beamloom.engine.assignment import Span
from beamloom.engine.ranges import Range, RangeSet
from beamloom.engine.scheduling.scheduler import Scheduler
from beamloom.engine.scheduling.workforce import Worker, Workforce

Deliveries = dict[int, list[Range]]
"""By slot, the events."""


class Stock(msgspec.Struct):
    """What was said."""

    held: dict[str, Deliveries] = {}
    """By worker, what it works on, and what it has results of that were not acknowledged."""
    taken: Deliveries = {}
    """What the reducer has taken."""
    reduced: list[Range] = []
    """The events that are in its result."""

    @property
    def last_event(self) -> int:
        """The last event that anybody knows of; -1 when nobody knows of any."""
        known = [*self.held.values(), self.taken]
        return max((stop - 1 for one in known for ranges in one.values() for _, stop in ranges), default=-1)


class Resync(msgspec.Struct):
    """What the others are to be told. It may be told to who knows it already."""

    spans: list[Span] = []
    """All leases whose workers have them: an ingester that has others is to forget those."""
    settled: list[Range] = []
    """All events of which no packet has to be kept."""
    dropped: dict[str, list[Range]] = {}
    """By worker, what it holds and is not to."""
    spare: list[Range] = []
    """Settled events that are kept, all the same, for a replay of their constraints."""
    over: list[Range] = []
    """Numbers of the lives of constraints that are not to be gone on with."""
    fence: list[str] = []
    """Workers that the reducer is to fence, or has fenced without anybody having heard of it."""
    close_at: int | None = None
    stop_sources: bool = False
    origins: dict[str, int] = {}


def among_leases(
    taken: Mapping[int, Sequence[Range]], workforce: Workforce
) -> list[tuple[str, int, int, int]]:
    """Worker, slot, first event and one past the last of what is leased and was taken."""
    has = {slot: RangeSet(events) for slot, events in taken.items()}
    return [
        (worker.name, slot, a, b)
        for worker in workforce
        for slot, lease in worker.leases.items()
        for first, stop in lease
        for a, b in has.get(slot, RangeSet()).within(first, stop)
    ]


def reconcile(scheduler: Scheduler, stock: Stock) -> tuple[Resync, list[Span]]:
    """Compare leases with what is held: what is to be told, and the new leases of what was leased and is not held."""
    resync = Resync()
    renewed: list[Span] = []
    for name, held in stock.held.items():
        worker = scheduler.workforce.get(name)
        leases = {} if worker is None else worker.leases
        has = {slot: RangeSet(events) for slot, events in held.items()}
        certain = {slot: events.copy() for slot, events in has.items()}
        strange = [
            gap
            for slot, events in has.items()
            for first, stop in events
            for gap in leases.get(slot, RangeSet()).missing(first, stop)
        ]
        if strange:
            resync.dropped[name] = strange
        if worker is None or worker.suspended:
            continue
        for event, slot in _uncertain(scheduler, worker, resync):
            certain.setdefault(slot, RangeSet()).remove(event, event + 1)
        for slot, lease in leases.items():
            mine = certain.get(slot, RangeSet())
            for first, stop in lease:
                for a, b in mine.within(first, stop):
                    resync.spans += scheduler.leases_of(name, slot, a, b)
                for a, b in mine.missing(first, stop):
                    renewed += scheduler.renew(name, slot, a, b)
    return resync, renewed


def _uncertain(scheduler: Scheduler, worker: Worker, resync: Resync) -> list[tuple[int, int]]:
    """Event and slot of what a worker holds behind a rehearsal that it may never have had: another life begins for that."""
    if scheduler.lives is None:
        return []
    uncertain, over = scheduler.lives.uncertain(worker)
    resync.over += over
    return uncertain
