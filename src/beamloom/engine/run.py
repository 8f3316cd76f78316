"""One run, from its first lease to its last settled event.

Policy: the ledger is the truth; whether the run is over is read from it and from nothing else. Whatever happens to a process, a
device or a person's patience is turned into events that are reduced, failed or lost, so that the run always ends.

A worker that is lost is *fenced* before its events are leased again: the reducer confirms that it takes nothing more from it, and by
then everything that it did take has been reported.
"""

from __future__ import annotations

import sys
from collections.abc import Collection

import msgspec

from beamloom.engine.coverage import losses_by_cause
from beamloom.engine.custody import Custody
from beamloom.engine.faults import Death, Failure, Faults, poison_failure
from beamloom.engine.inputs import Witness, recorded
from beamloom.engine.layout import WantedEvents, stream_layout
from beamloom.engine.ledger import Ledger, Loss
from beamloom.engine.ranges import Range, RangeSet
from beamloom.engine.run_parts import RunPhase as RunPhase
from beamloom.engine.run_parts import RunSettings as RunSettings
from beamloom.engine.run_parts import Step as Step
from beamloom.engine.scheduler import Scheduler
from beamloom.engine.shares import ShareReport, Shares, ShareSettings
from beamloom.engine.standing import Standing
from beamloom.engine.stock import Resync, Stock, among_leases, reconcile
from beamloom.engine.streamplan import StreamLayout
from beamloom.triggermap import Instance, TriggerMap


