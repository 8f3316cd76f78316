"""The shadow worker: another analysis over copies of events, beside a run and without a part in it.

Policy: it is the same worker and the same reducer as those of a run, in one thread, so that its result is that of an inline pipeline over
the same events. What fails in it is its own: nothing of it is in any account of the run, and what it says to the control system is heard
by nobody. It begins with a run when the controller says so; copies that are quicker than that word wait for it.
"""

from __future__ import annotations

import logging
import os
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from beamloom.analysis import ReducerAnalysis
from beamloom.engine.sampling import Sample
from beamloom.services.reducer.snapshots import SnapshotDesk
from beamloom.services.shadow.copied_run import CopiedRun, Link, Ticket
from beamloom.services.shadow.pair import REDUCER, WORKER, ShadowPair
from beamloom.services.shell import traces
from beamloom.services.shell.code_version import build_metadata
from beamloom.services.shell.evidence import Evidence
from beamloom.services.shell.guard import Notes
from beamloom.services.shell.loop import IDLE_WAIT, LONGEST_WAIT
from beamloom.services.shell.membership import Membership
from beamloom.services.worker.service import TURN_SECONDS
from beamloom.services.worker.user_map import Map
from beamloom.settings import ShadowWorkerSettings
from beamloom.transport.channel import Channel, Received
from beamloom.transport.messages import (
    CONTROLLER,
    Arm,
    Copied,
    CopyTaken,
    Explain,
    Explained,
    Finish,
    LastCopy,
    Leads,
    Parameters,
    ShadowFacts,
    TakeStock,
    Trace,
    Unknown,
    Welcome,
)

logger = logging.getLogger(__name__)

SILENCE = 5.0
"""Seconds without a copy after which nobody waits any more for those of a worker that has died before the end of its run."""
FORMER_RUNS = 100
"""So many are remembered."""
STATEFUL = (
    "the class says that it is stateful: its results depend on events that are not in the sample, and on copies that may be lost; "
    "try it over a recording, with 'beamloom reprocess'"
)


