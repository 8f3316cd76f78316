"""What the reducer knows of the events of its run: what it has taken itself, and what the controller tells it of the others.

Policy: the reducer's own evidence comes first. An event with one delivery is in the result from the moment at which ``process_result``
has returned for it, whatever the controller believes meanwhile; the controller learns it from the report and corrects its ledger. An
event with several deliveries is in when the controller, which alone knows how many there are, says that it is reduced. Of everything that
is not in, the controller's word counts, and until it has come, what failed here.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from beamloom.engine.accounts.coverage import Coverage
from beamloom.engine.accounts.ledger import Ledger, LedgerNews
from beamloom.engine.ranges import Range, RangeSet


class ResultAccount:
    """The events of one run as the reducer sees them."""

    def __init__(self, run: str, total: int | None) -> None:
        self.run = run
        self.over = False
        """Whether the controller has said that the run is over."""
        self._ledger = Ledger(total)
        self._split = RangeSet()
        self._partly = RangeSet()
        self._failed_here = RangeSet()
        self._version = 0
        self._shown: tuple[int, Coverage] | None = None

    def mark_split(self, events: Collection[int]) -> None:
        """These events have several deliveries; told before any of their results is entered."""
        for event in events:
            self._split.add(event, event + 1)

    def split_within(self, first: int, stop: int) -> list[Range]:
        """Those of [first, stop) that have several deliveries."""
        return self._split.within(first, stop) if self._split else []

    @property
    def split(self) -> list[Range]:
        """The events that have several deliveries, as far as their results have come."""
        return list(self._split)

    @property
    def failed_here(self) -> list[Range]:
        """The events for which the reduce failed."""
        return list(self._failed_here)

    def restore(
        self, split: Iterable[Range], failed: Iterable[Range], taken: Iterable[Iterable[Range]]
    ) -> None:
        """Go on from what another account knew; ``taken``: of each slot the events of which a delivery was taken."""
        self._split, self._failed_here = RangeSet(split), RangeSet(failed)
        for events in taken:
            for first, stop in events:
                for a, b in self._failed_here.missing(first, stop):
                    self.reduced(a, b)

    def reduced(self, first: int, stop: int) -> None:
        """One delivery of each of these events is in the result now."""
        self._version += 1
        if self._split and (split := self._split.within(first, stop)):
            for a, b in split:
                self._partly.add(a, b)
            for a, b in self._split.missing(first, stop):
                self._enter(a, b)
        else:
            self._enter(first, stop)

    def _enter(self, first: int, stop: int) -> None:
        self._ledger.reduce(first, stop)
        if self._ledger.lost:
            self._ledger.recover(first, stop)

    def failed(self, first: int, stop: int) -> None:
        """The reduce failed for one delivery of each of these events."""
        self._version += 1
        self._failed_here.add(first, stop)

    def learn(self, news: LedgerNews, *, over: bool) -> None:
        """The controller tells what it has settled."""
        self._version += 1
        self._ledger.learn(news)
        self._ledger.take_news()
        self.over = self.over or over

    @property
    def coverage(self) -> Coverage:
        """How it stands now; the same object as before when nothing has changed."""
        if self._shown is None or self._shown[0] != self._version:
            self._shown = self._version, self._coverage()
        return self._shown[1]

    def _coverage(self) -> Coverage:
        ledger = self._ledger
        failed, partly = ledger.failed.copy(), self._partly.copy()
        for first, stop in self._failed_here:
            for a, b in self._split.missing(first, stop):
                for start, end in ledger.unsettled(a, b):
                    failed.add(start, end)
        if partly:
            for first, stop in ledger.reduced:
                partly.remove(first, stop)
        return Coverage(
            self.run,
            ledger.total,
            ledger.reduced.copy(),
            failed,
            ledger.lost.copy(),
            tuple(ledger.losses),
            partly,
            self.over,
        )
