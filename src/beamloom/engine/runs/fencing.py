"""Workers that are lost, until nothing more of them can be taken.

Invariant: what a lost worker held is leased again only after the reducer has confirmed that it takes nothing more from it; by then
everything that it did take has been reported.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from beamloom.engine.accounts.faults import Death, Faults, poison_failure
from beamloom.engine.accounts.ledger import Ledger
from beamloom.engine.runs.settling import Settling
from beamloom.engine.scheduling.scheduler import Scheduler


class Returned(NamedTuple):
    """How many deliveries a worker that is gone leaves to others."""

    in_order: int
    """Of one that had said that it would go, and did."""
    unforeseen: int
    """Of any other."""


class Fencing:
    """The workers of a run that are being fenced."""

    def __init__(self, ledger: Ledger, faults: Faults, scheduler: Scheduler, settling: Settling) -> None:
        self._ledger = ledger
        self._faults = faults
        self._scheduler = scheduler
        self._settling = settling
        self._killed: dict[str, bool] = {}
        self._deaths: dict[str, Death] = {}

    def begin(self, worker: str, *, killed: bool, death: Death | None) -> bool:
        """A worker is lost and gets nothing more; whether it was one that took part until now."""
        if worker not in self._scheduler.workforce or worker in self._killed:
            return False
        self._killed[worker] = killed
        if death is not None:
            self._deaths[worker] = death
        self._scheduler.workforce.suspend(worker)
        return True

    def end(self, worker: str) -> Returned:
        """Nothing more of ``worker`` can be taken; returns what waits to be leased again by that."""
        if worker not in self._killed:
            return Returned(0, 0)
        lost = self._scheduler.workforce[worker]
        held, in_order = lost.outstanding, lost.drains and not self._killed[worker]
        death = self._deaths.pop(worker, None)
        culprit = None if death is None else death.event
        # Who is known to have ended between two events is held against none of those that it held.
        killed = self._killed.pop(worker) and (death is None or culprit is not None)
        poison = self._scheduler.lose_worker(worker, killed=killed, culprit=culprit)
        for event in poison:
            failure = poison_failure(event, worker, death)
            self._faults.add(failure, worker, event)
            self._ledger.fail(event, event + 1)
            if self._scheduler.lives is not None:
                self._scheduler.lives.pasts.leave_out(event, event + 1)
            # Taken away also when it is settled: the start event that kills those who come late may be reduced long since.
            self._settling.settle([(event, event + 1)], taken_away=True)
        for event, failed in self._scheduler.ended():
            settle = self._ledger.fail if failed else self._ledger.reduce
            self._settling.settle(settle(event, event + 1))
        left = held - len(poison)
        return Returned(left, 0) if in_order else Returned(0, left)

    def clear(self) -> None:
        """The run is over."""
        self._killed.clear()
        self._deaths.clear()

    def __iter__(self) -> Iterator[str]:
        return iter(self._killed)

    def __len__(self) -> int:
        return len(self._killed)