class ShadowService:
    """One shadow worker."""

    def __init__(
        self,
        settings: ShadowWorkerSettings,
        channel: Channel,
        controller: str,
        load_worker: Callable[[], Map],
        load_reducer: Callable[[], ReducerAnalysis | None],
        desk: SnapshotDesk,
        http: str | None = None,
        notes: Notes | None = None,
        evidence: Evidence | None = None,
        turn_seconds: float = TURN_SECONDS,
    ) -> None:
        """``http``: where the desk's snapshots are served; the others as a worker and a reducer take them."""
        self._settings = settings
        self._channel = channel
        self._notes = notes or Notes()
        self._pair = ShadowPair(
            settings, load_worker, load_reducer, desk, self._notes, evidence, turn_seconds
        )
        worker, reducer = self._pair.registers[WORKER], self._pair.registers[REDUCER]
        self.fault = worker.fault or reducer.fault or (STATEFUL if worker.stateful else None)
        """Why it gets no copies."""
        self.member = Membership(
            channel,
            controller,
            settings.name,
            "shadowworker",
            tags=list(settings.tags),
            fault=self.fault,
            http=http,
            analysis=settings.worker_class or "",
            folder=os.path.abspath(settings.analysis_path),
            code=build_metadata(settings.worker_class),
            digest=worker.digest,  # Of what was imported before the reducer class was, as in any worker.
            shadow=ShadowFacts(Sample(settings.sample), settings.reducer_class or ""),
        )
        self._links: dict[str, Link] = {}
        self._run: CopiedRun | None = None
        self._workers: set[str] = set()
        """Those that take part in the run."""
        self._early: list[tuple[Copied, Received, Ticket]] = []
        """Copies of a run that it was not told of."""
        self._former: deque[str] = deque(maxlen=FORMER_RUNS)
        """Runs that are over here: what still comes of them is for nobody, and nobody is to wait until it is done with."""
        self._heard_at = 0.0

    # ---- messages -------------------------------------------------------------------------------------------------------

    def receive(self, received: Received, now: float) -> None:
        """A message has arrived."""
        if not self.member.heeds(received.sender):
            return
        match received.message:
            case Copied() as copied:
                self._copy(copied, received, now)
            case LastCopy(run=run, lost=lost):
                link = self._links.setdefault(received.sender, Link())
                link.of_run(run, lost)
                link.over = run
            case Arm() as arm:
                self._arm(arm, now)
            case Parameters() as parameters:
                self._pair.tell(parameters)
            case Finish(run=run) if self._run is not None and run == self._run.run:
                self._run.ends, self._heard_at = True, now
            case Explain(question=question):
                self._channel.send(CONTROLLER, Explained(question, {}))
            case Trace() as trace:
                traces.heed(self._channel, trace)
            case TakeStock() | Welcome():
                self.member.welcomed()
            case Leads(address=address):
                self.member.follow(address)
            case Unknown(peer=peer, replaced_by=replaced_by) if peer == self._channel.peer:
                self.member.unknown(replaced_by)
            case _:
                pass

    def _copy(self, copied: Copied, received: Received, now: float) -> None:
        self._heard_at = now
        link = self._links.get(received.sender)
        if link is None:
            link = self._links[received.sender] = Link()
        self._channel.connect(received.sender, copied.address)
        link.of_run(copied.run, copied.lost)
        ticket = link.add(copied.number)
        if self._run is not None and copied.run == self._run.run:
            self._give(self._run, copied, received, ticket)
        elif copied.run in self._former:
            ticket.done = True
        else:
            self._early.append((copied, received, ticket))

    def _give(self, run: CopiedRun, copied: Copied, received: Received, ticket: Ticket) -> None:
        if run.problem is not None:
            ticket.done = True
            return
        slot = run.admit(copied.event, copied.blocks, ticket)
        if slot is not None:
            self._pair.give(slot, copied.event, copied.epoch, copied.blocks, received.buffers)

    def _arm(self, arm: Arm, now: float) -> None:
        self._workers = set(arm.workers)
        self._forget_links()
        if self._run is not None and self._run.run == arm.run:
            return
        self._end(now)
        if self._run is not None:
            self._former.append(self._run.run)
        run = self._run = CopiedRun(arm.run)
        run.problem = self._pair.begin(arm, [self._settings.worker_class or ""], now)
        if run.problem is not None:
            logger.error("the shadow cannot begin with run %s: %s", arm.run, run.problem)
        early, self._early = self._early, []
        for copied, received, ticket in early:
            if copied.run == arm.run:
                self._give(run, copied, received, ticket)
            else:
                ticket.done = True

    def _forget_links(self) -> None:
        """Those of workers that are gone."""
        waiting = {received.sender for _, received, _ in self._early}
        for peer in self._links.keys() - self._workers - waiting:
            del self._links[peer]
            self._channel.disconnect(peer)

    def _end(self, now: float) -> None:
        """No more becomes of the run."""
        run = self._run
        if run is None or run.problem is not None or run.over:
            return
        run.over = True
        run.give_up()
        self._pair.finish(now)

    # ---- time -----------------------------------------------------------------------------------------------------------

    def turn(self, now: float) -> None:
        """Work off what is here."""
        self.member.turn(now)
        self._notes.call(self._channel.peer, self.member.controller)
        for done in self._pair.turn(now):
            if self._run is not None:
                self._run.settle(done.slot, done.events, done.failure, self._settings.name)
        run = self._run
        if run is not None and run.ends and not run.waiting and self._all_came(run, now):
            self._end(now)
        for peer, link in self._links.items():
            number = link.acknowledged()
            if number is not None:
                with suppress(KeyError):
                    self._channel.send(peer, CopyTaken(number))

    def _all_came(self, run: CopiedRun, now: float) -> bool:
        """Whether no more copies of the run will come, or none were heard of for long."""
        over = {peer for peer, link in self._links.items() if link.over == run.run}
        sent = {peer for peer, link in self._links.items() if link.run == run.run}
        return (self._workers | sent) <= over or now - self._heard_at > SILENCE

    def wait(self, now: float) -> float:
        """How long nothing needs to be done unless a message arrives."""
        longest = IDLE_WAIT if self._run is None else LONGEST_WAIT
        return min(longest, self.member.wait(now), self._pair.wait(now))

    def leave(self, reason: str, *, failed: bool = False) -> None:
        """The process ends."""
        self._pair.leave(reason)
        self.member.leave(reason, failed=failed)
        self._notes.leave()

    # ---- what is told of it -----------------------------------------------------------------------------------------------

    @property
    def lost(self) -> int:
        """Copies of the present run that workers could not send, as this process was too slow."""
        run = "" if self._run is None else self._run.run
        return sum(link.lost for link in list(self._links.values()) if link.run == run)

    def notes(self, now: float) -> dict[str, Any]:
        """How the shadow is; may be called in any thread."""
        run = self._run
        told: dict[str, Any] = {} if run is None else {**run.told(), "lost": self.lost, "over": run.over}
        return {"shadow": told}

    def figures(self) -> dict[str, float]:
        """Counters and gauges of this process; may be called in any thread."""
        run = self._run
        worker, reducer = self._pair.worker.figures(), self._pair.reducer.figures()
        return {
            "processed_events": worker["processed_events"],
            "user_seconds": worker["user_seconds"] + reducer["user_seconds"],
            "copies_waiting": 0 if run is None else run.waiting,
            "copies_lost": self.lost,
        }
