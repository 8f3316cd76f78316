"""Keeps records in a thread of its own, so that analysis goes on while the disk works.

Invariant: what is to be done *after* something was kept is done in the order in which it was asked for, and not before; the thread that
asks does it, in ``turn``. A disk that fails, is full, or is so slow that more than a budget waits for it, or one write takes longer than
``LONGEST_WRITE``, holds nothing up: what it does not keep is counted and told, and what waits for it is done without.

Policy: the thread is woken when something is to be done after what is to be kept, or that is much, or has waited for a moment. Nobody
relies on the rest yet, and each time it wakes it takes the interpreter from the thread that reduces.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from beamloom.events import frame_bytes
from beamloom.journal.answers import DiskAnswers
from beamloom.journal.folder import Journal

logger = logging.getLogger(__name__)

SYNC_INTERVAL = 1.0
"""Seconds between two synchronizations with the policy ``interval``."""
LONGEST_WRITE = 10.0
"""Seconds after which a write that has not come back is waited for no longer."""
CLOSE_SECONDS = 5.0
"""Seconds for which the end waits for the disk."""
LATEST = 0.05
"""Seconds for which records wait for the thread at most, unless something is to be done after them."""
MUCH = 1 << 20
"""Bytes of them that do not wait."""

SyncPolicy = Literal["never", "interval", "always"]


@dataclass(eq=False)
class _Entry:
    frames: Sequence[Any] | None
    """None: nothing is to be kept, only done in its turn."""
    then: Callable[[], None] | None
    size: int = 0
    is_checkpoint: bool = False
    let_go: bool = False


class JournalWriter:
    """Writes the journal of one run."""

    def __init__(
        self,
        journal: Journal,
        sync: SyncPolicy,
        wake: Callable[[], None],
        *,
        budget: int = 64 << 20,
        threaded: bool = True,
    ) -> None:
        """``budget``: bytes that may wait for the disk; ``wake`` is called when ``turn`` has something to do.

        ``threaded`` False: records are kept at once, in the caller's thread.
        """
        self.journal = journal
        self.not_kept = 0
        """Records that are not in the journal."""
        self.problem: str | None = None
        """Why not, the last time."""
        self.failed_checkpoint: str | None = None
        """Why the last checkpoint could not be written."""
        self.disk = DiskAnswers()
        """How the disk answers."""
        self._sync = sync
        self._wake = wake
        self._budget = budget
        self._condition = threading.Condition()
        self._queue: deque[_Entry] = deque()
        self._writing: _Entry | None = None
        self._done: deque[Callable[[], None]] = deque()
        self._pending_bytes = 0
        self._unwoken_since: float | None = None
        """Since when records wait of which the thread was not told."""
        self._over = False
        self._synced_at = time.monotonic()
        self._thread: threading.Thread | None = None
        if threaded:
            self._thread = threading.Thread(target=self._write_and_close, name="journal", daemon=True)
            self._thread.start()

    # ---- the caller's thread ------------------------------------------------------------------------------------------------

    def keep(self, frames: Sequence[Any]) -> None:
        """Keep one record; its frames must not change any more."""
        self._put(_Entry(frames, None, sum(map(frame_bytes, frames))))

    def replace(self, checkpoint: Sequence[Any]) -> None:
        """Have ``checkpoint`` stand for everything before it."""
        self._put(_Entry(checkpoint, None, sum(map(frame_bytes, checkpoint)), is_checkpoint=True))

    def after(self, then: Callable[[], None]) -> None:
        """Have ``then`` called, by ``turn``, when everything before is kept, or is known not to be."""
        self._put(_Entry(None, then))

    def turn(self) -> None:
        """Do what has waited for the disk, or can wait no longer."""
        if self.disk.waits > LONGEST_WRITE:
            with self._condition:
                if self._writing is not None and not self._writing.let_go:
                    self._give_up()
        if self._unwoken_since is not None and time.monotonic() - self._unwoken_since > LATEST:
            with self._condition:
                self._tell()
        while self._done:
            self._done.popleft()()

    def close(self) -> None:
        """Keep what waits, as far as the disk answers within ``CLOSE_SECONDS``, and write no more."""
        with self._condition:
            self._over = True
            self._condition.notify_all()
        if self._thread is None:
            self._close_journal()
            return
        self._thread.join(timeout=CLOSE_SECONDS)
        with self._condition:
            if self._thread.is_alive():
                self._give_up()

    def _close_journal(self) -> None:
        try:
            self.journal.close()
        except OSError as error:
            logger.warning("the end of the journal %s may not be on the disk: %s", self.journal.folder, error)

    def _put(self, entry: _Entry) -> None:
        if self._thread is None:
            self._write(entry)
            self._let_go(entry)
            return
        with self._condition:
            stuck = self._writing is not None and self._writing.let_go
            if entry.frames is not None and (stuck or self._pending_bytes + entry.size > self._budget):
                self._give_up()
                self._miss(entry, "the disk is too slow: more waits for it than may be kept in memory")
                stuck = self._writing is not None
            if stuck or (entry.frames is None and not self._queue and self._writing is None):
                self._let_go(entry)
                return
            self._pending_bytes += entry.size
            self._queue.append(entry)
            if entry.then is not None or entry.is_checkpoint or self._pending_bytes >= MUCH:
                self._tell()
            elif self._unwoken_since is None:
                self._unwoken_since = time.monotonic()

    def _tell(self) -> None:
        """Have the thread write what waits."""
        self._unwoken_since = None
        self._condition.notify_all()

    def _give_up(self) -> None:
        """Wait for the disk no longer."""
        for entry in [self._writing, *self._queue]:
            if entry is not None and not entry.let_go:
                if entry.frames is not None:
                    self._miss(entry, "the disk is too slow")
                self._let_go(entry)
        self._queue.clear()
        self._pending_bytes = 0

    def _miss(self, entry: _Entry, why: str) -> None:
        if entry.is_checkpoint:
            self.failed_checkpoint = why
        else:
            self.not_kept += 1
            self.problem = why
        entry.frames = None

    def _let_go(self, entry: _Entry) -> None:
        entry.let_go = True
        if entry.then is not None:
            self._done.append(entry.then)
            self._wake()

    # ---- the thread that writes -----------------------------------------------------------------------------------------------

    def _write_and_close(self) -> None:
        # Nobody else closes it: what a write that hangs comes back to is to be the same file.
        self._write_on()
        self._close_journal()

    def _write_on(self) -> None:
        while True:
            with self._condition:
                while not self._queue and not self._over:
                    self._condition.wait()
                if not self._queue:
                    return
                entry = self._queue.popleft()
                self._writing = entry
            self._write(entry)
            with self._condition:
                self._writing = None
                if not entry.let_go:
                    self._pending_bytes -= entry.size
                    self._let_go(entry)

    def _write(self, entry: _Entry) -> None:
        frames = entry.frames
        if frames is None:
            return
        try:
            with self.disk.asked():
                self._keep(frames, is_checkpoint=entry.is_checkpoint)
        # Whatever it is, the thread lives on: nobody would see its end, and all that follows would wait for it.
        except Exception as error:  # noqa: BLE001
            self._miss(entry, str(error) or repr(error))

    def _keep(self, frames: Sequence[Any], *, is_checkpoint: bool) -> None:
        if is_checkpoint:
            self.journal.replace(frames)
            self.failed_checkpoint = None
            return
        self.journal.append(frames)
        now = time.monotonic()
        if self._sync == "always" or (self._sync == "interval" and now - self._synced_at > SYNC_INTERVAL):
            self.journal.sync()
            self._synced_at = now
