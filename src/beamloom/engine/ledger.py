"""The account of every event of a run.

Invariant: each event is in exactly one of pending, assigned, reduced, failed, lost, and the last three are final. An event that is
settled never changes its state again; whoever asks for a change of a settled event changes nothing and is told so.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec

from beamloom.engine.ranges import Range, RangeSet

LOSSES_EXPLAINED = 1000
"""So many of the latest losses may still be given another cause."""


class EventState(StrEnum):
    """Where an event stands."""

    PENDING = "pending"
    ASSIGNED = "assigned"
    REDUCED = "reduced"
    FAILED = "failed"
    LOST = "lost"


class Loss(msgspec.Struct, frozen=True):
    """Consecutive events that were lost for one cause."""

    first: int
    stop: int
    cause: str
    instead_of: str | None = None
    """The cause that was given before, where the true one is only known now."""


class Counts(msgspec.Struct, frozen=True):
    """How many events are in each state; ``total`` is None while the run is open-ended."""

    total: int | None
    pending: int | None
    assigned: int
    reduced: int
    failed: int
    lost: int


class Ledger:
    """The states of the events of one run, kept as ranges."""

    def __init__(self, total: int | None) -> None:
        self.total = total
        """Events of the run; None until an open-ended run is closed."""
        self.assigned_until = 0
        """Every event before this one has been assigned or settled; it only grows."""
        self._reduced = RangeSet()
        self._failed = RangeSet()
        self._lost = RangeSet()
        self._settled = RangeSet()
        self._losses: list[Loss] = []

    def assign_until(self, event: int) -> None:
        """All events before ``event`` have been given out."""
        self.assigned_until = max(self.assigned_until, event)

    def reduce(self, first: int, stop: int) -> list[Range]:
        """[first, stop) are reduced; returns those that were not settled before."""
        return self._settle(self._reduced, first, stop)

    def fail(self, first: int, stop: int) -> list[Range]:
        """[first, stop) have failed; returns those that were not settled before."""
        return self._settle(self._failed, first, stop)

    def lose(self, first: int, stop: int, cause: str) -> list[Range]:
        """[first, stop) are lost; returns those that were not settled before."""
        fresh = self._settle(self._lost, first, stop)
        for start, end in fresh:
            last = self._losses[-1] if self._losses else None
            if last is not None and last.stop == start and last.cause == cause:
                self._losses[-1] = Loss(last.first, end, cause)
            else:
                self._losses.append(Loss(start, end, cause))
        return fresh

    def explain(self, loss: Loss) -> None:
        """Those of the latest losses that were lost for ``loss.instead_of`` get the cause that is now known to be the true one."""
        for place in range(len(self._losses) - 1, max(len(self._losses) - 1 - LOSSES_EXPLAINED, -1), -1):
            old = self._losses[place]
            first, stop = max(old.first, loss.first), min(old.stop, loss.stop)
            if old.cause == loss.instead_of and first < stop:
                parts = (
                    Loss(old.first, first, old.cause),
                    Loss(first, stop, loss.cause),
                    Loss(stop, old.stop, old.cause),
                )
                self._losses[place : place + 1] = [part for part in parts if part.first < part.stop]

    def close(self, total: int) -> None:
        """The run has ``total`` events: an open-ended run learns its length, and one that is cut short is shortened.

        Raises ValueError when an event behind the new end is settled already.
        """
        if self._end_of_settled() > total:
            raise ValueError(f"events from {total} on are settled already: the run cannot end before them")
        self.total = total
        self.assigned_until = min(self.assigned_until, total)

    def _end_of_settled(self) -> int:
        ranges = list(self._settled)
        return ranges[-1][1] if ranges else 0

    def _settle(self, into: RangeSet, first: int, stop: int) -> list[Range]:
        fresh = self._settled.missing(first, stop)
        for start, end in fresh:
            self._settled.add(start, end)
            into.add(start, end)
        return fresh

    @property
    def complete(self) -> bool:
        """Whether every event of the run is settled."""
        return self.total is not None and len(self._settled) >= self.total

    @property
    def settled_count(self) -> int:
        """How many events are reduced, failed or lost."""
        return len(self._settled)

    @property
    def settled_until(self) -> int:
        """Every event before this one is settled."""
        return self._settled.run_from(0)

    @property
    def settled(self) -> RangeSet:
        """The settled events; not to be changed by the caller."""
        return self._settled

    @property
    def lost(self) -> RangeSet:
        """The lost events; not to be changed by the caller."""
        return self._lost

    @property
    def failed(self) -> RangeSet:
        """The failed events; not to be changed by the caller."""
        return self._failed

    @property
    def reduced(self) -> RangeSet:
        """The reduced events; not to be changed by the caller."""
        return self._reduced

    @property
    def losses(self) -> list[Loss]:
        """The lost events with their causes, in the order in which they were lost."""
        return list(self._losses)

    def unsettled(self, first: int, stop: int) -> list[Range]:
        """The parts of [first, stop) that are not settled."""
        return self._settled.missing(first, stop)

    def state(self, event: int) -> EventState:
        """The state of one event."""
        if event in self._reduced:
            return EventState.REDUCED
        if event in self._failed:
            return EventState.FAILED
        if event in self._lost:
            return EventState.LOST
        return EventState.ASSIGNED if event < self.assigned_until else EventState.PENDING

    def counts(self) -> Counts:
        """How many events are in each state."""
        settled_ahead = sum(
            b - a for a, b in self._settled.within(self.assigned_until, self._end_of_settled())
        )
        assigned = self.assigned_until - (len(self._settled) - settled_ahead)
        pending = None if self.total is None else self.total - assigned - len(self._settled)
        return Counts(self.total, pending, assigned, len(self._reduced), len(self._failed), len(self._lost))
