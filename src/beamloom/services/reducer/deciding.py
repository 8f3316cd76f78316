"""What the analysis of a reducer says, from the call in a hook until the controller has it.

Policy: what is said while results are reduced is written to the journal in one record with them, what another hook says in a record of
its own, and it is told when that is kept. So a journal holds the decisions themselves. Whoever goes through it for the state of the class
has the class decide again, and takes no notice of that: what was told stays true though the class would decide otherwise today, as one
that looks at a clock does. A timer that has said something is called again at its place, so that it knows what it has said.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from beamloom.analysis import GiveFeedback, ReducerAnalysis
from beamloom.engine.feedback import Feedback, Spoken, Untold
from beamloom.services.shell.membership import name_of
from beamloom.transport.messages import Decided, Results, Said

TELL_AGAIN = 1.0
"""Seconds after which what is not acknowledged is told again."""
AT_ONCE = 64
"""Pieces in one message."""
MOST_UNTOLD = 20_000
"""Pieces that may wait for the controller."""
TOO_MANY = (
    f"{MOST_UNTOLD} pieces of feedback wait for the controller already; see whether it runs (beamloom status), and give feedback when "
    "something is decided, not with every event"
)
FINISH = "finish"


class Deciding:
    """The feedback of the run that goes on, or of the last one."""

    def __init__(self, analysis: ReducerAnalysis | None, name: str, send: Callable[[Said], None]) -> None:
        """``name`` is that of the reducer, ``send`` reaches the controller."""
        self.given = GiveFeedback() if analysis is None else analysis.feedback
        """What the class calls."""
        self.given.watch()
        self._name = name
        self._send = send
        self._run = ""
        self.untold = Untold()
        """What the controller has not acknowledged."""
        self._new: list[tuple[Spoken, str]] = []
        """What was said in this call, and by whom; it has no numbers yet."""
        self._told = 0
        """All up to this number were told since they are told again."""
        self._waits_since: float | None = None
        self._finish_said = False

    # ---- a run begins, or is taken up ---------------------------------------------------------------------------------------

    def begin_run(self, run: str, heard: int = 0) -> None:
        """A run begins; where a former life had begun it, the controller has its feedback up to ``heard``."""
        self.forget_new()
        self.given.refusal = None
        self._run, self.untold = run, Untold(heard)
        self._told, self._waits_since = heard, None
        self._finish_said = False

    def restore(self, told: Iterable[Feedback], acknowledged: int = 0) -> None:
        """A former life had come to these, as its journal or checkpoint has it; what was said to bring back the state does not count.

        ``acknowledged``: all up to this number were taken by a controller.
        """
        self.forget_new()
        self.untold.restore(told, acknowledged)

    def replay(self, decided: Decided) -> None:
        """The same of a hook that belongs to no event."""
        self.restore(decided.feedback)
        self._finish_said = self._finish_said or decided.hook == FINISH

    def forget_new(self) -> None:
        """What was said in this call does not count."""
        self.given.take()
        self._new = []

    # ---- while it goes on ---------------------------------------------------------------------------------------------------

    def repeat(self, spoken: Iterable[Spoken], worker: str) -> None:
        """What a worker has said counts now, after all that was said before."""
        self._gather()
        self._new += [(one, name_of(worker)) for one in spoken]

    def _gather(self) -> None:
        self._new += [(one, self._name) for one in self.given.take()]

    def take_new(self) -> list[tuple[Spoken, str]]:
        """What was said since the last time, and by whom; it has no numbers yet."""
        self._gather()
        new, self._new = self._new, []
        return new

    def hear(self, said: Iterable[tuple[Spoken, str]]) -> None:
        """A part of the analysis in another process has said this, after all that was said before."""
        self._new += said

    def _number(self) -> list[Feedback]:
        numbered = [self.untold.add(one, by) for one, by in self.take_new()]
        if len(self.untold) > MOST_UNTOLD:
            self.given.refusal = TOO_MANY
        return numbered

    def of_results(self, results: Results) -> int | None:
        """Note in a batch what was said as it was reduced; returns the number up to which that goes, None where nothing was said."""
        results.decided = self._number() if self._new or self.given.said else []
        return results.decided[-1].number if results.decided else None

    def of_hook(self, hook: str) -> Decided | None:
        """What was said in a hook that belongs to no event; None where nothing was, or where a former life has said it already."""
        if hook == FINISH and self._finish_said:
            self.forget_new()
        said = self._number()
        self._finish_said = self._finish_said or (hook == FINISH and bool(said))
        return Decided(self._run, hook, said) if said else None

    def kept(self, run: str, until: int) -> None:
        """What was said up to this number is kept, or cannot be: now it is told."""
        if run == self._run:
            self.untold.ready(until)
            self.tell()

    # ---- the controller -----------------------------------------------------------------------------------------------------

    def tell(self, *, again: bool = False) -> None:
        """Tell the controller what it was not told yet; ``again``: all that it has not acknowledged."""
        if again:
            self._told = self.untold.acknowledged
        told = self.untold.to_tell(self._told)
        for begin in range(0, len(told), AT_ONCE):
            some = told[begin : begin + AT_ONCE]
            self._send(Said(self._run, self.untold.acknowledged, some))
            self._told = some[-1].number

    def heard(self, run: str, number: int) -> None:
        """The controller has all up to this number."""
        if run == self._run:
            self.untold.heard(number)
            self._waits_since = None
            if len(self.untold) <= MOST_UNTOLD:
                self.given.refusal = None

    def turn(self, now: float) -> None:
        """Tell again what may have got lost."""
        if self._told <= self.untold.acknowledged:
            self._waits_since = None
        elif self._waits_since is None:
            self._waits_since = now
        elif now - self._waits_since > TELL_AGAIN:
            self._waits_since = now
            self.tell(again=True)
