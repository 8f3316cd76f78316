"""Writes to a store in a thread of its own, so that a store that is slow, full, locked or gone never holds up a run.

Policy: what is handed over is safe from the death of this process before the caller goes on. With a slate it is noted there at once, and
written a few times a second. Without one, or where that is full, the caller waits until it is written, as long as that takes no longer
than ``PATIENCE``. So it does for a checkpoint that tells what no batch has told, as of a run that begins. Nothing is noted behind what is
not: notes count up to the first that is missing.

A store that is slower is not waited for until it has caught up. One that fails is *behind*: nothing more is appended, as what is missing in
the middle cannot be made good, until a checkpoint, which makes up for all that was missed, has been written.
"""

from __future__ import annotations

import itertools
import logging
import threading
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass

from beamloom.store._slate import Slate
from beamloom.store._store import Overtaken, Store, StoreError

logger = logging.getLogger(__name__)

PATIENCE = 0.1
"""Seconds that the caller waits at most for one batch to be written, unless somebody says otherwise."""
GATHER_SECONDS = 0.05
"""How long what is noted may wait to be written with what comes after it."""
MOST_WAITING_BYTES = 64 << 20
"""What waits to be written at most; beyond it the store counts as failed."""


@dataclass(slots=True)
class _Job:
    batch: bytes
    number: int
    """Of the batch, or of the last one that the checkpoint stands for."""
    checkpoint: tuple[Mapping[str, bytes], int] | None = None
    alone: bool = False
    """Whether only the store can have it: no note tells the same."""


