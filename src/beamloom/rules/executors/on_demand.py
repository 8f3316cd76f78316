"""An executor that starts with its first chunk: a service that only answers questions has no workers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from beamloom.rules.executors.executor import Executor
from beamloom.rules.spec import Coming, Outcome, Setup, Work

FIRST: Final = 1
"""Chunks that it takes before it has started, and knows how many it can take."""


class OnDemand:
    """Another executor, started when it is needed. Nothing that starts it is called by two threads at once."""

    def __init__(self, executor: Executor) -> None:
        self._executor = executor
        self._report: Callable[[Outcome], None] = lambda outcome: None
        self._started = False

    def start(self, report: Callable[[Outcome], None]) -> None:
        """Only remembers whom to report to."""
        self._report = report

    def capacity(self) -> dict[str, float]:
        """What it will have."""
        return self._executor.capacity()

    def refusal(self, needs: Mapping[str, float]) -> str:
        """What it says."""
        return self._executor.refusal(needs)

    def room(self) -> int:
        """How many more chunks it takes now."""
        return self._executor.room() if self._started else FIRST

    def expect(self, coming: Coming) -> None:
        """Chunks are awaited, so that it starts."""
        self._begin()
        self._executor.expect(coming)

    def submit(self, setup: Setup, work: Work) -> None:
        """Take a chunk; the first one starts it."""
        self._begin()
        self._executor.submit(setup, work)

    def _begin(self) -> None:
        if not self._started:
            self._executor.start(self._report)
            self._started = True

    def look(self) -> str:
        """What is wrong with it, or nothing."""
        return self._executor.look() if self._started else ""

    def drop(self, step: int) -> None:
        """Nobody needs chunks of this step any more."""
        if self._started:
            self._executor.drop(step)

    def close(self) -> None:
        """End what was started."""
        if self._started:
            self._executor.close()
