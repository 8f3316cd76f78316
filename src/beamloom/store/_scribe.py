"""Writes to a store in a thread of its own, so that a store that is slow, full, locked or gone never holds up a run.

Policy: what is handed over is written before the caller goes on, as long as that takes no longer than ``PATIENCE``. A store that is
slower is not waited for until it has caught up. One that fails is *behind*: nothing more is appended, as what is missing in the middle
cannot be made good, until a checkpoint, which makes up for all that was missed, has been written.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass

from beamloom.store._store import Overtaken, Store, StoreError

PATIENCE = 0.1
"""Seconds that the caller waits at most for one batch to be written."""
MOST_WAITING_BYTES = 64 << 20
"""What waits to be written at most; beyond it the store counts as failed."""


@dataclass(slots=True)
class _Job:
    batch: bytes
    checkpoint: tuple[Mapping[str, bytes], int] | None = None


class Scribe:
    """Hands over to a store what it is to keep."""

    def __init__(self, store: Store) -> None:
        self.problem: str | None = None
        """Why the store is behind, in a sentence without its end; None while it has everything."""
        self.overtaken: str | None = None
        """Why this process is not to decide any more, when another one does."""
        self.written = 0
        """Batches and checkpoints that were written."""
        self._store = store
        self._waiting: deque[_Job] = deque()
        self._waiting_bytes = 0
        self._slow = False
        self._over = False
        self._catching_up = False
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._live, name="store", daemon=True)
        self._thread.start()

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
            self._hand_over(_Job(batch))
            if not self._slow and not self._catching_up:
                self._slow = not self._changed.wait_for(lambda: not self._waiting, PATIENCE)

    def checkpoint(self, state: bytes, keep: Mapping[str, bytes] | None = None, most: int = 100) -> None:
        """Write ``state``, which stands for all that was handed over before; returns at once."""
        with self._changed:
            if self._over:
                return
            self._catching_up = self.problem is not None
            self._hand_over(_Job(state, (keep or {}, most)))

    def _hand_over(self, job: _Job) -> None:
        self._waiting.append(job)
        self._waiting_bytes += len(job.batch)
        if self._waiting_bytes > MOST_WAITING_BYTES and job.checkpoint is None:
            self._fail("the store does not keep up with the run")
        self._changed.notify_all()

    def _live(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._over)
                if not self._waiting:
                    return
                job = self._waiting[0]
            problem: str | None = None
            try:
                self._write(job)
            except Overtaken as error:
                self.overtaken = problem = str(error)
            except StoreError as error:
                problem = str(error)
            with self._changed:
                self._settle(job, problem)

    def _write(self, job: _Job) -> None:
        if job.checkpoint is None:
            self._store.append(job.batch)
        else:
            self._store.checkpoint(job.batch, *job.checkpoint)

    def _settle(self, job: _Job, problem: str | None) -> None:
        if problem is not None:
            self._fail(problem)
        else:
            self.written += 1
            if self._waiting and self._waiting[0] is job:
                self._waiting.popleft()
                self._waiting_bytes -= len(job.batch)
            if job.checkpoint is not None and self._catching_up:
                self._catching_up, self.problem = False, None
            self._slow = self._slow and bool(self._waiting)
        self._changed.notify_all()

    def _fail(self, problem: str) -> None:
        self.problem = problem
        self._catching_up = False
        self._waiting.clear()
        self._waiting_bytes = 0

    def flush(self, timeout: float) -> bool:
        """Wait until all that was handed over is written, or given up; False when ``timeout`` seconds did not suffice."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._waiting, timeout)

    def close(self, timeout: float = 2.0) -> None:
        """Write what is left and release the store. May be called twice."""
        with self._changed:
            self._over = True
            self._changed.notify_all()
        self._thread.join(timeout)
        if not self._thread.is_alive():
            self._store.close()
