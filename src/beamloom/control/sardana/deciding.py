"""What the analysis has found out about a run so far, for a scan that goes on meanwhile.

A thread follows the result, so that whoever scans asks without waiting. What an earlier run has left is not believed: only a number that
the run itself has published counts.
"""

from __future__ import annotations

import contextlib
import math
import threading
import time
from types import TracebackType

from beamloom.client import Pipeline, Version
from beamloom.errors import PipelineError

LOOK_SECONDS = 0.1
"""Between two looks whether the run is over."""


class Decider:
    """Follows the result at ``path`` of one run; a context manager that ends that."""

    def __init__(self, pipeline: Pipeline, run: str, path: str) -> None:
        self._pipeline = pipeline
        self._run = run
        self._found = threading.Event()
        self._position: float | None = None
        self._follower = pipeline.follow(path, self._take)

    @property
    def position(self) -> float | None:
        """The number that was published; None as long as there is none."""
        return self._position if self._found.is_set() else None

    def wait(self, seconds: float) -> float | None:
        """The position, waiting for it as long as the run goes on, at most so many seconds."""
        end = time.monotonic() + seconds
        over = False
        while not self._found.wait(LOOK_SECONDS) and not over and time.monotonic() < end:
            with contextlib.suppress(PipelineError):  # it is asked again
                progress = self._pipeline.progress()
                over = progress.run != self._run or progress.finished
        if over:
            # The last version is published before a run is over, and has reached nobody yet.
            self._found.wait(max(0.0, min(1.0, end - time.monotonic())))
        return self.position

    def _take(self, version: Version) -> None:
        value = version.value
        if version.run != self._run or not isinstance(value, int | float) or not math.isfinite(value):
            return
        self._position = float(value)
        self._found.set()

    def close(self) -> None:
        """Follow no more."""
        with contextlib.suppress(PipelineError):
            self._follower.stop()

    def __enter__(self) -> Decider:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
