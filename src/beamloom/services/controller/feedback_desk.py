"""What the controller does with the feedback of an analysis: it keeps it with the run, tells all who listen, and stops the run if told so.

Policy: a piece is in the store, with the stop that follows from it, before it is acknowledged or anybody hears of it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from beamloom.engine.feedback import STOP, WARNING, Feedback, FeedbackLog, sentence_of
from beamloom.engine.runs.run import Run, RunPhase
from beamloom.transport.messages import Heard, Said

logger = logging.getLogger(__name__)

STOPPED = "the analysis said stop"
"""Why a run was stopped, behind a word that says that it was."""


class FeedbackDesk:
    """The feedback of one run as its controller has it."""

    def __init__(
        self,
        run: Run,
        note: Callable[[list[Feedback]], None],
        log: FeedbackLog | None = None,
        *,
        may_stop: bool = True,
    ) -> None:
        """``note`` keeps what is new; ``log`` is what was heard before; ``may_stop``: whether the analysis may stop the run."""
        self.log = log or FeedbackLog()
        self._run = run
        self._note = note
        self._may_stop = may_stop

    def hear(self, said: Said) -> Heard:
        """The reducer has said something; returns what it is to be answered."""
        new = self.log.take(said.after, said.feedback)
        if new:
            self._note(new)
        for one in new:
            self._heed(one)
        return Heard(said.run, self.log.last)

    def _heed(self, one: Feedback) -> None:
        if one.kind == STOP:
            heeded = "stopped" if self._may_stop else "goes on (feedback_stops)"
            logger.info("run %s %s: %s", self._run.run_id, heeded, sentence_of(STOPPED, one.event, one.words))
            if self._may_stop and self._run.phase is RunPhase.RUNNING:
                self._run.stop(sentence_of(STOPPED, None, one.words))
        elif one.kind == WARNING:
            logger.warning(
                "run %s: %s", self._run.run_id, sentence_of(f"{one.by} warns", one.event, one.words)
            )
