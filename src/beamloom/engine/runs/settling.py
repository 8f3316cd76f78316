"""How the events of a run end, and what the others are told of that.

Policy: an event that is given up is taken away from whoever holds it, and nobody is to wait for it; one that is reduced or has failed is
held by nobody any more. The next step is collected here, as an event that ends may take leases back that have not been told yet.
"""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterator

import msgspec

from beamloom.engine.accounts.ledger import Ledger, Loss
from beamloom.engine.ranges import Range, RangeSet
from beamloom.engine.runs.parts import Step
from beamloom.engine.scheduling.scheduler import Scheduler
from beamloom.engine.streams.layout import WantedEvents
from beamloom.engine.streams.streamplan import StreamLayout
from beamloom.triggermap import Instance


class Settling:
    """Settles events in the ledger, takes them from the workers, and collects what is to be told."""

    def __init__(self, ledger: Ledger, scheduler: Scheduler) -> None:
        self.step = Step()
        """What is to be told next, as far as it is known."""
        self._ledger = ledger
        self._scheduler = scheduler
        self._settled = RangeSet()
        self._release = RangeSet()
        self._void = RangeSet()
        self._doomed: list[Loss] = []
        """Losses of events that an open-ended run may never have."""

    def settle(self, fresh: Collection[Range], *, taken_away: bool = False) -> None:
        """These events have just been settled; ``taken_away``: workers may still hold them."""
        for first, stop in fresh:
            self._settled.add(first, stop)
            if taken_away:
                self._scheduler.drop(first, stop)
                if first < self._scheduler.cursor:
                    # Nobody was ever given the others.
                    self.take_away(first, min(stop, self._scheduler.cursor))

    def take_away(self, first: int, stop: int) -> None:
        """Workers are not to wait for these events; what is leased after this is meant again."""
        gone = RangeSet([(first, stop)])
        self.step.spans = [
            msgspec.structs.replace(span, first=a, count=b - a)
            for span in self.step.spans
            for a, b in gone.missing(span.first, span.stop)
        ]
        self.step.dropped.append((first, stop))

    def lose(self, first: int, stop: int, cause: str) -> None:
        """What of these events is not settled is lost."""
        fresh = self._ledger.lose(first, stop, cause)
        if self._scheduler.lives is not None:
            for a, b in fresh:
                self._scheduler.lives.pasts.leave_out(a, b)
        self.settle(fresh, taken_away=True)

    def recover(self, first: int, stop: int) -> None:
        """What of these events had been given up as lost is in the result all the same."""
        for a, b in self._ledger.recover(first, stop):
            if self._scheduler.lives is not None:
                self._scheduler.lives.pasts.recover(a, b)

    def lose_all(self, losses: Collection[Loss]) -> None:
        """These events are lost, or were for another cause than was said before."""
        for loss in losses:
            if loss.instead_of is not None:
                self._ledger.explain(loss)
                continue
            stop = loss.stop if self._ledger.total is None else min(loss.stop, self._ledger.total)
            if loss.first == 0 and 0 in self._ledger.settled:
                # It is done, but who comes late is to see it, and nobody has its packet any more.
                self._withhold_start()
            self.lose(loss.first, stop, loss.cause)

    def cut(self, event: int, instances: Iterator[Instance]) -> None:
        """From ``event`` on the run has only these parts; what was leased of other ones is taken away."""
        self.take_away(event, max(event, self._scheduler.cursor))
        self._scheduler.cut(event, instances)

    @property
    def end(self) -> int:
        """One past the last event that is settled."""
        ranges = list(self._ledger.settled)
        return ranges[-1][1] if ranges else 0

    # ---- events that no worker is to see ------------------------------------------------------------------------------------

    def pass_over(self, void: Collection[Range]) -> None:
        """No worker is to see these events."""
        for first, stop in void:
            self._void.add(first, stop)

    def settle_void(self, certain: int) -> None:
        """An event that no worker is to see is done with when it is certain that the run has it: those before ``certain``."""
        for first, stop in self._void.remove(0, certain):
            self.settle(self._ledger.reduce(first, stop))

    def forget_behind(self, event: int) -> None:
        """Of what was said of events from this one on, nothing is meant any more: the run has none of them."""
        self._void.remove(event, sys.maxsize)
        self._doomed = [
            msgspec.structs.replace(loss, stop=min(loss.stop, event))
            for loss in self._take_doomed()
            if loss.first < event
        ]

    # ---- what is told -------------------------------------------------------------------------------------------------------

    def let_go(self) -> None:
        """See which packets nobody needs any more: a constraint with a state may be worked through again until it is complete."""
        settled, lives = self._settled.clear(), self._scheduler.lives
        if lives is not None:
            kept = lives.pasts.settle(settled, self._ledger.lost, self._scheduler.cursor)
            self.step.spare += self.not_kept(list(kept.spare))
            self.step.over += lives.complete(kept.complete)
            # A run that was stopped does not come to the rest of its constraints.
            settled = [*kept.release, *(lives.pasts.let_all_go() if self._ledger.complete else ())]
        for first, stop in settled:
            self._release.add(first, stop)

    def forget_past(self, events: Collection[Range], cause: str) -> None:
        """The packets of these events cannot be had again, for this cause: of no interest where nothing has to be worked through again."""
        lives = self._scheduler.lives
        if lives is None:
            return
        self.let_go()
        for first, stop in events:
            for a, b in [*lives.pasts.kept.within(first, stop), *self._ledger.unsettled(first, stop)]:
                lives.forget(a, b, cause)

    def forget_lost(self, losses: Collection[Loss]) -> None:
        """Of what is kept for a replay, these events have a stream that has no packet any more."""
        lives = self._scheduler.lives
        if lives is None:
            return
        self.let_go()
        for loss in losses:
            if loss.instead_of is None:
                for first, stop in lives.pasts.kept.within(loss.first, loss.stop):
                    lives.forget(first, stop, loss.cause)

    def lose_doomed(self, certain: int) -> None:
        """Constraints that would have to be worked through again, and cannot, are lost: those of their events that the run certainly has.

        These are the ones before ``certain``.
        """
        doomed = self._take_doomed()
        self.lose_all(
            [
                msgspec.structs.replace(loss, stop=min(loss.stop, certain))
                for loss in doomed
                if loss.first < certain
            ]
        )
        self._doomed = [
            msgspec.structs.replace(loss, first=max(loss.first, certain))
            for loss in doomed
            if loss.stop > certain
        ]

    def _take_doomed(self) -> list[Loss]:
        lives = self._scheduler.lives
        doomed, self._doomed = self._doomed, []
        return doomed if lives is None else doomed + lives.take_doomed()

    def take_step(self) -> Step:
        """What is to be told now."""
        step, self.step = self.step, Step()
        for first, stop in self._settled.clear():
            self._release.add(first, stop)
        step.settled = self.not_kept(self._release.clear())
        return step

    @property
    def kept(self) -> RangeSet:
        """The settled events whose packets are kept for a replay."""
        lives = self._scheduler.lives
        return RangeSet() if lives is None else lives.pasts.kept

    @property
    def not_spare(self) -> list[Range]:
        """The settled events whose packets are not kept for a replay."""
        kept = self.kept
        return [part for first, stop in self._ledger.settled for part in kept.missing(first, stop)]

    def not_kept(self, settled: list[Range]) -> list[Range]:
        """Of these events, those of which ingesters need not keep the packets."""
        if self._scheduler.keeps_start and settled and settled[0][0] == 0:
            settled[0] = (1, settled[0][1])
        return settled

    def withhold_start(self, layout: StreamLayout) -> None:
        """An ingester is gone with the packets of the start event: whoever comes late cannot be given it."""
        if WantedEvents(layout).before(1):
            self._withhold_start()

    def _withhold_start(self) -> None:
        if self._scheduler.keeps_start:
            self.settle([(0, 1)], taken_away=True)
