"""The thread that hears what the analysis says, when a plan asks for it.

Policy: an answer is the next piece of feedback, or that there is none: then all rows that were sent are settled, and no piece of feedback
was decided by them. So a plan goes on as soon as the analysis has seen its last point, and not only when its time is over. A pipeline
that is away, and a run that is armed anew, are waited for.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import NamedTuple

from beamloom.client import Feedback, Pipeline
from beamloom.errors import PipelineError, TimedOut

LOOK_SECONDS = 0.02
"""How long feedback is waited for until it is looked whether all rows are settled."""
AWAY_SECONDS = 0.2
"""Between two questions to a pipeline that is away."""


class Standing(NamedTuple):
    """What has been sent."""

    run: str
    rows: int


@dataclass(frozen=True)
class Ask:
    """A plan wants to know what the analysis has to say to the rows that were emitted before this."""

    answer: Future[Feedback | None] = field(default_factory=Future)
    """None where it has nothing to say; nobody waits for it any more when it is cancelled."""


class Hearing:
    """Answers plans, one after the other."""

    def __init__(self, pipeline: Callable[[], Pipeline], *, counts_rows: bool) -> None:
        """``counts_rows``: an event of the run is a row of the scan, so that their number tells which are settled."""
        self._pipeline = pipeline
        self._counts_rows = counts_rows
        self._asked: queue.Queue[tuple[Ask, Callable[[], Standing | None]] | None] = queue.Queue()
        self._closing = threading.Event()
        self._run = ""
        self._last: Feedback | None = None
        self._thread = threading.Thread(target=self._work, name="beamloom feedback", daemon=True)
        self._thread.start()

    def put(self, ask: Ask, standing: Callable[[], Standing | None]) -> None:
        """Have this answered; ``standing`` gives what was sent, None while there is no run. Returns at once."""
        self._asked.put((ask, standing))

    def close(self, timeout: float) -> None:
        """Give no more answers."""
        self._closing.set()
        self._asked.put(None)
        self._thread.join(timeout)

    def _work(self) -> None:
        while (asked := self._asked.get()) is not None and not self._closing.is_set():
            ask, standing = asked
            while not ask.answer.cancelled() and not self._closing.is_set():
                sent = standing()
                if sent is None:
                    self._closing.wait(LOOK_SECONDS)
                elif self._answered(ask, sent):
                    break

    def _answered(self, ask: Ask, sent: Standing) -> bool:
        if sent.run != self._run:
            self._run, self._last = sent.run, None
        try:
            # In this order: what the last row has decided is there before the row counts as settled.
            settled = self._is_settled(sent)
            said = self._pipeline().feedback(
                run=sent.run, after=self._last, timeout=0 if settled else LOOK_SECONDS
            )
            one = next(said, None)
        except TimedOut as nothing:
            if not settled or nothing.__cause__ is not None:
                return False
            one = None
        except PipelineError:
            # The other thread says so, and arms another run where this one is lost.
            self._closing.wait(AWAY_SECONDS)
            return False
        if ask.answer.set_running_or_notify_cancel():
            self._last = one or self._last
            ask.answer.set_result(one)
        return True

    def _is_settled(self, sent: Standing) -> bool:
        progress = self._pipeline().progress()
        if progress.run != sent.run or progress.finished:
            return True
        return self._counts_rows and progress.completed_events > sent.rows