class Scribe:
    """Hands over to a store what it is to keep."""

    def __init__(
        self, store: Store, slate: Slate | None = None, noted: int = 0, patience: float = PATIENCE
    ) -> None:
        """``noted``: the number of the last batch of all controllers of this store before; ``patience``: in place of ``PATIENCE``."""
        self.problem: str | None = None
        """Why the store is behind, in a sentence without its end; None while it has everything."""
        self.overtaken: str | None = None
        """Why this process is not to decide any more, when another one does."""
        self.written = 0
        """Batches and checkpoints that were written."""
        self._store = store
        self._slate = slate
        self._patience = patience
        self._number = noted
        self._hurries = False
        """Whether something waits that is not safe yet."""
        self._waiting: deque[_Job] = deque()
        self._waiting_bytes = 0
        self._alone = 0
        """How many of those that wait only the store can have."""
        self._slow = False
        self._over = False
        self._catching_up = False
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._live, name="store", daemon=True)
        self._thread.start()

    @property
    def remedy(self) -> str:
        """What somebody can do about a problem, as the end of a sentence."""
        return self._store.remedy

    @property
    def generation(self) -> int:
        """The store's."""
        return self._store.generation

    @property
    def pipeline(self) -> str:
        """The store's: a name that no other one has."""
        return self._store.pipeline

    @property
    def behind(self) -> bool:
        """Whether only a checkpoint brings the store up to date, and none is under way."""
        return self.problem is not None and not self._catching_up

    @property
    def up_to_date(self) -> bool:
        """Whether all that was handed over is written."""
        with self._changed:
            return self.problem is None and not self._waiting

    def append(self, batch: bytes) -> None:
        """Write ``batch``; returns when it is written, or when that takes too long, or at once while the store is behind."""
        with self._changed:
            if self._over or self.behind:
                return
            self._number += 1
            safe = self._note(batch)
            self._hand_over(_Job(batch, self._number, alone=not safe), hurry=not safe)
            if not safe:
                self._await()

    def _note(self, batch: bytes) -> bool:
        # What earlier controllers have noted counts until this one has written something.
        counts = self.written > 0 and not self._alone
        return self._slate is not None and counts and self._slate.note(self._number, batch)

    def _await(self) -> None:
        """Wait until all is written, as long as that is worth it."""
        if not self._slow and not self._catching_up:
            self._slow = not self._changed.wait_for(lambda: not self._waiting, self._patience)

    def checkpoint(
        self, state: bytes, keep: Mapping[str, bytes] | None = None, most: int = 100, *, wait: bool = False
    ) -> None:
        """Write ``state``, which stands for all that was handed over before; returns at once.

        ``wait``: it tells what no batch has told; returns when it is written, or when that takes too long.
        """
        with self._changed:
            if self._over:
                return
            self._catching_up = self.problem is not None
            alone = wait or self._catching_up or self.written == 0
            self._number += alone
            self._hand_over(_Job(state, self._number, (keep or {}, most), alone), hurry=True)
            if wait:
                self._await()

    def _hand_over(self, job: _Job, *, hurry: bool) -> None:
        self._waiting.append(job)
        self._waiting_bytes += len(job.batch)
        self._alone += job.alone
        if self._waiting_bytes > MOST_WAITING_BYTES and job.checkpoint is None:
            self._fail("the store does not keep up with the run")
        self._hurries = self._hurries or hurry
        if self._hurries or len(self._waiting) == 1:
            self._changed.notify_all()

    def _live(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._over)
                if not self._waiting:
                    return
                self._changed.wait_for(lambda: self._hurries or self._over, GATHER_SECONDS)
                jobs = self._next_jobs()
            problem: str | None = None
            try:
                self._write(jobs)
            except Overtaken as error:
                self.overtaken = problem = str(error)
            except StoreError as error:
                problem = str(error)
            # Whatever it is, the thread lives on: nobody would see its end, and all that follows would be kept by nobody.
            except Exception as error:
                logger.exception("the store has failed")
                problem = f"the store has failed with {type(error).__name__}: {error}"
            with self._changed:
                self._settle(jobs, problem)

    def _next_jobs(self) -> list[_Job]:
        """What can be written at once: all batches up to a checkpoint, or that."""
        jobs = list(itertools.takewhile(lambda job: job.checkpoint is None, self._waiting))
        return jobs or [self._waiting[0]]

    def _write(self, jobs: list[_Job]) -> None:
        last = jobs[-1]
        if last.checkpoint is None:
            self._store.append(*(job.batch for job in jobs), noted=last.number)
        else:
            self._store.checkpoint(last.batch, *last.checkpoint, noted=last.number)
        if self._slate is not None and not self._slate.is_there:
            # Nobody would find what is noted there from now on.
            self._slate = None

    def _settle(self, jobs: list[_Job], problem: str | None) -> None:
        if problem is not None:
            self._fail(problem)
        else:
            self.written += len(jobs)
            for job in jobs:
                if self._waiting and self._waiting[0] is job:
                    self._waiting.popleft()
                    self._waiting_bytes -= len(job.batch)
                    self._alone -= job.alone
            if self._slate is not None:
                self._slate.forget(jobs[-1].number)
            if jobs[-1].checkpoint is not None and self._catching_up:
                self._catching_up, self.problem = False, None
            self._slow = self._slow and bool(self._waiting)
        self._hurries = self._hurries and bool(self._waiting)
        self._changed.notify_all()

    def _fail(self, problem: str) -> None:
        self.problem = problem
        self._catching_up = False
        self._waiting.clear()
        self._waiting_bytes = self._alone = 0

    def flush(self, timeout: float) -> bool:
        """Wait until all that was handed over is written, or given up; False when ``timeout`` seconds did not suffice."""
        with self._changed:
            self._hurries = bool(self._waiting)
            self._changed.notify_all()
            return self._changed.wait_for(lambda: not self._waiting, timeout)

    def close(self, timeout: float = 2.0) -> None:
        """Write what is left and release the store. May be called twice."""
        with self._changed:
            self._over = True
            self._changed.notify_all()
        self._thread.join(timeout)
        if not self._thread.is_alive():
            self._store.close()
            if self._slate is not None:
                self._slate.close()
