"""A process on a cluster, as a child of the placement: its thread waits for what is new, commands come from any thread."""

from __future__ import annotations

import queue
import signal
import threading
from collections.abc import Callable
from typing import Final

from beamloom.placement.children import Ending, ProcessSpec, Watcher
from beamloom.placement.dask.placed import Action, News, Outcome, Placed, Runs, Waits
from beamloom.placement.dask.words import Wrote

PATIENCE: Final = 5.0
"""Seconds in which a process that was killed is said to have ended; after that it is left to Dask to end it."""


class DaskChild:
    """See the module."""

    def __init__(
        self, spec: ProcessSpec, new_key: Callable[[], str], act: Callable[[DaskChild, Action], None]
    ) -> None:
        """``act`` passes on what is to be done with Dask; it returns at once."""
        self.spec = spec
        self._act = act
        self._lock = threading.Lock()
        self._placed = Placed(spec.name, new_key)
        self._news: queue.SimpleQueue[News | None] = queue.SimpleQueue()
        self._killed = False

    def attend(self, watcher: Watcher) -> Ending:
        """Pass on what is new until it is over."""
        while True:
            try:
                news = self._news.get(timeout=PATIENCE if self._killed else None)
            except queue.Empty:
                self.consider(Placed.give_up)
                continue
            match news:
                case Runs(pid, host):
                    watcher.begun(pid, host)
                case Waits(sentence):
                    watcher.interrupted(sentence)
                case Wrote(lines=lines):
                    watcher.wrote(iter(lines))
                case Ending():
                    return news

    def tell_to_end(self) -> None:
        """Send SIGTERM; where it does not run yet it never will."""
        self.consider(Placed.end)

    def kill(self, number: signal.Signals = signal.SIGKILL) -> int | None:
        """Send a signal to it and all that it started; returns its pid, None when it does not run."""
        with self._lock:
            pid = self._placed.pid
            self._follow(self._placed.kill(number))
        if self._placed.leaving and number == signal.SIGKILL and not self._killed:
            self._killed = True
            # Who waits for ever waits anew, not for ever.
            self._news.put(None)
        return pid

    def consider(self, what: Callable[[Placed], Outcome]) -> None:
        """Something has happened, or is wanted."""
        with self._lock:
            self._follow(what(self._placed))

    def asks(self, key: str) -> bool:
        """It is the task of this key that it has asked for."""
        return self._placed.key == key

    @property
    def over(self) -> bool:
        """It has ended for good."""
        return self._placed.over

    @property
    def waits(self) -> bool:
        """Dask was asked for it, and it does not run yet."""
        return self._placed.waits

    @property
    def where(self) -> str:
        """The Dask worker that holds it; empty where none does."""
        return self._placed.where

    def _follow(self, outcome: Outcome) -> None:
        for one in outcome:
            if isinstance(one, Runs | Waits | Wrote | Ending):
                self._news.put(one)
            else:
                self._act(self, one)
