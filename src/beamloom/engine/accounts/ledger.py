"""The account of every event of a run.

Invariant: each event is in exactly one of pending, assigned, reduced, failed, lost, and the last three are final, with two exceptions:
what was given up as lost while its result was under way, and turns out to be in the result, is reduced; and what was reduced by a reducer
that died, and cannot be brought back, is lost. Whoever asks for any other change of a settled event changes nothing and is told so.
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


class LedgerNews(msgspec.Struct):
    """What has been settled since it was asked for last, to be entered in another ledger of the same run."""

    total: int | None = None
    reduced: list[Range] = []
    failed: list[Range] = []
    losses: list[Loss] = []
    """New losses, and explanations of earlier ones, in their order."""

    def __bool__(self) -> bool:
        return bool(self.reduced or self.failed or self.losses)


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
        self._news_reduced = RangeSet()
        self._news_failed = RangeSet()
        self._news_losses: list[Loss] = []

    def assign_until(self, event: int) -> None:
        """All events before ``event`` have been given out."""
        self.assigned_until = max(self.assigned_until, event)

    def reduce(self, first: int, stop: int) -> list[Range]:
        """[first, stop) are reduced; returns those that were not settled before."""
        fresh = self._settle(self._reduced, first, stop)
        for start, end in fresh:
            self._news_reduced.add(start, end)
        return fresh

    def recover(self, first: int, stop: int) -> list[Range]:
        """Of [first, stop), what had been given up as lost is in the result all the same; returns which events that are."""
        found = self._lost.remove(first, stop)
        for start, end in found:
            self._reduced.add(start, end)
            self._news_reduced.add(start, end)
            self._losses = [
                msgspec.structs.replace(loss, first=a, stop=b)
                for loss in self._losses
                for a, b in RangeSet([(start, end)]).missing(loss.first, loss.stop)
            ]
        return found

    def fail(self, first: int, stop: int) -> list[Range]:
        """[first, stop) have failed; returns those that were not settled before."""
        fresh = self._settle(self._failed, first, stop)
        for start, end in fresh:
            self._news_failed.add(start, end)
        return fresh

    def lose(self, first: int, stop: int, cause: str) -> list[Range]:
        """[first, stop) are lost; returns those that were not settled before."""
        fresh = self._settle(self._lost, first, stop)
        for start, end in fresh:
            _append(self._losses, Loss(start, end, cause))
            _append(self._news_losses, Loss(start, end, cause))
        return fresh

    def revoke(self, first: int, stop: int, cause: str) -> list[Range]:
        """What of [first, stop) counted as reduced is lost, as its results are gone; returns those events."""
        revoked = self._reduced.remove(first, stop)
        for a, b in revoked:
            self._lost.add(a, b)
            self._news_reduced.remove(a, b)
            _append(self._losses, Loss(a, b, cause))
            _append(self._news_losses, Loss(a, b, cause))
        return revoked

    def explain(self, loss: Loss) -> None:
        """Those of the latest losses that were lost for ``loss.instead_of`` get the cause that is now known to be the true one."""
        self._news_losses.append(loss)
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

    def take_news(self) -> LedgerNews:
        """What has been settled since this was called last."""
        losses, self._news_losses = self._news_losses, []
        return LedgerNews(self.total, self._news_reduced.clear(), self._news_failed.clear(), losses)

    def tell_all_again(self) -> None:
        """Of what was told before, nobody knows what arrived."""
        self._news_reduced, self._news_failed = self._reduced.copy(), self._failed.copy()
        explained = [loss for loss in self._news_losses if loss.instead_of is not None]
        self._news_losses = [*self._losses, *explained]

    @property
    def all_news(self) -> LedgerNews:
        """Everything, for whoever was told nothing before."""
        return LedgerNews(self.total, list(self._reduced), list(self._failed), list(self._losses))

    def learn(self, news: LedgerNews) -> None:
        """Enter what another ledger of the run has settled."""
        for loss in news.losses:
            if loss.instead_of is None:
                self.lose(loss.first, loss.stop, loss.cause)
            else:
                self.explain(loss)
        for first, stop in news.failed:
            self.fail(first, stop)
        for first, stop in news.reduced:
            self.reduce(first, stop)
            self.recover(first, stop)
        if news.total is not None and news.total != self.total:
            self.close(news.total)

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


def _append(losses: list[Loss], loss: Loss) -> None:
    """Add a loss; one that goes on with the last one for the same cause is the same entry."""
    last = losses[-1] if losses else None
    if last is not None and (last.stop, last.cause, last.instead_of) == (loss.first, loss.cause, None):
        losses[-1] = Loss(last.first, loss.stop, loss.cause)
    else:
        losses.append(loss)
