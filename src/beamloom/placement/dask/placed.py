"""One process on a cluster, as its supervisor knows it.

No input or output, no clock, no threads. What happened comes in; what Dask is to do (actions) and what is new for those who watch the
process (news) go out. The invariant: at most one task is asked for at any time, and when the process is over, none.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Collection
from typing import NamedTuple

from beamloom.exit_status import REFUSED
from beamloom.placement.children import Ending
from beamloom.placement.dask.words import Begun, Ended, Said, Wrote


class Submit(NamedTuple):
    """Ask Dask for the process, as the task of this key."""

    key: str


class Forget(NamedTuple):
    """Take the task back, whether it has begun or not."""

    key: str


class Signal(NamedTuple):
    """Send a signal to the process, at the Dask worker that holds it."""

    where: str
    key: str
    number: int


class Runs(NamedTuple):
    """It runs from now on."""

    pid: int
    host: str


class Waits(NamedTuple):
    """It does not run, and is to."""

    sentence: str


Action = Submit | Forget | Signal
News = Runs | Waits | Wrote | Ending
Outcome = list[Action | News]


class Placed:
    """See the module."""

    def __init__(self, name: str, new_key: Callable[[], str]) -> None:
        self._name = name
        self._new_key = new_key
        self.key = ""
        """Of its task; empty while there is none."""
        self._running: Begun | None = None
        self._leaving: int | None = None
        """The signal by which it was told to end for good."""
        self._waits_for = ""
        self.over = False

    @property
    def pid(self) -> int | None:
        """None while it does not run, as far as is known."""
        return None if self._running is None else self._running.pid

    @property
    def waits(self) -> bool:
        """Dask was asked for it, and it does not run yet."""
        return not self.over and bool(self.key) and self._running is None

    @property
    def leaving(self) -> bool:
        """It was told to end for good."""
        return self._leaving is not None

    @property
    def where(self) -> str:
        """The Dask worker that holds it; empty where none does."""
        return "" if self._running is None else self._running.where

    def ask(self) -> Outcome:
        """There is a scheduler, which knows nothing of it."""
        if self.over:
            return []
        self.key = self._new_key()
        return [Submit(self.key)]

    def ask_anew(self) -> Outcome:
        """There is room for it, and not where Dask has it wait."""
        return [Forget(self.key), *self.ask()] if self.waits else []

    def hear(self, said: Said) -> Outcome:
        """What was said by who holds it; of tasks that were taken back nothing counts."""
        if self.over or said.key != self.key:
            return []
        match said:
            case Wrote():
                return [said]
            case Begun():
                return self._begins(said)
            case Ended(life=life) if self._running is None or self._running.life == life:
                return self._ends(said.status, said.how)
        return []

    def worker_left(self, present: Collection[str]) -> Outcome:
        """These Dask workers are there, and no others."""
        if self._running is None or self._running.where in present:
            return []
        host, self._running = self._running.host, None
        if self._leaving is not None:
            return self._ends(0, f"ended with its Dask worker on {host}")
        return self._wait(
            f"the Dask worker on {host} that {self._name} ran at is gone; Dask begins it elsewhere"
        )

    def wait_for(self, what: str) -> Outcome:
        """Why Dask has not begun it yet."""
        return self._wait(f"{self._name} waits: {what}") if self.waits else []

    def task_failed(self, key: str, sentence: str, *, hopeless: bool) -> Outcome:
        """Dask cannot run the task; where that is ``hopeless`` it is not tried again."""
        if self.over or key != self.key:
            return []
        return self._ends(REFUSED if hopeless else 1, sentence)

    def task_vanished(self, key: str) -> Outcome:
        """Dask has forgotten the task, and not because we took it back."""
        if self.over or key != self.key:
            return []
        self._running, self.key = None, ""
        if self._leaving is not None:
            return self._ends(0, "ended with its task")
        return [*self._wait(f"Dask has dropped {self._name}; it is asked for again"), *self.ask()]

    def scheduler_left(self, sentence: str) -> Outcome:
        """With it Dask workers end, and what they hold."""
        if self.over:
            return []
        self._running, self.key = None, ""
        if self._leaving is not None:
            return self._ends(0, "ended with the Dask scheduler")
        return self._wait(f"{self._name} waits: {sentence}")

    def end(self) -> Outcome:
        """Tell it to end for good."""
        return self._leave(signal.SIGTERM)

    def kill(self, number: int) -> Outcome:
        """Send it a signal; one that was told to end before, and does not run yet, never will."""
        if self._leaving is not None:
            return self._leave(number)
        return self._signal(number)

    def give_up(self) -> Outcome:
        """It was killed, and nobody says that it has ended: Dask is left to end it."""
        return (
            []
            if self.over
            else self._ends(-signal.SIGKILL, "was killed, and its Dask worker does not answer")
        )

    def _begins(self, said: Begun) -> Outcome:
        self._running, self._waits_for = said, ""
        return [
            Runs(said.pid, said.host),
            *(self._signal(self._leaving) if self._leaving is not None else []),
        ]

    def _leave(self, number: int) -> Outcome:
        if self.over:
            return []
        self._leaving = number
        return self._signal(number) if self._running else self._ends(0, "was taken back")

    def _signal(self, number: int) -> Outcome:
        return [Signal(self._running.where, self.key, number)] if self._running else []

    def _wait(self, sentence: str) -> Outcome:
        if sentence == self._waits_for:
            return []
        self._waits_for = sentence
        return [Waits(sentence)]

    def _ends(self, status: int, how: str) -> Outcome:
        key, self.key, self._running, self.over = self.key, "", None, True
        return [*([Forget(key)] if key else []), Ending(status=status, how=how)]
