"""How a run comes to its end, and what is lost by that.

Policy: an open-ended run ends when each of its streams has ended; a run that was told to stop works off the events whose packets have all
arrived; a run that is aborted ends at once. Whatever nobody can bring any more is lost, each event with its cause.

An ingester that died may have sent more than it came to tell of. So where one is gone, an open-ended run ends when the workers have told
what they have of it: behind all that anybody has.
"""

from __future__ import annotations

from collections.abc import Mapping

from beamloom.engine.accounts.ledger import Ledger
from beamloom.engine.runs.settling import Settling
from beamloom.engine.runs.standing import Standing
from beamloom.engine.runs.succession import Succession
from beamloom.engine.scheduling.scheduler import Scheduler
from beamloom.engine.streams.shares import Shares
from beamloom.triggermap import Instance, TriggerMap


class Endings:
    """Where one run ends."""

    def __init__(
        self,
        trigger_map: TriggerMap,
        ledger: Ledger,
        standing: Standing,
        scheduler: Scheduler,
        settling: Settling,
        succession: Succession,
    ) -> None:
        self.closed_at: int | None = None
        """The event before which an open-ended run ended."""
        self._trigger_map = trigger_map
        self._ledger = ledger
        self._standing = standing
        self._scheduler = scheduler
        self._settling = settling
        self._succession = succession
        self._has_end = trigger_map.wrapped
        self._stopping = False
        """Whether it is not known yet what of a run that is being stopped is worked off."""

    def _reached(self) -> int | None:
        """One past the last event that an open-ended run has, when nothing more comes; None as long as that is not known."""
        return self._succession.brought_until(max(self._standing.seen_until, self._settling.end))

    def close_if_all_ended(self, shared: Mapping[str, Shares], now: float) -> None:
        """An open-ended run ends when each of its streams has; ``shared``: those that several ingesters share."""
        if not self._standing.all_ended or (event := self._reached()) is None:
            return
        end_part = self._trigger_map.end_part()
        self._settling.cut(event, iter(() if end_part is None else (Instance(event, end_part),)))
        self._ledger.close(event if end_part is None else event + 1)
        self._settling.step.close_at = self.closed_at = event
        self._settling.forget_behind(event)
        self._standing.close(event)
        for stream, shares in shared.items():
            shares.close(self._standing.layouts[stream], event, now)

    def begin_to_stop(self) -> None:
        """Nothing more is given out before it is known what has arrived."""
        self._stopping, self._scheduler.limit = True, self._scheduler.cursor

    def cut_if_all_stopped(self, cause: str | None) -> None:
        """A run that was told to stop works off the events whose packets have all arrived; the others are lost."""
        if not self._standing.all_stopped:
            return
        if self._ledger.total is None:
            if (reached := self._reached()) is None:
                return
            self._settling.cut(reached, iter(()))
            self._ledger.close(reached)
            self._has_end = False
        until = [
            # What is leased of a stream that is gone, is known of each lease by itself; nobody has what was not.
            self._standing[stream].complete_until if stream in self._standing.left else self._scheduler.cursor
            for stream in self._standing.layouts
        ]
        total = self._ledger.total or 0
        complete = min([*until, total])
        self._stopping, self._scheduler.limit = False, complete
        self._has_end = self._has_end and complete == total
        self._settling.lose(complete, total, f"the run was stopped: {cause}")

    def reach(self, event: int) -> None:
        """An open-ended run that is about to be aborted has the events before this one, of which somebody knows."""
        if self._ledger.total is None:
            self._ledger.close(max(event, self._scheduler.cursor, self._settling.end))

    def abort(self, cause: str) -> None:
        """Every event that is not settled is lost, and nobody takes part any more."""
        self.reach(0)
        self._settling.lose(0, self._ledger.total or 0, cause)
        for worker in self._scheduler.workforce:
            self._scheduler.workforce.remove(worker.name)

    def hold_back(self) -> None:
        """The end event is leased when all others are settled: what sums up at the end has seen everything before, whoever died."""
        if self._has_end and self._ledger.total is not None and not self._stopping:
            last = self._ledger.total - 1
            self._scheduler.limit = last if self._ledger.settled_until < last else None

    def lose_overdue(self, shared: Mapping[str, Shares], now: float) -> None:
        """Lose what nobody can bring any more."""
        if self._ledger.total is None:
            for stream in self._standing.silent(now, None):
                self._standing.end(stream)
                self.close_if_all_ended(shared, now)
        self._settling.lose_all(self._standing.overdue(now, self._ledger.total))
