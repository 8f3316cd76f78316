"""A run while it goes on: what the engine decides is sent to the processes, what they report is told to the engine."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable
from functools import partial
from typing import Any

from beamloom.engine.accounts.coverage import Coverage as RunCoverage
from beamloom.engine.accounts.faults import Death
from beamloom.engine.assignment import Span
from beamloom.engine.feedback import Feedback, FeedbackLog
from beamloom.engine.provenance import EpochRecord, add_epoch
from beamloom.engine.runs.run import Run, RunPhase, Step
from beamloom.engine.runs.succession import Handover
from beamloom.engine.scheduling.editions import EditionMade
from beamloom.engine.views.chronicle import Chronicle
from beamloom.engine.views.digest import Digest
from beamloom.services.controller.ensemble import Ensemble, Member
from beamloom.services.controller.feedback_desk import FeedbackDesk
from beamloom.services.controller.finishing import Finishing
from beamloom.services.controller.idling import IdleWatch
from beamloom.services.controller.letting_go import LettingGo
from beamloom.services.controller.stream_reports import StreamReports
from beamloom.services.controller.takeover import Takeover
from beamloom.services.shell.membership import name_of
from beamloom.transport.channel import Channel
from beamloom.transport.messages import (
    AnyMessage,
    Coverage,
    Failed,
    Fence,
    Fenced,
    Finish,
    Finished,
    Held,
    Inquire,
    Joined,
    Lacking,
    Orders,
    Progress,
    Reduced,
    Reducer,
    Resuming,
    Said,
    Standing,
    Stands,
    Tick,
)
from beamloom.triggermap import TriggerMap

logger = logging.getLogger(__name__)

COVERAGE_INTERVAL = 0.25
"""Seconds between two messages that tell the reducer what became of events."""


class ActiveRun:
    """The run that goes on now, or the last one."""

    def __init__(
        self,
        run: Run,
        written: TriggerMap,
        ensemble: Ensemble,
        channel: Channel,
        ticks: dict[str, float],
        before_sending: Callable[[], None] = lambda: None,
        keep_feedback: Callable[[str, list[Feedback]], None] = lambda run, new: None,
        feedback: FeedbackLog | None = None,
        feedback_stops: bool = True,
    ) -> None:
        """``before_sending`` sees to it that what has happened is in the store.

        ``keep_feedback`` is called with what the analysis of a run has said, ``feedback`` is what it had said before, and
        ``feedback_stops`` whether it may stop the run.
        """
        self.run = run
        self.written = written
        """The trigger map in the words in which it was given: it may name detectors, that of ``run`` names streams alone."""
        self.started_at = time.time()
        self.finished_at: float | None = None
        self.record_prefix = ""
        """What the names of its recording begin with; empty where it is not recorded."""
        self.takeover: Takeover | None = None
        """While it is taken over from a controller that died."""
        self.joining: set[str] = set()
        """Workers that came late and have not confirmed yet."""
        self.epochs: list[EpochRecord] = []
        self._editions_told: list[EditionMade] = []
        """The parameters that held, from the first event on."""
        self._epochs_told = 0
        self._next_coverage = 0.0
        self._asked: str | None = None
        self.resuming: tuple[int, int] | None = None
        """How far a reducer is that takes up the run: bytes of its journal, done and in all."""
        self.chronicle = Chronicle(time.time)
        """What is remembered of the recent past."""
        self._feedback = FeedbackDesk(
            run, partial(keep_feedback, run.run_id), feedback, may_stop=feedback_stops
        )
        self._idle = IdleWatch()
        self.reports = StreamReports(run, self.chronicle)
        """What the ingesters have said of their streams."""
        self._ensemble = ensemble
        self._channel = channel
        self._ticks = ticks
        self._before_sending = before_sending
        self._shift = 0.0
        self._next_tick = 0.0
        self._tick_turn = 0
        self._finishing = Finishing(run.run_id, ensemble, self._send)
        self._gone: list[str] = []
        self._letting_go = LettingGo()

    @property
    def finished(self) -> bool:
        """Whether every event is settled and every finish hook has been called."""
        return self.finished_at is not None

    @property
    def ticks(self) -> dict[str, float]:
        """Intervals at which workers want to be ticked, in seconds."""
        return self._ticks

    def take_over(self, now: float) -> None:
        """Go on with a run that another controller has begun: ask the others how they stand."""
        # Time in which nobody looked has not passed for the run: nobody could be heard.
        self._shift = self.run.advanced_at - now
        if self.run.phase is RunPhase.COMPLETE:
            return
        workers = {peer for peer in self.run.workers if peer in self._ensemble}
        ingesters = {
            member.peer
            for member in self._ensemble.ingesters
            if any(stream in self.run.layouts for stream in member.register.streams)
        }
        for peer in set(self.run.workers) - workers:
            self.run.lose_worker(peer, killed=False)
        self.takeover = Takeover(self.run.run_id, self._ensemble, workers, ingesters)
        for peer, question in self.takeover.questions():
            self._send(peer, question)

    def _go_on_taking_over(self, takeover: Takeover, now: float) -> None:
        question = takeover.next_question()
        if question is not None:
            self._send(*question)
        if takeover.vain or self.run.phase is RunPhase.COMPLETE:
            self.takeover = None
        elif takeover.done:
            self.takeover = None
            resync = self.run.take_stock(takeover.stock, now)
            self._epochs_told = 0
            for peer, answer in takeover.answers(resync):
                self._send(peer, answer)
            logger.info(
                "run %s goes on: %d events are settled", self.run.run_id, self.run.ledger.settled_count
            )

    # ---- reports ----------------------------------------------------------------------------------------------------------

    def hear(self, sender: str, message: AnyMessage, now: float) -> None:
        """A process reports something of this run."""
        now += self._shift
        match message:
            case Stands() as stands:
                if self.takeover is not None:
                    self.takeover.hear(sender, stands)
            case Reduced(deliveries=deliveries, split=split):
                self.chronicle.took(deliveries)
                for worker, slot, first, stop in deliveries:
                    self.run.taken(worker, slot, first, stop, now, split)
            case Progress() as progress:
                self.reports.hear(sender, progress, now)
            case Lacking(stream=stream, lacking=lacking):
                self.run.lacks(sender, stream, lacking)
            case Failed(event=None) as failed:
                self.run.blame(name_of(failed.worker), failed.failure)
            case Failed(event=int(event)) as failed:
                hit = failed.combined or [(event, event + 1)]
                said = f"{failed.failure.where}: {failed.failure.error}: {failed.failure.message}"
                self.chronicle.failed(failed.worker, failed.slot, hit, said)
                for first, stop in hit:
                    for one in range(first, stop):
                        self.run.failed(failed.worker, failed.slot, one, failed.failure)
            case Standing() as standing:
                self._take_up(sender, standing, now)
            case Resuming(done=done, total=total):
                self.resuming = (done, total)
                self.run.await_reducer(now)
            case Held(held=held, reducer=named):
                reducer = self._ensemble.reducer
                if reducer is not None and reducer.peer == named:
                    self.run.holds(sender, held)
            case Fenced(worker=worker):
                self.run.fenced(worker, now)
            case Said() as said:
                reducer = self._ensemble.reducer
                if reducer is not None and reducer.peer == sender:
                    self._send(sender, self._feedback.hear(said))
            case Finished():
                self._finishing.answered(sender)
            case _:
                pass

    def has_ingester(self, stream: str) -> bool:
        """Whether a stream of the run is read by somebody."""
        return stream in self.run.standing.left and stream not in self.run.succession.vacant

    def hand_over(self, streams: list[str], now: float) -> Handover:
        """Another ingester is about to be told to go on with these streams."""
        self.reports.hand_over(streams)
        handover = self.run.stream_taken_up(streams, now + self._shift)
        self._before_sending()
        return handover

    def refuse(self, stream: str, problem: str, now: float, *, final: bool) -> None:
        """Another ingester could not go on with a stream."""
        if stream in self.run.layouts:
            self.run.stream_refused(stream, problem, now + self._shift, final=final)

    def begin_epoch(self, epoch: int, values: dict[str, Any]) -> EpochRecord | None:
        """New parameters, from the next event on that is not leased; returns the epoch that has held for no event by that."""
        first = self.run.begin_epoch(epoch)
        replaced = add_epoch(self.epochs, EpochRecord(epoch, first, values))
        self._epochs_told = min(self._epochs_told, len(self.epochs) - 1)
        return replaced

    def plan_epoch(self, first_event: int, epoch: int, values: dict[str, Any]) -> None:
        """Parameters are known to change at this event."""
        self.run.plan_epoch(first_event, epoch)
        self.epochs.append(EpochRecord(epoch, first_event, values))

    @property
    def run_id(self) -> str:
        """The id of the run."""
        return self.run.run_id

    @property
    def last_feedback(self) -> int:
        """The number of the last thing that the analysis has said."""
        return self._feedback.log.last

    @property
    def feedback(self) -> FeedbackLog:
        """What the analysis has said."""
        return self._feedback.log

    @property
    def digest(self) -> Digest:
        """The run in short, as it stands now."""
        return Digest.of(self.run, self.written)

    @property
    def coverage(self) -> RunCoverage:
        """Which events are in the result, as far as it has been reported."""
        return RunCoverage.of(self.run.run_id, self.run.ledger, over=self.finished)

    # ---- processes come and go --------------------------------------------------------------------------------------------

    def join(self, member: Member, now: float, tick_interval: float | None = None) -> None:
        """A worker that came late has confirmed; ``tick_interval``: seconds between ticks, where it wants some."""
        now += self._shift
        self.joining.discard(member.peer)
        if self.run.phase is RunPhase.COMPLETE:
            self._send(member.peer, Finish(self.run.run_id, abandoned=True))
            return
        for other in self._everyone_but_workers():
            self._send(other.peer, Joined(self.run.run_id, member.peer, member.register.address))
        self.run.add_worker(member.peer, member.register.tags, now, member.edition)
        if tick_interval is not None:
            self._ticks[member.peer] = tick_interval

    def drain(self, worker: Member) -> None:
        """A worker is about to leave."""
        self.joining.discard(worker.peer)
        if self.run.phase is not RunPhase.COMPLETE:
            self.run.drain_worker(worker.peer)

    def lose(
        self, member: Member, cause: str, now: float, *, killed: bool, death: Death | None = None
    ) -> None:
        """A process is gone; ``death``: what is known of its end."""
        now += self._shift
        self.joining.discard(member.peer)
        self._finishing.answered(member.peer)
        if member.role == "reducer":
            self.resuming = None
            self.run.lose_reducer(cause, now)
        if self.run.phase is RunPhase.COMPLETE:
            return
        if member.is_worker:
            self._gone.append(member.peer)
            self.chronicle.worker_lost(member.peer, cause, self.run.ledger.settled)
            self.run.lose_worker(member.peer, killed=killed, death=death)
        elif member.role == "ingester":
            for stream in member.register.streams:
                if stream in self.run.shares:
                    why = f"the ingester {member.name!r} of stream {stream!r} is gone with its share: {cause}"
                    self.run.share_gone(stream, member.peer, why, now)
                    continue
                self.run.stream_gone(stream, f"the ingester of stream {stream!r} is gone: {cause}", now)

    def asks(self, reducer: Member) -> bool:
        """Whether this reducer is to be asked to take up the run; True only once."""
        if not self.run.custody.away or reducer.peer == self._asked:
            return False
        self._asked = reducer.peer
        if reducer.register.fault:
            self.cannot_be_taken_up(reducer.register.fault)
        return not reducer.register.fault

    def _take_up(self, peer: str, standing: Standing, now: float) -> None:
        """Another reducer has taken up the run."""
        reducer = self._ensemble.reducer
        if reducer is None or reducer.peer != peer or not self.run.custody.away:
            return
        self.resuming = None
        run = self.run.run_id
        everything = self.run.take_up(standing.taken, standing.split, now, over=self.finished)
        self._editions_told = self.run.editions.so_far(self.run.ledger.reduced)
        news = self.run.ledger.all_news
        self._send(peer, Coverage(run, news, self.epochs, self.finished_at, self._editions_told))
        if self.finished:
            # Without all of its results, none of a run that is over are shown.
            if not everything:
                logger.warning("run %s is over, and its results died with the reducer", run)
            self._send(peer, Finish(run, abandoned=not everything))
            return
        for worker in self._ensemble.workers:
            self._send(peer, Joined(run, worker.peer, worker.register.address))
            self._send(worker.peer, Reducer(run, peer, reducer.register.address))
        self._finishing.ask_reducer_again(peer, now)
        logger.info("run %s goes on with the reducer %s", run, peer)

    def cannot_be_taken_up(self, problem: str) -> None:
        """A reducer that was to take up the run cannot."""
        if not self.finished:
            self.run.abort(f"the reducer is gone, and the next one cannot go on from what it kept: {problem}")

    # ---- time -------------------------------------------------------------------------------------------------------------

    def turn(self, now: float) -> None:
        """Send what is to be sent now."""
        if self.finished:
            return
        now += self._shift
        if self.takeover is not None:
            self._go_on_taking_over(self.takeover, now)
            return
        self._idle.stop_if_idle(self.run, now)
        step = self.run.advance(now)
        self.reports.join_shares()
        self._hold_settled(step, now)
        if step or self._gone:
            self._send_orders(step)
        if self.run.phase is RunPhase.COMPLETE:
            custody = self.run.custody
            if not custody.away or custody.overdue(now):
                self._finish(now)
        else:
            self._send_tick(now)
        if now >= self._next_coverage:
            self._next_coverage = now + COVERAGE_INTERVAL
            self._send_coverage()

    def _hold_settled(self, step: Step, now: float) -> None:
        """That events are settled is told when it is due."""
        self._letting_go.add(step.settled, now)
        step.settled = []
        step.settled = self._letting_go.take(
            now,
            with_others=bool(step or self._gone),
            at_once=self.run.phase is RunPhase.COMPLETE or self.run.standing.blocked,
        )

    def wait(self, now: float) -> float:
        """Seconds in which nothing needs to be done unless a message arrives, as far as somebody is to be told something."""
        now += self._shift
        ticks = self._next_tick - now if self._ticks else math.inf
        return max(0.0, min(self._letting_go.wait(now), ticks))

    def _send_coverage(self, *, over: bool = False) -> None:
        news, epochs = self.run.ledger.take_news(), self.epochs[self._epochs_told :]
        self._epochs_told = len(self.epochs)
        closed = news.total is not None and self.run.trigger_map.total_events is None
        reducer = self._ensemble.reducer
        if reducer is not None and (news or epochs or closed or over):
            finished_at = time.time() if over else None
            made = self.run.editions.so_far(self.run.ledger.reduced)
            editions = [] if made == self._editions_told else made
            self._editions_told = made
            self._send(reducer.peer, Coverage(self.run.run_id, news, epochs, finished_at, editions))

    def _send_orders(self, step: Step) -> None:
        gone, self._gone = self._gone, []
        orders = Orders(
            self.run.run_id,
            step.spans,
            step.settled,
            [],
            gone,
            step.close_at,
            step.stop_sources,
            step.origins,
            spare=step.spare,
        )
        for member in self._ensemble.ingesters:
            self._send(member.peer, orders)
            claims = {s: spans for s, spans in step.claims.items() if s in member.register.streams}
            if claims:
                self._send(member.peer, Orders(self.run.run_id, claims=claims))
        self.chronicle.leased(span for span in step.spans if not span.is_rehearsal)
        if step.spans or step.dropped or step.over:
            by_worker: dict[str, list[Span]] = {}
            for span in step.spans:
                by_worker.setdefault(span.worker, []).append(span)
            # Of many workers few are told something in one step, unless it concerns all.
            told = [one.peer for one in self._ensemble.workers] if step.dropped or step.over else by_worker
            for peer in told:
                mine = by_worker.get(peer, [])
                self._send(peer, Orders(self.run.run_id, mine, [], step.dropped, over=step.over))
        for stream in step.inquire:
            for worker in self.run.workers:
                self._send(worker, Inquire(self.run.run_id, stream))
        reducer = self._ensemble.reducer
        for worker in step.fence:
            if reducer is not None:
                self._send(reducer.peer, Fence(self.run.run_id, worker))

    def _send_tick(self, now: float) -> None:
        if not self._ticks or now < self._next_tick:
            return
        self._ticks = {peer: interval for peer, interval in self._ticks.items() if peer in self._ensemble}
        if self._ticks:
            workers = list(self._ticks)
            self._tick_turn += 1
            self._send(workers[self._tick_turn % len(workers)], Tick(self.run.run_id))
            self._next_tick = now + min(self._ticks.values())

    def _finish(self, now: float) -> None:
        """Go on with the end of the run, one step after the other."""
        finishing = self._finishing
        if not finishing.workers_asked:
            logger.info("run %s: every event is settled", self.run.run_id)
            finishing.ask_workers({member.peer for member in self._ensemble.workers} - self.joining, now)
        if finishing.waits(now):
            return
        if not finishing.others_asked:
            # Before the reducer finishes, so that the last version of its result says what became of every event.
            self._send_coverage(over=True)
            finishing.ask_others([member.peer for member in self._everyone_but_workers()], now)
            return
        self.finished_at = time.time()
        counts = self.run.ledger.counts()
        logger.log(
            logging.INFO if self.run.clean else logging.WARNING,
            "run %s: finished: %d reduced, %d failed, %d lost%s",
            self.run.run_id,
            counts.reduced,
            counts.failed,
            counts.lost,
            "; /api/v1/errors says what failed and what to do" if self.run.faults.groups else "",
        )

    def release(self) -> None:
        """Give up this run: the next one is armed already."""
        self.run.abort("a new trigger map was armed")
        self.finished_at = time.time()
        self._send_coverage(over=True)

    def _everyone_but_workers(self) -> list[Member]:
        reducer = self._ensemble.reducer
        return [*self._ensemble.ingesters, *([] if reducer is None else [reducer])]

    def _send(self, peer: str, message: AnyMessage) -> None:
        self._before_sending()
        try:
            self._channel.send(peer, message)
        except KeyError:
            logger.debug("%s is gone; %s not sent", peer, type(message).__name__)
