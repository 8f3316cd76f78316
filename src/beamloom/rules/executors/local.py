"""A pool of processes on this machine: nothing to install, nothing to configure.

Each worker has a pipe of its own and a short queue. The pool knows which chunk a worker is at, so a worker that dies costs that chunk an
attempt, and no other: the rest of its queue is given back as it was. A chunk that takes longer than its step allows, or a worker
that shows no sign of life, ends that process, and another one takes its place. Tasks are named, not sent, so that scripts need no
``if __name__ == "__main__"``.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Mapping
from typing import Final

from beamloom.rules.executors.executor import too_much
from beamloom.rules.executors.process import Process
from beamloom.rules.spec import Coming, Done, Outcome, Returned, Setup, Work

SILENCE: Final = 60.0
"""Seconds without a sign of life after which a worker is taken for dead."""
QUICK: Final = 0.01
"""Seconds: of chunks that take less, a worker has so many in its queue that it need not wait for the next."""
SLOW: Final = 0.5
"""Seconds: of chunks that take more, it has only the one that it is at."""
DEEPEST: Final = 32
STILLBORN: Final = 3
"""So many processes that end before they have started, one after the other, are no accident."""

AGAIN: Final = 2.0
"""Seconds after which processes that could not be started are tried again."""


class LocalPool:
    """See the module."""

    def __init__(self, workers: int | None = None, gpus: int = 0, silence: float = SILENCE) -> None:
        """``workers``: by default as many as there are cores for this process."""
        self._count = workers or _cores()
        self._gpus = gpus
        self._silence = silence
        self._report: Callable[[Outcome], None] = lambda outcome: None
        self._processes: list[Process] = []
        self._turn = threading.RLock()
        self._closed = False
        self._usual = 0.1
        """Seconds that a chunk took lately."""
        self._not_before = 0.0
        self._stillborn = 0
        """Processes one after the other that ended before they had started."""
        self._trouble = ""

    def start(self, report: Callable[[Outcome], None]) -> None:
        """Start the processes."""
        self._report = report
        with self._turn:
            self._start_missing()

    def capacity(self) -> dict[str, float]:
        """Cores, graphics processors as told, and the memory of the machine."""
        return {"cpu": float(self._count), "gpu": float(self._gpus), "memory": _memory()}

    def refusal(self, needs: Mapping[str, float]) -> str:
        """What is more than this machine has."""
        return too_much(needs, self.capacity())

    def room(self) -> int:
        """Places in the queues of all workers."""
        with self._turn:
            depth = self._depth()
            return sum(max(0, depth - len(process.queue)) for process in self._processes)

    def expect(self, coming: Coming) -> None:
        """All workers get ready."""
        with self._turn:
            for process in self._processes:
                process.expect(coming)

    def submit(self, setup: Setup, work: Work) -> None:
        """To the worker with the shortest queue."""
        with self._turn:
            if not self._processes:
                self._report(Returned(work.lease))
                return
            min(self._processes, key=lambda process: len(process.queue)).give(setup, work)

    def look(self) -> str:
        """End what takes too long or is silent; start what is missing."""
        now = time.monotonic()
        with self._turn:
            for process in self._processes:
                process.judge(now, self._silence)
            if not self._closed and now >= self._not_before:
                self._start_missing()
            return self._trouble

    def drop(self, step: int) -> None:
        """Workers that are at a chunk of it are ended, as nothing else ends a task; the others forget it."""
        with self._turn:
            for process in self._processes:
                process.drop(step)

    def close(self) -> None:
        """End all workers."""
        with self._turn:
            self._closed = True
            processes = list(self._processes)
        for process in processes:
            process.kill()
        for process in processes:
            process.join()

    def pids(self) -> list[int]:
        """The ids of the processes."""
        with self._turn:
            return [process.pid for process in self._processes]

    def _start_missing(self) -> None:
        """A machine that starts no process now is tried again later; those that are there work on."""
        try:
            while len(self._processes) < self._count:
                self._processes.append(Process(self._came, self._ended))
        except (OSError, RuntimeError) as error:
            self._not_before = time.monotonic() + AGAIN
            self._trouble = f"{self._count - len(self._processes)} of {self._count} workers cannot be started: {error}; it is tried again"
        else:
            if self._stillborn < STILLBORN:
                self._trouble = ""

    def _came(self, process: Process, outcome: Outcome) -> None:
        if isinstance(outcome, Done):
            self._usual += 0.2 * (outcome.seconds - self._usual)
        self._trouble = ""
        self._report(outcome)

    def _ended(self, process: Process) -> None:
        """Called by the process' own thread, once."""
        with self._turn:
            if process in self._processes:
                self._processes.remove(process)
            if process.was_ready or process.condemned:
                self._stillborn = 0
            elif not self._closed:
                self._stillborn += 1
            if self._stillborn >= STILLBORN:
                self._not_before = time.monotonic() + AGAIN
                self._trouble = (
                    f"workers end before they start (exit status {process.status}); "
                    "what they say is in the output of this process"
                )
            closed = self._closed
        if not closed:
            for outcome in process.left():
                self._report(outcome)

    def _depth(self) -> int:
        if self._usual > SLOW:
            return 1
        return max(2, min(DEEPEST, int(QUICK / max(self._usual, 1e-6))))


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _memory() -> float:
    try:
        return float(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    except (AttributeError, ValueError, OSError):
        return float("inf")