class Run:
    """The state of one run."""

    def __init__(self, run_id: str, trigger_map: TriggerMap, settings: RunSettings, now: float) -> None:
        self.run_id = run_id
        self.witness: Witness | None = None
        """Is told of every input."""
        self.trigger_map = trigger_map
        self.phase = RunPhase.RUNNING
        self.ledger = Ledger(trigger_map.total_events)
        self.faults = Faults()
        self.standing = Standing(
            {stream: stream_layout(trigger_map, stream) for stream in trigger_map.streams},
            now,
            straggler_timeout=settings.straggler_timeout,
            orphan_grace=settings.orphan_grace,
        )
        self.shares: dict[str, Shares] = {}
        """The streams that several ingesters share."""
        self.custody = Custody(settings.reducer_timeout)
        """Where the results are."""
        self.redelivered = 0
        """Deliveries that were leased again."""
        self.stop_cause: str | None = None
        self.aborted = False
        self._settings = settings
        self._scheduler = Scheduler(trigger_map.instances(), settings.lookahead)
        self._fencing: dict[str, bool] = {}
        self._deaths: dict[str, Death] = {}
        self._settled = RangeSet()
        self._void = RangeSet()
        self._pending = Step()
        self._closed_at: int | None = None
        self.advanced_at = now
        """The time of the last look."""

    # ---- workers ------------------------------------------------------------------------------------------------------------

    @recorded
    def add_worker(self, worker: str, tags: Collection[str], now: float) -> None:
        """A worker is ready to take part, from the beginning or later."""
        self._pending.spans += self._scheduler.add_worker(worker, frozenset(tags), now)

    @recorded
    def lose_worker(self, worker: str, *, killed: bool, death: Death | None = None) -> None:
        """A worker is gone, or is not trusted any more. ``killed``: its process died; ``death``: what is known of that."""
        if worker in self._scheduler.workforce and worker not in self._fencing:
            self._fencing[worker] = killed
            if death is not None:
                self._deaths[worker] = death
            self._scheduler.workforce.suspend(worker)
            if not self.custody.away:
                self._pending.fence.append(worker)

    @recorded
    def fenced(self, worker: str, now: float) -> None:
        """The reducer takes nothing more from ``worker``, and all that it took has been reported."""
        if worker not in self._fencing:
            return
        held = self._scheduler.workforce[worker].outstanding
        death = self._deaths.pop(worker, None)
        culprit = None if death is None else death.event
        poison = self._scheduler.lose_worker(worker, killed=self._fencing.pop(worker), culprit=culprit)
        self.redelivered += held - len(poison)
        for event in poison:
            failure = poison_failure(event, worker, death)
            self.faults.add(failure, worker, event)
            self.ledger.fail(event, event + 1)
            # Taken away also when it is settled: the start event that kills those who come late may be reduced long since.
            self._settle([(event, event + 1)], taken_away=True)
        for event, failed in self._scheduler.ended():
            settle = self.ledger.fail if failed else self.ledger.reduce
            self._settle(settle(event, event + 1))

    def __getstate__(self) -> dict[str, object]:
        """All but who watches."""
        return {**self.__dict__, "witness": None}

    # ---- the reducer --------------------------------------------------------------------------------------------------------

    @recorded
    def lose_reducer(self, cause: str, now: float) -> None:
        """The reducer is gone. The run waits for another one that knows what this one had taken."""
        self.custody.lose(cause, now)
        self._pending.fence.clear()

    @recorded
    def await_reducer(self, now: float) -> None:
        """A reducer is about to take up the run: the patience with it counts from now."""
        self.custody.wait_anew(now)

    @recorded
    def take_up(
        self, taken: dict[int, list[Range]], split: list[Range], now: float, *, over: bool = False
    ) -> bool:
        """A reducer has taken up the run; its result is made of ``taken``, by slot. What else it was to be told is told now.

        ``split``: events that have several deliveries. ``over``: the account of the run stays as it is. Returns whether all is there.
        """
        gone = self.custody.take_up(taken, now)
        if over:
            return not gone
        for worker, slot, first, stop in among_leases(taken, self._scheduler.workforce):
            self.taken(worker, slot, first, stop, now)
        for first, stop in [one for events in taken.values() for one in events]:
            for a, b in RangeSet(split).missing(first, stop) if self.ledger.lost else []:
                self.ledger.recover(a, b)
        cause = f"the reducer died and its journal does not have the result: {self.custody.cause}"
        for slot, first, stop in gone:
            self.ledger.revoke(first, stop, cause)
            self._scheduler.reopen(slot, first, stop)
        self._pending.fence += self._fencing
        self.custody.ask(self._scheduler.workforce)
        return not gone

    @recorded
    def holds(self, worker: str, held: dict[int, list[Range]]) -> None:
        """A worker says, after the reducer was replaced, which deliveries it works on or has results of."""
        for slot, first, stop in self.custody.ghosts(worker, held, self._scheduler.workforce):
            self.redelivered += stop - first
            self._scheduler.release(worker, slot, first, stop)

    # ---- what the services report -------------------------------------------------------------------------------------------

    @recorded
    def taken(
        self, worker: str, slot: int, first: int, stop: int, now: float, split: Collection[Range] = ()
    ) -> None:
        """The reducer has taken the results of these deliveries; of the events in ``split`` there may be others.

        What was given up while its result was under way is in the result, and so it is reduced. Of an event with several deliveries
        nobody knows by then whether all were taken: it stays lost.
        """
        self.custody.told(slot, first, stop)
        if self.ledger.lost.within(first, stop):
            for a, b in RangeSet(split).missing(first, stop):
                self.ledger.recover(a, b)
        reduced, failed = self._scheduler.done(worker, slot, first, stop, now)
        for a, b in reduced:
            self._settle(self.ledger.reduce(a, b))
        for event in failed:
            self._settle(self.ledger.fail(event, event + 1))

    @recorded
    def failed(self, worker: str, slot: int, event: int, failure: Failure) -> None:
        """User code failed on one delivery."""
        if self._scheduler.fail(worker, slot, event):
            self._settle(self.ledger.fail(event, event + 1))
            self.faults.add(failure, worker, event)
        elif worker in self._scheduler.workforce and event not in self.ledger.failed:
            self.faults.add(failure, worker, event)

    @recorded
    def blame(self, worker: str, failure: Failure) -> None:
        """User code failed in a hook that belongs to no event."""
        self.faults.add(failure, worker, None)

    @recorded
    def lost(self, losses: Collection[Loss]) -> None:
        """A stream has no packet for these events, or knows better why."""
        for loss in losses:
            if loss.instead_of is not None:
                self.ledger.explain(loss)
                continue
            stop = loss.stop if self.ledger.total is None else min(loss.stop, self.ledger.total)
            self._lose(loss.first, stop, loss.cause)

    @recorded
    def progress(
        self,
        stream: str,
        complete_until: int,
        seen_until: int,
        *,
        ended: bool,
        now: float,
        blocked: bool = False,
    ) -> None:
        """How far a stream has come.

        ``ended``: its device has closed its series. ``blocked``: its ingester does not read on before events are settled.
        """
        self.standing.report(stream, complete_until, seen_until, now, ended=ended, blocked=blocked)
        if ended and self.trigger_map.total_events is None and self.ledger.total is None:
            self._close_if_all_ended(now)

    @recorded
    def stopped(self, stream: str, complete_until: int, seen_until: int, now: float) -> None:
        """The source of a stream has been stopped; nothing more will come."""
        self.progress(stream, complete_until, seen_until, ended=False, now=now)
        self.standing.stop(stream)
        self._cut_if_all_stopped()

    @recorded
    def stream_gone(self, stream: str, cause: str, now: float) -> None:
        """The ingester of a stream has died with all that it kept."""
        if self.phase is RunPhase.COMPLETE or not self.standing.lose(stream, cause, now):
            return
        if self.phase is RunPhase.STOPPING:
            self._cut_if_all_stopped()
        elif self.ledger.total is None:
            self._close_if_all_ended(now)

    # ---- streams that several ingesters share ------------------------------------------------------------------------------

    @recorded
    def share_out(self, stream: str, shares: Collection[str], now: float, *, in_turn: bool) -> None:
        """A stream comes by several ingesters, which are named here; to be called before the run begins.

        ``in_turn``: its device deals its packets out, each goes to one of them.
        """
        settings = ShareSettings(
            self._settings.share_grace, self._settings.orphan_grace, self._settings.straggler_timeout
        )
        self.shares[stream] = Shares(stream, self.layouts[stream], shares, settings, now, in_turn=in_turn)

    @recorded
    def share_progress(self, stream: str, share: str, report: ShareReport, now: float) -> None:
        """What one of the ingesters of a shared stream reports."""
        shares = self.shares[stream]
        origin = shares.origin
        shares.report(share, report, now)
        if shares.origin != origin and shares.origin is not None:
            self._pending.origins[stream] = shares.origin
        self._look_at_shares(stream, now)

    @recorded
    def share_gone(self, stream: str, share: str, cause: str, now: float) -> None:
        """The ingester of one share of a stream has died with all that it kept."""
        if self.phase is RunPhase.COMPLETE:
            return
        shares = self.shares[stream]
        shares.gone(share, cause, now)
        self._look_at_shares(stream, now)
        if shares.all_gone is not None:
            self.stream_gone(stream, shares.all_gone, now)

    def _look_at_shares(self, stream: str, now: float) -> None:
        shares = self.shares[stream]
        losses = shares.advance(now, self.ledger.settled_until)
        if self.phase is RunPhase.COMPLETE:
            return
        self.lost(losses)
        if shares.start_gone:
            shares.start_gone = False
            self._withhold_start(stream)
        complete, seen = shares.complete_until, shares.seen_until
        if shares.stopped and not self.standing[stream].stopped:
            self.stopped(stream, complete, seen, now)
        else:
            self.progress(stream, complete, seen, ended=shares.ended, now=now, blocked=shares.blocked)

    # ---- another controller has taken over ---------------------------------------------------------------------------------

    @recorded
    def take_stock(self, stock: Stock, now: float) -> Resync:
        """A new controller goes on with this run, and others have said how they stand; returns what they are to be told.

        What was leased to a worker that has answered, and is neither there nor with the reducer, died on its way: it is leased to it
        again. Workers that have not answered are left as they are.
        """
        workforce = self._scheduler.workforce
        if not self._scheduler.was_cut and (ahead := stock.last_event) >= self._scheduler.cursor:
            self.abort(
                f"the controller died while its store was behind: event {ahead} had been given out and nobody knows to whom; "
                "run it again, and look at the disk of the controller's state_dir"
            )
        for worker, slot, first, stop in among_leases(stock.taken, workforce):
            self.taken(worker, slot, first, stop, now)
        for first, stop in stock.reduced:
            self.ledger.recover(first, stop)
        self.ledger.tell_all_again()
        # What was to be told to them next is among what they do not have.
        self._pending.spans = [span for span in self._pending.spans if span.worker not in stock.held]
        resync, renewed = reconcile(self._scheduler, stock)
        self._pending.spans += renewed
        self.redelivered += sum(span.count for span in renewed)
        resync.settled = self._not_kept(list(self.ledger.settled))
        resync.fence = list(self._fencing)
        resync.close_at = self._closed_at
        resync.stop_sources = self.phase is RunPhase.STOPPING
        resync.origins = {stream: one.origin for stream, one in self.shares.items() if one.origin is not None}
        return resync

    # ---- what people ask for ------------------------------------------------------------------------------------------------

    @recorded
    def begin_epoch(self, epoch: int) -> int:
        """New parameters hold from the next event on that has not been leased; returns that event."""
        return self._scheduler.begin_epoch(epoch)

    @recorded
    def plan_epoch(self, first_event: int, epoch: int) -> None:
        """Parameters are known to change at ``first_event``, which has not been leased yet: a recorded run is run again."""
        self._scheduler.plan_epoch(first_event, epoch)

    @recorded
    def stop(self, cause: str) -> None:
        """End the run: what has arrived is worked off, the rest is lost, or never was in an open-ended run."""
        if self.phase is RunPhase.RUNNING:
            self.phase = RunPhase.STOPPING
            self.stop_cause = cause
            self._scheduler.limit = self._scheduler.cursor
            self._pending.stop_sources = True
            self._cut_if_all_stopped()

    @recorded
    def abort(self, cause: str) -> None:
        """End the run at once: every event that is not settled is lost."""
        if self.ledger.total is None:
            self.ledger.close(max(self._scheduler.cursor, self._end_of_settled()))
        self._lose(0, self.ledger.total or 0, cause)
        self.stop_cause = cause
        self.aborted = True
        self._fencing.clear()
        self._deaths.clear()
        for worker in self._scheduler.workforce:
            self._scheduler.workforce.remove(worker.name)
        self.phase = RunPhase.COMPLETE

    # ---- time passes --------------------------------------------------------------------------------------------------------

    @recorded
    def advance(self, now: float) -> Step:
        """What is to be done now. To be called after every report, and at least a few times a second."""
        self.advanced_at = now
        if self.custody.overdue(now) and self.phase is not RunPhase.COMPLETE:
            self.abort(f"the reducer is gone, and what it had published with it: {self.custody.cause}")
        if self.phase is not RunPhase.COMPLETE:
            for stream in self.shares:
                self._look_at_shares(stream, now)
            self._lose_overdue(now)
            self._hold_end_back()
            spans, void = self._scheduler.assign(now)
            for first, stop in void:
                self._void.add(first, stop)
            self._settle_void()
            self.ledger.assign_until(self._scheduler.cursor)
            self._pending.spans += spans
            self._scheduler.forget_settled(self.ledger.settled_until)
            if self.ledger.complete and self._scheduler.idle and not self._fencing and not self.custody.away:
                self.phase = RunPhase.COMPLETE
        step, self._pending = self._pending, Step()
        step.settled = self._not_kept(self._settled.clear())
        return step

    def _not_kept(self, settled: list[Range]) -> list[Range]:
        """Of these events, those of which ingesters need not keep the packets."""
        if self.keeps_start and settled and settled[0][0] == 0:
            settled[0] = (1, settled[0][1])
        return settled

    @property
    def layouts(self) -> dict[str, StreamLayout]:
        """What the trigger map says of each stream; of an open-ended run, as far as it is known."""
        return self.standing.layouts

    @property
    def workers(self) -> list[str]:
        """Those that take part, also those that are being fenced."""
        return [worker.name for worker in self._scheduler.workforce]

    @property
    def last_assigned(self) -> int:
        """One past the last event that has been leased."""
        return self._scheduler.cursor

    @property
    def keeps_start(self) -> bool:
        """Whether ingesters keep the start event for workers that come late."""
        return self._scheduler.keeps_start

    def losses_by_cause(self) -> list[tuple[str, RangeSet]]:
        """The lost events, by cause, in the order in which the causes came up."""
        return losses_by_cause(self.ledger.losses)

    def outstanding(self, worker: str) -> int:
        """How many deliveries a worker holds."""
        found = self._scheduler.workforce.get(worker)
        return found.outstanding if found is not None else 0

    # ---- how events are settled ---------------------------------------------------------------------------------------------

    def _settle(self, fresh: list[Range], *, taken_away: bool = False) -> None:
        for first, stop in fresh:
            self._settled.add(first, stop)
            if taken_away:
                self._scheduler.drop(first, stop)
                self._take_away(first, stop)

    def _take_away(self, first: int, stop: int) -> None:
        """Workers are not to wait for these events; what is leased after this is meant again."""
        gone = RangeSet([(first, stop)])
        self._pending.spans = [
            msgspec.structs.replace(span, first=a, count=b - a)
            for span in self._pending.spans
            for a, b in gone.missing(span.first, span.stop)
        ]
        self._pending.dropped.append((first, stop))

    def _lose(self, first: int, stop: int, cause: str) -> None:
        self._settle(self.ledger.lose(first, stop, cause), taken_away=True)

    def _end_of_settled(self) -> int:
        ranges = list(self.ledger.settled)
        return ranges[-1][1] if ranges else 0

    def _settle_void(self) -> None:
        """An event that no worker is to see is done with when it is certain that the run has it."""
        certain = self.standing.seen_until if self.ledger.total is None else self.ledger.total
        for first, stop in self._void.remove(0, certain):
            self._settle(self.ledger.reduce(first, stop))

    def _lose_overdue(self, now: float) -> None:
        if self.phase is RunPhase.STOPPING:
            return
        if self.ledger.total is None:
            for stream in self.standing.silent(now, None):
                self.standing.end(stream)
                self._close_if_all_ended(now)
        self.lost(self.standing.overdue(now, self.ledger.total))
        if self.custody.away or now - self.custody.back_at < self._settings.orphan_grace:
            # What had come before may be reduced, and nobody has said so yet.
            return
        for stream, losses in self.standing.written_off(now):
            self.lost(losses)
            self._withhold_start(stream)

    def _withhold_start(self, stream: str) -> None:
        """An ingester is gone with the packets of the start event: whoever comes late cannot be given it."""
        if self.keeps_start and WantedEvents(self.layouts[stream]).before(1):
            self._settle([(0, 1)], taken_away=True)

    def _hold_end_back(self) -> None:
        """The end event is leased when all others are settled: what sums up at the end has seen everything before, whoever died."""
        if self.phase is RunPhase.RUNNING and self.trigger_map.wrapped and self.ledger.total is not None:
            last = self.ledger.total - 1
            self._scheduler.limit = last if self.ledger.settled_until < last else None

    # ---- how a run ends -----------------------------------------------------------------------------------------------------

    def _close_if_all_ended(self, now: float) -> None:
        """An open-ended run ends when each of its streams has."""
        if not self.standing.all_ended:
            return
        event = self.standing.seen_until
        end_part = self.trigger_map.end_part()
        self._take_away(event, max(event, self._scheduler.cursor))
        self._scheduler.cut(event, iter(() if end_part is None else (Instance(event, end_part),)))
        self.ledger.close(event if end_part is None else event + 1)
        self._pending.close_at = self._closed_at = event
        self._void.remove(event, sys.maxsize)
        self.standing.close(event)
        for stream, shares in self.shares.items():
            shares.close(self.layouts[stream], event, now)

    def _cut_if_all_stopped(self) -> None:
        """A run that was told to stop works off the events whose packets have all arrived; the others are lost."""
        if not self.standing.all_stopped:
            return
        cause = f"the run was stopped: {self.stop_cause}"
        complete = self.standing.complete_until
        if self.ledger.total is None:
            total = max(self.standing.seen_until, self._end_of_settled())
            self._take_away(total, max(total, self._scheduler.cursor))
            self._scheduler.cut(total, iter(()))
            self.ledger.close(total)
        total = self.ledger.total or 0
        complete = min(complete, total)
        gone = self.standing.gone
        if gone:
            complete = 0
        self._scheduler.limit = complete
        self._lose(complete, total, cause)
        for stream in gone:
            self._withhold_start(stream)
