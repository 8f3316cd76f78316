"""Several readings at once, their results in the order in which they were asked for.

A file system far away answers late but to many at once, and what is unpacked here is unpacked outside of the interpreter's lock: so a
source says what is to be read, and a few threads do it ahead of what is asked. How far is bounded twice, in jobs and in bytes. A
reading that never returns, of a mount that is gone, holds up nothing but its own series: the source can be closed, and says so.
"""

from __future__ import annotations

import contextlib
import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from typing import Final

import msgspec

from beamloom.devices.file_reading.background import Item, Reading

_JOBS_PER_READER: Final = 2
_LOOK_UP_SECONDS: Final = 0.1
"""How often the one who waits for a reading looks whether the source was closed."""
_SILENT_SECONDS: Final = 5.0
"""After so long without an answer of the file system it is said that there is none."""
_JOIN_SECONDS: Final = 0.2


class Job(msgspec.Struct, frozen=True):
    """One reading, which any thread may do."""

    what: str
    """For people, as "frame 7 of /data/run_1.h5"."""
    nbytes: int
    """About how much memory its items take."""
    run: Callable[[], list[Item]]


WAITS: Final = None
"""What a source yields before it waits: everything that was asked for goes out first."""

Step = Item | Job | None


class _Answer:
    """What becomes of a job."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.items: list[Item] = []
        self.error: BaseException | None = None
        self.done = threading.Event()

    def work(self) -> None:
        try:
            self.items = self.job.run()
        # It is raised where the answer is awaited.
        except BaseException as error:  # noqa: BLE001
            self.error = error
        self.done.set()


def in_order(
    steps: Iterator[Step], reading: Reading, *, readers: int, ahead_bytes: int, name: str
) -> Iterator[Item]:
    """The items among ``steps``, and those that its jobs give, all in their order; ``readers`` jobs at a time.

    With one reader each job is done by the thread that asks. Raises what a job raises.
    """
    if readers <= 1:
        for step in steps:
            if isinstance(step, Job):
                yield from step.run()
            elif step is not None:
                yield step
        return
    with _Readers(readers, name) as pool:
        pending: deque[_Answer | Item] = deque()
        nbytes = 0
        for step in steps:
            if isinstance(step, Job):
                pending.append(pool.start(step))
                nbytes += step.nbytes
            elif step is not None:
                pending.append(step)
            most = 0 if step is WAITS else _JOBS_PER_READER * readers
            while pending and (len(pending) > most or nbytes > ahead_bytes or not _is_awaited(pending[0])):
                first = pending.popleft()
                if isinstance(first, _Answer):
                    nbytes -= first.job.nbytes
                    yield from _result(first, reading)
                else:
                    yield first
        for last in pending:
            if isinstance(last, _Answer):
                yield from _result(last, reading)
            else:
                yield last


def _is_awaited(pending: _Answer | Item) -> bool:
    return isinstance(pending, _Answer) and not pending.done.is_set()


def _result(answer: _Answer, reading: Reading) -> list[Item]:
    """The items of a job, waited for; none when the source is closed meanwhile."""
    begun = time.monotonic()
    silent = False
    while not answer.done.wait(_LOOK_UP_SECONDS):
        if reading.closing:
            return []
        waited = time.monotonic() - begun
        if waited > _SILENT_SECONDS:
            silent = True
            reading.report(
                f"the file system has not answered for {waited:.0f} s, asked for {answer.job.what}; is it still mounted?"
            )
    if silent:
        reading.report(None)
    if answer.error is not None:
        raise answer.error
    return answer.items


class _Readers(contextlib.AbstractContextManager["_Readers"]):
    """A few threads, which are started when there is something for them to do."""

    def __init__(self, count: int, name: str) -> None:
        self._count = count
        self._name = name
        self._jobs: queue.SimpleQueue[_Answer | None] = queue.SimpleQueue()
        self._threads: list[threading.Thread] = []

    def start(self, job: Job) -> _Answer:
        """Have the job done as soon as a thread is free."""
        if len(self._threads) < self._count:
            # Daemons: what hangs in a file system must not keep the process from its end.
            thread = threading.Thread(
                target=self._work, name=f"{self._name} {len(self._threads) + 1}", daemon=True
            )
            self._threads.append(thread)
            thread.start()
        answer = _Answer(job)
        self._jobs.put(answer)
        return answer

    def __exit__(self, *exception: object) -> None:
        with contextlib.suppress(queue.Empty):
            while True:
                self._jobs.get_nowait()
        for _ in self._threads:
            self._jobs.put(None)
        for thread in self._threads:
            thread.join(_JOIN_SECONDS)

    def _work(self) -> None:
        while (answer := self._jobs.get()) is not None:
            answer.work()
