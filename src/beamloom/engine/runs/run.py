"""One run, from its first lease to its last settled event.

Policy: the ledger is the truth; whether the run is over is read from it and from nothing else. Whatever happens to a process, a
device or a person's patience is turned into events that are reduced, failed or lost, so that the run always ends.

A worker that is lost is *fenced* before its events are leased again: the reducer confirms that it takes nothing more from it, and by
then everything that it did take has been reported.
"""

from __future__ import annotations

from collections.abc import Collection

from beamloom.engine.accounts.budget import Budget
from beamloom.engine.accounts.coverage import losses_by_cause
from beamloom.engine.accounts.faults import Death, Failure, Faults
from beamloom.engine.accounts.ledger import Ledger, Loss
from beamloom.engine.ranges import Range, RangeSet
from beamloom.engine.runs.custody import Custody
from beamloom.engine.runs.endings import Endings
from beamloom.engine.runs.fencing import Fencing
from beamloom.engine.runs.inputs import Witness, recorded
from beamloom.engine.runs.parts import RunPhase as RunPhase
from beamloom.engine.runs.parts import RunSettings as RunSettings
from beamloom.engine.runs.parts import Step as Step
from beamloom.engine.runs.settling import Settling
from beamloom.engine.runs.standing import Standing
from beamloom.engine.runs.stock import Resync, Stock, among_leases, reconcile
from beamloom.engine.runs.succession import Handover, Succession
from beamloom.engine.scheduling.editions import Edition, Editions
from beamloom.engine.scheduling.lives import Lives
from beamloom.engine.scheduling.scheduler import Scheduler
from beamloom.engine.streams.layout import stream_layout
from beamloom.engine.streams.shares import ShareReport, Shares, ShareSettings
from beamloom.engine.streams.streamplan import StreamLayout
from beamloom.events import Bearing
from beamloom.triggermap import TriggerMap


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
        self.editions = Editions()
        """Which code has made what."""
        self.standing = Standing(
            {stream: stream_layout(trigger_map, stream) for stream in trigger_map.streams},
            now,
            straggler_timeout=settings.straggler_timeout,
        )
        self.shares: dict[str, Shares] = {}
        """The streams that several ingesters share."""
        self.custody = Custody(settings.reducer_timeout)
        """Where the results are."""
        self.redelivered = 0
        """Deliveries that were leased again."""
        self.handed_back = 0
        """Deliveries that workers which left in order had not begun: they were leased to others."""
        self.stop_cause: str | None = None
        self.aborted = False
        self.degraded: str | None = None
        """Why too many events have failed, in a sentence; None while they have not."""
        self._settings = settings
        self._scheduler = Scheduler(trigger_map.instances(), settings.lookahead, stateful=settings.stateful)
        self._settling = Settling(self.ledger, self._scheduler)
        self._fencing = Fencing(self.ledger, self.faults, self._scheduler, self._settling)
        self.succession = Succession(
            self.standing,
            self.ledger,
            self._scheduler,
            self._settling,
            timeout=settings.ingester_timeout,
            grace=settings.orphan_grace,
        )
        """Streams that pass from an ingester that died to another one."""
        self._endings = Endings(
            trigger_map, self.ledger, self.standing, self._scheduler, self._settling, self.succession
        )
        self.advanced_at = now
        """The time of the last look."""

    # ---- workers ------------------------------------------------------------------------------------------------------------

    @recorded
    def add_worker(self, worker: str, tags: Collection[str], now: float, edition: int = 0) -> None:
        """A worker that has this edition of the code is ready, from the beginning or later; one that comes when all is over has no part."""
        if self.phase is not RunPhase.COMPLETE:
            self._settling.step.spans += self._scheduler.add_worker(worker, frozenset(tags), now, edition)

    @recorded
    def lose_worker(self, worker: str, *, killed: bool, death: Death | None = None) -> None:
        """A worker is gone, or is not trusted any more. ``killed``: its process died; ``death``: what is known of that."""
        if self._fencing.begin(worker, killed=killed, death=death) and not self.custody.away:
            self._settling.step.fence.append(worker)

    @recorded
    def drain_worker(self, worker: str) -> None:
        """A worker is about to leave: it gets nothing more. What it has not begun when it leaves goes to others."""
        self._scheduler.drain(worker)

    @recorded
    def fenced(self, worker: str, now: float) -> None:
        """The reducer takes nothing more from ``worker``, and all that it took has been reported."""
        returned = self._fencing.end(worker)
        self.handed_back += returned.in_order
        self.redelivered += returned.unforeseen

    def __getstate__(self) -> dict[str, object]:
        """All but who watches."""
        return {**self.__dict__, "witness": None}

    # ---- the reducer --------------------------------------------------------------------------------------------------------

    @recorded
    def lose_reducer(self, cause: str, now: float) -> None:
        """The reducer is gone. The run waits for another one that knows what this one had taken."""
        self.custody.lose(cause, now)
        self._settling.step.fence.clear()

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
        gone = self.custody.take_up(taken)
        if over:
            return not gone
        for worker, slot, first, stop in among_leases(taken, self._scheduler.workforce):
            self.taken(worker, slot, first, stop, now)
        for first, stop in [one for events in taken.values() for one in events]:
            for a, b in RangeSet(split).missing(first, stop) if self.ledger.lost else []:
                self._settling.recover(a, b)
        cause = f"the reducer died and its journal does not have the result: {self.custody.cause}"
        for slot, first, stop in gone:
            self.ledger.revoke(first, stop, cause)
            self._scheduler.reopen(slot, first, stop)
        self._settling.step.fence += self._fencing
        self.custody.ask(self._scheduler.workforce, self._settling.step.spans)
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
        self.standing.made(stop)
        if self.ledger.lost.within(first, stop):
            for a, b in RangeSet(split).missing(first, stop):
                self._settling.recover(a, b)
        self.editions.took(self._scheduler.workforce.edition_of(worker), first, stop)
        reduced, failed = self._scheduler.done(worker, slot, first, stop, now)
        for a, b in reduced:
            self._settling.settle(self.ledger.reduce(a, b))
        for event in failed:
            self._settling.settle(self.ledger.fail(event, event + 1))

    @recorded
    def failed(self, worker: str, slot: int, event: int, failure: Failure) -> None:
        """User code failed on one delivery."""
        self.standing.made(event + 1)
        if self._scheduler.fail(worker, slot, event):
            self._settling.settle(self.ledger.fail(event, event + 1))
            self.faults.add(failure, worker, event)
        elif worker in self._scheduler.workforce and event not in self.ledger.failed:
            self.faults.add(failure, worker, event)

    @recorded
    def blame(self, worker: str, failure: Failure) -> None:
        """User code failed in a hook that belongs to no event."""
        self.faults.add(failure, worker, None)

    @recorded
    def lost(self, losses: Collection[Loss]) -> None:
        """A stream has no packet for these events, or knows better why; of settled ones it cannot be had again."""
        self._settling.forget_lost(losses)
        self._settling.lose_all(losses)

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
            self._endings.close_if_all_ended(self.shares, now)

    @recorded
    def given_up(self, stream: str, events: list[Range]) -> None:
        """An ingester had no room to keep the packets of these settled events until their constraints are complete."""
        cause = (
            f"stream {stream!r} had no room for the packets of its earlier events; raise retention_bytes of its ingester, "
            "or set on_full to spill"
        )
        self._settling.forget_past(events, cause)

    @recorded
    def stopped(self, stream: str, complete_until: int, seen_until: int, now: float) -> None:
        """The source of a stream has been stopped; nothing more will come."""
        self.progress(stream, complete_until, seen_until, ended=False, now=now)
        self.standing.stop(stream)
        self._endings.cut_if_all_stopped(self.stop_cause)

    # ---- ingesters come and go ----------------------------------------------------------------------------------------------

    @recorded
    def bearing(self, stream: str, bearing: Bearing) -> None:
        """What another ingester would need to go on with a stream."""
        self.standing[stream].bearing = bearing

    @recorded
    def stream_gone(self, stream: str, cause: str, now: float, *, final: bool = False) -> None:
        """The ingester of a stream has died. The run waits for another one, unless it is ``final`` that nothing more will come."""
        if self.phase is RunPhase.COMPLETE:
            return
        if final or self.phase is RunPhase.STOPPING or self._settings.ingester_timeout <= 0:
            if self.succession.give_up(stream, cause, now):
                self._end_without(now)
        else:
            self.succession.begin(stream, cause, now)

    @recorded
    def stream_taken_up(self, streams: Collection[str], now: float) -> Handover:
        """Another ingester is told now to go on with these streams; returns what it is told."""
        return self.succession.take_up(streams, now)

    @recorded
    def stream_refused(self, stream: str, problem: str, now: float, *, final: bool) -> None:
        """Another ingester could not go on with a stream: not yet, or, if ``final``, nobody can."""
        if not self.succession.refuse(stream, problem, now, final=final):
            self._end_without(now)

    @recorded
    def lacks(self, worker: str, stream: str, lacking: dict[int, list[Range]]) -> None:
        """A worker says, after an ingester has died, which of its deliveries have no packet of the stream."""
        self.succession.answer(stream, worker, lacking)

    def _end_without(self, now: float) -> None:
        """A stream is gone for good: the others may have been waiting for it to end."""
        if self.phase is RunPhase.STOPPING:
            self._endings.cut_if_all_stopped(self.stop_cause)
        elif self.ledger.total is None:
            self._endings.close_if_all_ended(self.shares, now)

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
            self._settling.step.origins[stream] = shares.origin
        self._look_at_shares(stream, now)

    @recorded
    def share_gone(self, stream: str, share: str, cause: str, now: float) -> None:
        """The ingester of one share of a stream has died with all that it kept."""
        if self.phase is RunPhase.COMPLETE:
            return
        shares = self.shares[stream]
        shares.gone(share, cause, now)
        self.succession.forget_past(stream, cause)
        self._look_at_shares(stream, now)
        if shares.all_gone is not None:
            self.stream_gone(stream, shares.all_gone, now, final=True)

    def _look_at_shares(self, stream: str, now: float) -> None:
        shares = self.shares[stream]
        losses = shares.advance(now, self.ledger.settled_until)
        if self.phase is RunPhase.COMPLETE:
            return
        self.lost(losses)
        if shares.start_gone:
            shares.start_gone = False
            self._settling.withhold_start(self.layouts[stream])
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
        if not self._scheduler.was_cut and (ahead := stock.last_event) >= self._scheduler.cursor:
            self._endings.reach(ahead + 1)
            self.abort(
                f"the controller died while its store was behind: event {ahead} had been given out and nobody knows to whom; "
                "run it again, and look at the disk of the controller's state_dir, or at the server of its store"
            )
        for worker, slot, first, stop in among_leases(stock.taken, self._scheduler.workforce):
            self.taken(worker, slot, first, stop, now)
        for first, stop in stock.reduced:
            self._settling.recover(first, stop)
        self.ledger.tell_all_again()
        # What was to be told to them next is among what they do not have.
        self._settling.step.spans = [
            span for span in self._settling.step.spans if span.worker not in stock.held
        ]
        resync, renewed = reconcile(self._scheduler, stock)
        self._settling.step.spans += renewed
        self.succession.ask_again()
        self.redelivered += sum(span.count for span in renewed)
        self._settling.let_go()
        resync.settled = self._settling.not_kept(self._settling.not_spare)
        resync.spare = self._settling.not_kept(list(self._settling.kept))
        resync.fence = list(self._fencing)
        resync.close_at = self._endings.closed_at
        resync.stop_sources = self.phase is RunPhase.STOPPING
        resync.origins = {stream: one.origin for stream, one in self.shares.items() if one.origin is not None}
        return resync

    # ---- what people ask for ------------------------------------------------------------------------------------------------

    @recorded
    def begin_epoch(self, epoch: int) -> int:
        """New parameters hold from the next event on that has not been leased; returns that event."""
        return self._scheduler.begin_epoch(epoch)

    @recorded
    def begin_edition(self, edition: Edition) -> int:
        """Other code is meant for all events that have not been leased; returns the first of them."""
        return self.editions.begin(edition, self._scheduler.begin_edition(edition.number))

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
            self._endings.begin_to_stop()
            self._settling.step.stop_sources = True
            for stream, vacant in self.succession.vacant.items():
                self.succession.give_up(stream, vacant.cause, self.advanced_at)
            self._endings.cut_if_all_stopped(self.stop_cause)

    @recorded
    def abort(self, cause: str) -> None:
        """End the run at once: every event that is not settled is lost."""
        self._endings.abort(cause)
        self._fencing.clear()
        self.stop_cause = cause
        self.aborted = True
        self.phase = RunPhase.COMPLETE

    # ---- time passes --------------------------------------------------------------------------------------------------------

    @recorded
    def advance(self, now: float) -> Step:
        """What is to be done now. To be called after every report, and at least a few times a second."""
        self.advanced_at = now
        self._look_at_budget()
        if self.custody.overdue(now) and self.phase is not RunPhase.COMPLETE:
            self.abort(f"the reducer is gone, and what it had published with it: {self.custody.cause}")
        if self.phase is not RunPhase.COMPLETE:
            for stream in self.shares:
                self._look_at_shares(stream, now)
            if self.succession.look(now) or self.ledger.total is None:
                self._end_without(now)
            if self.phase is RunPhase.RUNNING:
                self._endings.lose_overdue(self.shares, now)
            self._endings.hold_back()
            certain = self.standing.seen_until if self.ledger.total is None else self.ledger.total
            self._settling.lose_doomed(certain)
            spans, void = self._scheduler.assign(now)
            self._settling.pass_over(void)
            self._settling.settle_void(certain)
            self.ledger.assign_until(self._scheduler.cursor)
            self._settling.step.spans += spans
            self.succession.tell(now)
            self._settling.let_go()
            self._scheduler.forget_settled(self.ledger.settled_until)
            self.redelivered += 0 if self.lives is None else self.lives.take_rehearsed()
            if self.ledger.complete and self._scheduler.idle and not self._fencing and not self.custody.away:
                self.phase = RunPhase.COMPLETE
        return self._settling.take_step()

    def _look_at_budget(self) -> None:
        failed, settled = len(self.ledger.failed), self.ledger.settled_count
        if self.degraded is None and self.max_failed.spent(failed, settled, self.ledger.total):
            self.degraded = self.max_failed.sentence(failed, settled)
            if self.max_failed.stop and not self.ledger.complete:
                self.stop(f"too many events failed: {self.degraded}")

    @property
    def clean(self) -> bool:
        """Whether nothing has failed, or no more events than may, and no hook that belongs to none."""
        if not self.max_failed:
            return not self.faults.groups
        return self.degraded is None and all(group.events for group in self.faults.groups)

    @property
    def max_failed(self) -> Budget:
        """How many events may fail."""
        return self._settings.budget

    @property
    def lives(self) -> Lives | None:
        """Who has the state of each constraint; None where there is none."""
        return self._scheduler.lives

    @property
    def layouts(self) -> dict[str, StreamLayout]:
        """What the trigger map says of each stream; of an open-ended run, as far as it is known."""
        return self.standing.layouts

    @property
    def idle_limit(self) -> float | None:
        """Seconds after which it is ended when nothing comes; None: never."""
        return self._settings.idle_limit

    @property
    def workers(self) -> list[str]:
        """Those that take part, also those that are being fenced."""
        return [worker.name for worker in self._scheduler.workforce]

    @property
    def cut_at(self) -> tuple[int, int] | None:
        """Where an open-ended run was closed: from which event on it has others than were planned, and the number of their first lease."""
        return self._scheduler.cut_at

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
        return 0 if worker not in self._scheduler.workforce else self._scheduler.workforce[worker].outstanding
