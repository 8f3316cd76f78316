"""The reducer: takes each result once, calls the user's reduce in one thread, publishes.

Readers never push back: they are given copies of what is published, made between two results, and never more than a tenth of the time
goes into making them.
"""

from __future__ import annotations

import logging
import math
import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import Any, TypeVar

from beamloom.analysis import ReducerAnalysis
from beamloom.engine.accounts.reducers_account import ResultAccount
from beamloom.errors import UserError
from beamloom.journal import JournalHeld
from beamloom.services.reducer.acknowledging import MOMENT, Acknowledged, Acknowledgements, Delivered
from beamloom.services.reducer.deciding import FINISH, Deciding
from beamloom.services.reducer.early_results import EarlyResults
from beamloom.services.reducer.keeping import Keeping
from beamloom.services.reducer.leaves.links import LeafLink
from beamloom.services.reducer.leaves.split_reducing import reducing_with
from beamloom.services.reducer.resumption import (
    HOLD_SECONDS,
    TAKING_UP,
    Resumption,
    ToTakeUp,
)
from beamloom.services.reducer.safekeeping import Checkpoint, Safekeeping
from beamloom.services.reducer.snapshots import SnapshotDesk
from beamloom.services.reducer.waits import of_reducer, reducer_knows
from beamloom.services.shell import traces
from beamloom.services.shell.acquaintances import Acquaintances
from beamloom.services.shell.alarms import alarm_notes
from beamloom.services.shell.code_version import build_metadata
from beamloom.services.shell.epochs import Epochs
from beamloom.services.shell.evidence import Evidence
from beamloom.services.shell.guard import Notes
from beamloom.services.shell.loop import IDLE_WAIT, LONGEST_WAIT
from beamloom.services.shell.membership import Membership
from beamloom.services.shell.waits import Waits
from beamloom.settings import ReducerSettings
from beamloom.transport.channel import Channel, Received
from beamloom.transport.messages import (
    CONTROLLER,
    Arm,
    Armed,
    Coverage,
    Decided,
    Explain,
    Explained,
    Failed,
    Fence,
    Fenced,
    Finish,
    Finished,
    Heard,
    Joined,
    Leads,
    Parameters,
    Reduced,
    Results,
    Standing,
    Stands,
    Taken,
    TakeStock,
    Trace,
    Unknown,
    Welcome,
)

logger = logging.getLogger(__name__)

T = TypeVar("T")


