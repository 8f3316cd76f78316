"""A leaf of a reducer: it reduces a part of the results with an instance of the user's class that is its own.

Policy: the reducer decides which results come here and that each comes once; what becomes of them is told to it alone, in the order in
which they came. A leaf keeps nothing for a next life: when it dies, the reducer ends with it, and goes on from its journal.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from beamloom.analysis import AnalysisError, ErrorCapsule, ReducerAnalysis
from beamloom.engine.accounts.collector import Collector
from beamloom.engine.accounts.reducers_account import ResultAccount
from beamloom.services.reducer.deciding import Deciding
from beamloom.services.reducer.keeping import Keeping
from beamloom.services.reducer.last_words import NOBODY, LastWords
from beamloom.services.reducer.leaves.messages import (
    Answer,
    Begin,
    Epoch,
    Take,
    Timed,
    Told,
    Took,
    encode,
    request_of,
)
from beamloom.services.reducer.reducing import Reducing
from beamloom.services.reducer.snapshots import SnapshotDesk
from beamloom.services.reducer.states import decode_state, encode_state
from beamloom.services.shell.epochs import Epochs
from beamloom.services.shell.evidence import Evidence
from beamloom.services.shell.loop import IDLE_WAIT
from beamloom.services.shell.raised import RAISED, pass_interrupt
from beamloom.settings import ReducerSettings
from beamloom.transport.messages import Failed, Results

Frames = Sequence[Any]


class LeafWords(LastWords):
    """At which result a leaf is, for the reducer, in a file that both have mapped into memory."""

    def __init__(self, file: Path) -> None:
        super().__init__()
        if not file.exists():
            file.write_bytes(bytes(mmap.PAGESIZE))
            fresh = True
        else:
            fresh = False
        with file.open("r+b") as opened:
            self._shared = mmap.mmap(opened.fileno(), mmap.PAGESIZE)
        self._work = memoryview(self._shared)[:16].cast("q")
        if fresh:
            self._work[0] = NOBODY

    @property
    def delivery(self) -> tuple[int, int] | None:
        """Slot and event of the result that the user's class has now; None while it has none."""
        if self._work is None or self._work[0] == NOBODY:
            return None
        return self._work[1], self._work[0]


class Leaf:
    """One leaf: answers what the reducer asks."""

    def __init__(
        self,
        settings: ReducerSettings,
        analysis: ReducerAnalysis,
        words: LastWords | None = None,
        evidence: Evidence | None = None,
    ) -> None:
        self._settings = settings
        self._analysis = analysis
        self._words = words or LastWords()
        self._evidence = evidence
        self._epochs = Epochs(analysis.descriptions())
        self._deciding = Deciding(analysis, settings.name, lambda said: None)
        self._failed: list[Failed] = []
        self._reducing = self._make("")
        self._timers = False
        self._changed = True
        """Whether what is published may differ from what was shown last."""
        self.ended = False

    def _make(self, peer: str) -> Reducing:
        return Reducing(
            self._settings,
            peer,
            self._analysis,
            self._epochs,
            Keeping(SnapshotDesk(lambda: None)),
            self._failed.append,
            self._words,
            self._evidence,
            self._deciding,
        )

    def heed(self, frames: Frames, now: float) -> list[Frames]:
        """A request has come; returns the answers."""
        request = request_of(frames[0])
        match request:
            case Take(ticket, worker, results, known):
                return [[encode(self._take(ticket, worker, results, known, frames[1:]))]]
            case Epoch(epoch, values):
                self._epochs.begin(epoch, values)
                return []
            case Begin():
                return [self._begin(request, now)]
            case _:
                return [self._answer(request.ticket, request.what, frames[1:])]

    def _begin(self, begin: Begin, now: float) -> Frames:
        arm = begin.arm
        context = self._reducing.context
        self._timers, self._changed = False, True
        self._failed.clear()
        self._words.set_aside_all(begin.deadly)
        self._epochs.restart(arm.epoch, arm.parameters)
        self._reducing = self._make(begin.peer)
        self._reducing.context = context
        self._reducing.account = ResultAccount(arm.run, arm.total_events)
        problem = self._reducing.begin(arm, now)
        return (
            self._answer(begin.ticket, "publish")
            if problem is None
            else [encode(Told(begin.ticket, problem))]
        )

    def _take(
        self,
        ticket: int,
        worker: str,
        results: Results,
        known: Iterable[tuple[int, int, int]],
        buffers: Frames,
    ) -> Answer:
        reducing = self._reducing
        # What was taken at all is known to the reducer, and told where it matters.
        reducing.collector = Collector()
        for slot, first, stop in known:
            reducing.collector.know(slot, first, stop)
        processed, seconds = reducing.processed, reducing.user_seconds
        reduced, _ = reducing.reduce(worker, results, buffers)
        self._changed = True
        return Took(
            ticket,
            reduced,
            self._failures(),
            self._deciding.take_new(),
            reducing.processed - processed,
            reducing.last_event,
            reducing.user_seconds - seconds,
        )

    def _failures(self) -> list[Failed]:
        failed = self._failed[:]
        self._failed.clear()
        return failed

    def _answer(self, ticket: int, what: str, frames: Frames = ()) -> Frames:
        problem, more = None, []
        try:
            more = self._do(what, frames)
        except RAISED as error:
            pass_interrupt(error)
            problem = str(ErrorCapsule.from_exception(self._analysis.where(what), error))
        return [encode(Told(ticket, problem, self._failures(), self._deciding.take_new())), *more]

    def _do(self, what: str, frames: Frames) -> list[Any]:
        match what:
            case "publish":
                return self._show()
            case "checkpoint":
                state = self._reducing.checkpoint()
                return [] if state is None else [state.head, *state.buffers]
            case "restore":
                state = decode_state(bytes(frames[0]), frames[1:], self._reducing.trusted)
                self._analysis.restore(state, self._epochs.latest)
            case "timers":
                self._timers = True
                return []
            case "repeat_timer":
                self._reducing.repeat_timer()
            case "finish":
                self._reducing.finish()
                self._timers = False
            case "close":
                self._reducing.close()
                self.ended = True
            case _:
                raise AnalysisError(
                    f"nobody knows what {what} is; start the reducer anew, so that all of it is of one version"
                )
        self._changed = True
        return []

    def _show(self) -> list[Any]:
        """What is published, as frames; none where it is what was shown last."""
        if not self._changed:
            return []
        lock = self._analysis.publish_rlock
        if lock is None:
            encoded = encode_state(self._analysis.part)
        else:
            with lock:
                encoded = encode_state(self._analysis.part).detached()
        self._changed = False
        return [encoded.head, *encoded.buffers]

    def turn(self, now: float) -> list[Frames]:
        """Call the timer when it is due; returns what is to be told."""
        if not self._timers or not self._reducing.call_timer(now):
            return []
        self._changed = True
        return [[encode(Timed(self._failures(), self._deciding.take_new()))]]

    def wait(self, now: float) -> float:
        """How long, in seconds, nothing needs to be done unless a request comes."""
        due = self._reducing.next_timer if self._timers else None
        return IDLE_WAIT if due is None else min(IDLE_WAIT, max(0.0, due - now))
