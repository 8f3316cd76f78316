"""What the analysis has decided on a run so far, for a scan that goes on meanwhile.

Threads follow its feedback and a result, so that whoever scans asks without waiting. Feedback ``stop`` ends the scan, ``next_position`` is
where the next point is, ``repeat`` takes the last one once more; a position is a number, or numbers by the names of motors, or a mapping
that has either as ``position``. A result that is a number, once the run has published it, is a position, too, and ends the scan: what
an earlier run has left there is not believed.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections import deque
from types import TracebackType
from typing import Any

from beamloom.client import Feedback, Pipeline, Version
from beamloom.control.scanning.positions import positions_of
from beamloom.errors import PipelineError

LOOK_SECONDS = 0.1
"""Between two looks whether the run is over."""
LAST_SECONDS = 1.0
"""How long what a run has said last may be on its way when it is over."""


class Decider:
    """Follows one run, for a scan of one motor; a context manager that ends that."""

    def __init__(self, pipeline: Pipeline, run: str, motor: str, path: str | None = None) -> None:
        """``path``: of the result that is a number once the position is known."""
        self._pipeline = pipeline
        self._run = run
        self._motor = motor
        self._over = threading.Event()
        self._position: float | None = None
        self._wanted: deque[float | None] = deque()
        self._followers: list[Any] = [pipeline.on_feedback(self._hear, run=run)]
        if path is not None:
            self._followers.append(pipeline.follow(path, self._take))

    @property
    def is_over(self) -> bool:
        """Whether no more points are to be taken."""
        return self._over.is_set()

    @property
    def position(self) -> float | None:
        """Where the motor is to be in the end; None where nothing is said of that."""
        return self._position

    def next_position(self, last: float) -> float | None:
        """Where the next point is to be, behind one at ``last``; None where that is as planned. Each is given once, in order."""
        if not self._wanted:
            return None
        wanted = self._wanted.popleft()
        return last if wanted is None else wanted

    def wait(self, seconds: float) -> None:
        """Wait until the scan is over by what the analysis says, or the run is, at most so many seconds."""
        end = time.monotonic() + seconds
        over = False
        while not self._over.wait(LOOK_SECONDS) and not over and time.monotonic() < end:
            with contextlib.suppress(PipelineError):  # it is asked again
                progress = self._pipeline.progress()
                over = progress.run != self._run or progress.finished
        if over:
            self._over.wait(max(0.0, min(LAST_SECONDS, end - time.monotonic())))

    def _hear(self, said: Feedback) -> None:
        match said.kind:
            case "stop":
                position = positions_of(said.payload, [self._motor]).get(self._motor)
                self._position = self._position if position is None else position
                self._over.set()
            case "repeat":
                self._wanted.append(None)
            case "next_position":
                if (position := positions_of(said.payload, [self._motor]).get(self._motor)) is not None:
                    self._wanted.append(position)

    def _take(self, version: Version) -> None:
        position = positions_of(version.value, [self._motor]).get(self._motor)
        if version.run == self._run and position is not None:
            self._position = position
            self._over.set()

    def close(self) -> None:
        """Follow no more."""
        for follower in self._followers:
            with contextlib.suppress(PipelineError):
                follower.stop()

    def __enter__(self) -> Decider:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