class ReducerService:
    """The reducer of a pipeline."""

    def __init__(
        self,
        settings: ReducerSettings,
        channel: Channel,
        controller: str,
        load: Callable[[], ReducerAnalysis | None],
        desk: SnapshotDesk,
        http: str | None = None,
        keeping: Keeping | None = None,
        journal: Safekeeping | None = None,
        evidence: Evidence | None = None,
        notes: Notes | None = None,
        acknowledges_every: float = MOMENT,
        leaves: Sequence[LeafLink] = (),
    ) -> None:
        """``acknowledges_every``: seconds that what was taken may wait to be told together; ``leaves`` reduce, where there are any."""
        self._acknowledges_every = acknowledges_every
        self._journal = journal or Safekeeping()
        self._guard_notes = notes or Notes()
        self._resumption: Resumption | None = None
        self._to_take_up: ToTakeUp | None = None
        self._finished = False
        self._hold_until: float | None = None
        self._keeping = keeping or Keeping(desk)
        self._settings = settings
        self._channel = channel
        self._workers = Acquaintances(channel)
        self._desk = desk
        analysis: ReducerAnalysis | None = None
        self._fault: str | None = None
        descriptions = []
        try:
            analysis = load()
            descriptions = [] if analysis is None else analysis.descriptions()
        except UserError as error:
            logger.error("%s", error)
            self._fault = str(error)
        self._epochs = Epochs(descriptions)
        self._early = EarlyResults(self._epochs)
        self._deciding = Deciding(analysis, settings.name, partial(channel.send, CONTROLLER))
        self._reducing = reducing_with(
            leaves,
            settings,
            channel.peer,
            analysis,
            self._epochs,
            self._keeping,
            self._tell,
            self._journal.last_words,
            evidence,
            self._deciding,
        )
        self.member = Membership(
            channel,
            controller,
            settings.name,
            "reducer",
            descriptions=[description.to_wire() for description in descriptions],
            fault=self._fault,
            http=http,
            code=build_metadata(settings.reducer_class),
            analysis=settings.reducer_class or "",
            folder=os.path.abspath(settings.analysis_path),
        )
        self._run: str | None = None
        self._waits = Waits()
        self._acknowledgements = Acknowledgements(self._acknowledges_every)

    # ---- messages -------------------------------------------------------------------------------------------------------

    def receive(self, received: Received, now: float) -> None:
        """A message has arrived."""
        if not self.member.heeds(received.sender) or (
            (asked := self._resumption or self._to_take_up) is not None and asked.defers(received)
        ):
            return
        match received.message:
            case Results(run=run) as results if run == self._run:
                if not self._early.hold(received, results):
                    self._take(received.sender, results, received.buffers)
            case Parameters(epoch=epoch, values=values) as parameters:
                self._reducing.begin_epoch(epoch, values)
                self._keeping.begin_epoch(epoch, self._epochs.known(epoch))
                if self._run is not None:
                    self._journal.keep("", parameters)
                for early in self._early.take():
                    self.receive(early, now)
            case Coverage(run=run) as coverage if run == self._reducing.account.run:
                self._keeping.learn(coverage.epochs, coverage.editions)
                try:
                    self._reducing.account.learn(coverage.news, over=coverage.finished_at is not None)
                except ValueError as error:
                    logger.warning("what %s tells of run %r cannot be: %s", received.sender, run, error)
                self._desk.changed()
            case Fence(run=run, worker=worker) as fence:
                self._reducing.drain()
                self._acknowledge(self._acknowledgements.take())
                if run == self._run:
                    self._reducing.collector.fence(worker)
                    self._workers.part(worker)
                    self._journal.keep("", fence)
                self._journal.after(partial(self._channel.send, CONTROLLER, Fenced(run, worker)))
            case Joined(run=run, worker=worker, address=address) if run == self._run:
                self._workers.meet(worker, address)
            case Arm(resume=True) as arm:
                # Asked once more, it begins anew: a controller may know it under two names, one after the other.
                self._to_take_up = ToTakeUp(arm, self._resumption or self._to_take_up)
                self._resumption = None
            case Arm() as arm:
                self._arm(arm, now)
            case Finish(run=run, abandoned=abandoned):
                self._finish(run, abandoned)
            case Explain(run=run, event=event, question=question):
                known = reducer_knows(event, self._reducing.collector.taken) if run == self._run else {}
                self._channel.send(CONTROLLER, Explained(question, known))
            case Heard(run=run, number=number):
                self._deciding.heard(run, number)
            case TakeStock(run=run):
                self._take_stock(run)
            case Trace() as trace:
                traces.heed(self._channel, trace)
            case Leads(address=address):
                self.member.follow(address)
            case Welcome():
                self.member.welcomed()
                self._hold_until = self._hold_until or now + HOLD_SECONDS
            case Unknown(peer=peer, replaced_by=replaced_by) if peer == self._channel.peer:
                self._run = self._resumption = self._to_take_up = None
                self._journal.pause()
                self.member.unknown(replaced_by)
            case _:
                pass

    def _arm(self, arm: Arm, now: float) -> None:
        self._resumption = self._to_take_up = None
        problem = self._begin(arm, now)
        if problem is None:
            self._journal.begin(arm)
            self._deciding.begin_run(arm.run)
            self._desk.turn_away(None)
        self._channel.send(CONTROLLER, Armed(arm.run, problem))

    def _begin(self, arm: Arm, now: float, *, again: bool = False) -> str | None:
        """Make everything new for a run; ``again``: it began in a former life. Returns why it cannot be."""
        self._keeping.end_run()
        self._desk.hold()
        self._acknowledgements = Acknowledgements(self._acknowledges_every)
        self._finished = False
        self._epochs.restart(arm.epoch, arm.parameters)
        self._run = arm.run
        self._workers.begin_run(arm.workers)
        problem = self._reducing.begin(arm, now) or self._fault
        if problem is not None:
            self._run = None
        else:
            self._reducing.account = ResultAccount(arm.run, arm.total_events)
            self._desk.begin_run(arm.run, self._reducing.published, self._reducing.account)
            self._keeping.begin_run(
                arm.run, arm.epoch, self._epochs.latest, arm.facts, code=self.member.code, later=again
            )
        return problem

    # ---- a run that a former life has begun ---------------------------------------------------------------------------------

    def _take_up(self, asked: ToTakeUp, now: float) -> None:
        try:
            kept = self._journal.take_up(asked.arm)
        except JournalHeld as held:
            self._desk.turn_away(f"{TAKING_UP}; {held}")
            return
        self._to_take_up = None
        self._desk.turn_away(TAKING_UP)
        self._deciding.begin_run(asked.arm.run, asked.arm.feedback)
        self._resumption = Resumption(asked, kept, partial(self._begin, now=now, again=True), self._replay)
        problem = self._resumption.begin(self._restore)
        if problem is not None:
            self._cannot_take_up(asked.arm.run, problem)

    def _restore(self, checkpoint: Checkpoint, state: tuple[bytes, Sequence[bytes]]) -> str | None:
        for epoch, values in checkpoint.epochs.items():
            self._replay(Received("", Parameters(epoch, values), ()))
        self._deciding.restore(checkpoint.feedback, checkpoint.acknowledged)
        return self._reducing.restore(checkpoint, state)

    def _replay(self, received: Received) -> None:
        """A message that the former life has taken."""
        match received.message:
            case Parameters(epoch=epoch, values=values):
                self._reducing.begin_epoch(epoch, values)
                self._keeping.begin_epoch(epoch, self._epochs.known(epoch))
            case Results() as results:
                self._take(received.sender, results, received.buffers)
            case Decided(hook=hook) as decided:
                self._reducing.drain()
                if hook != FINISH:
                    self._reducing.repeat_timer()
                self._deciding.replay(decided)
            case Fence(worker=worker):
                self._reducing.collector.fence(worker)
            case _:
                pass
        self._journal.note(received.message)

    def _cannot_take_up(self, run: str, problem: str) -> None:
        self._run = self._resumption = None
        self._channel.send(CONTROLLER, Armed(run, problem))

    def _go_on_taking_up(self, resumption: Resumption, now: float) -> None:
        ready = resumption.go_on()
        if ready:
            self._reducing.drain()
        if resumption.problem is not None:
            self._cannot_take_up(resumption.run, resumption.problem)
        elif not ready:
            if (news := resumption.news(now)) is not None:
                self._channel.send(CONTROLLER, news)
        else:
            self._resumption = None
            for failed in self._reducing.failed.reports:
                self._channel.send(CONTROLLER, failed)
            standing = Standing(resumption.run, self._reducing.collector.taken, self._reducing.account.split)
            self._channel.send(CONTROLLER, standing)
            self._deciding.tell(again=True)
            self._desk.turn_away(None)
            self._keeping.go_on()
            for received in resumption.deferred:
                self.receive(received, now)

    # ---- results ------------------------------------------------------------------------------------------------------------

    def _take(self, worker: str, results: Results, buffers: Any) -> None:
        """Reduce what has not been reduced before, tell the worker and the controller."""
        if self._resumption is None:
            self._desk.confirm_run()
        self._reducing.account.mark_split(results.split)
        keeps = self._journal.keeps and self._resumption is None
        if keeps:
            # The analysis might change what it is given, before it is written.
            buffers = [one if isinstance(one, bytes) else memoryview(one).toreadonly() for one in buffers]
        self._reducing.give(worker, results, buffers, partial(self._taken, worker, results, buffers))

    def _taken(self, worker: str, results: Results, buffers: Any, deliveries: list[Delivered]) -> None:
        """They are reduced: these deliveries are in the result."""
        keeps = self._journal.keeps and self._resumption is None
        self._desk.changed()
        until = None
        if self._resumption is None:
            until = self._deciding.of_results(results)
        else:
            self._deciding.restore(results.decided)
        if keeps:
            # Nobody waits for it: who dies in between has told nobody that it took them.
            self._journal.keep(worker, results, buffers)
        if until is not None:
            self._journal.after(partial(self._deciding.kept, results.run, until))
        if self._resumption is None:
            self._acknowledgements.took(
                worker, results.sequence, deliveries, results.ahead, large=len(buffers) > 1
            )

    def _keep_said(self, hook: str) -> None:
        """What a hook has said that belongs to no event is kept, and told then."""
        decided = self._deciding.of_hook(hook)
        if decided is not None:
            self._journal.keep("", decided)
            self._journal.after(partial(self._deciding.kept, decided.run, decided.feedback[-1].number))

    def _acknowledge(self, taken: Acknowledged | None) -> None:
        """Have workers and controller told what was taken, once it is kept."""
        if self._run is not None and taken is not None:
            self._journal.after(partial(self._confirm, self._run, taken))

    def _confirm(self, run: str, taken: Acknowledged) -> None:
        for worker, sequence in taken.sequences.items():
            # One that came late may be quicker than the controller's word of it; a later batch is acknowledged for this one, too.
            with suppress(KeyError):
                if self._reducing.collector.admits(worker):
                    self._channel.send(worker, Taken(run, sequence))
        if taken.deliveries:
            split = [
                part
                for _, _, first, stop in taken.deliveries
                for part in self._reducing.account.split_within(first, stop)
            ]
            self._channel.send(CONTROLLER, Reduced(run, taken.deliveries, split))

    def _take_stock(self, run: str | None) -> None:
        """A new controller goes on with ``run``."""
        self._reducing.drain()
        if run is None or run != self._run:
            self._run = None
            if run is not None:
                self.member.unknown(None)
            return
        for failed in self._reducing.failed.reports:
            self._channel.send(CONTROLLER, failed)
        reduced = list(self._reducing.account.coverage.reduced)
        self._channel.send(CONTROLLER, Stands(run, taken=self._reducing.collector.taken, reduced=reduced))
        self._deciding.tell(again=True)

    def _tell(self, failed: Failed) -> None:
        if self._resumption is None:
            self._journal.after(partial(self._channel.send, CONTROLLER, failed))

    # ---- time ------------------------------------------------------------------------------------------------------------

    def turn(self, now: float) -> None:
        """Call the timer when it is due, and serve readers."""
        self.member.turn(now)
        self._reducing.turn()
        self._guard_notes.call(self._channel.peer, self.member.controller)
        self._acknowledge(self._acknowledgements.take_due(now))
        self._journal.turn()
        self._deciding.turn(now)
        if self._to_take_up is not None:
            self._take_up(self._to_take_up, now)
        if self._resumption is not None:
            self._go_on_taking_up(self._resumption, now)
        elif self._run is None and self._hold_until is not None and now > self._hold_until:
            self._hold_until = math.inf
            self._desk.turn_away(None)
        if self._resumption is None and self._run is not None:
            if self._reducing.call_timer(now):
                self._keep_said("timer")
                self._desk.changed()
            if self._reducing.has_checkpoint and self._journal.wants_checkpoint(now):
                self._keep_checkpoint()
        self._desk.serve(now)

    def _keep_checkpoint(self) -> None:
        state = self._reducing.checkpoint()
        if state is not None:
            one = self._reducing
            self._journal.checkpoint(one.collector, one.account, one.failed, state, self._deciding.untold)

    def wait(self, now: float) -> float:
        """How long nothing needs to be done unless a message arrives."""
        if self._resumption is not None:
            return 0.0
        longest = LONGEST_WAIT if self._run or self._to_take_up else IDLE_WAIT
        due = self._reducing.next_timer if self._run else self._hold_until
        until_due = longest if due is None else max(0.0, due - now)
        return min(
            until_due, longest, self.member.wait(now), self._desk.wait(now), self._acknowledgements.wait(now)
        )

    # ---- the end ---------------------------------------------------------------------------------------------------------

    def _finish(self, run: str, abandoned: bool) -> None:
        self._reducing.drain()
        self._acknowledge(self._acknowledgements.take())
        if run == self._run:
            if not abandoned and self._reducing.finish():
                self._keep_said(FINISH)
                self._desk.changed()
            if abandoned:
                self._keeping.abandon_run()
                self._desk.abandon_run()
            else:
                self._keeping.end_run()
            self._run = None
            self._finished = True
        self._journal.after(partial(self._channel.send, CONTROLLER, Finished(run)))

    def leave(self, reason: str, *, failed: bool = False) -> None:
        """The process ends."""
        self._acknowledge(self._acknowledgements.take())
        self._journal.close(remove=self._finished)
        if self._reducing.whole:
            self._keeping.end_run()
        self._desk.close()
        self._keeping.close()
        self._reducing.close()
        self.member.leave(reason, failed=failed)

    def notes(self, now: float) -> dict[str, Any]:
        """What it waits for, and what it is not keeping; may be called in any thread."""
        waiting = of_reducer(self._run, self._reducing, taking_up=self._resumption is not None)
        return {
            **alarm_notes(self._journal.alarm, self._keeping.alarm),
            "waits_for": self._waits.told(now, waiting),
        }

    def figures(self) -> dict[str, float]:
        """Counters and gauges of this process."""
        return {
            "processed_events": self._reducing.processed,
            "last_event": self._reducing.last_event,
            "duplicates": self._reducing.collector.duplicates,
            "fenced_results": self._reducing.collector.fenced_results,
            "user_seconds": self._reducing.user_seconds,
            "journal_bytes": self._journal.size,
            "slow_writes": self._journal.held_up,
            **self._keeping.figures(),
        }

    @property
    def analysis(self) -> ReducerAnalysis | None:
        """The user's class, if there is one."""
        return self._reducing.analysis
