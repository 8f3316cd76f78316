"""Records the packets of an ingester in a thread of its own, so that the disk never holds up the run.

Policy: a recording that cannot be begun refuses the run. After that, what the disk does not take, as it is full, fails, or is so slow
that more than a budget waits for it, is not recorded: it is counted, the alarm says so, and recording goes on as soon as there is room.
What is in the file is whole at any time. A recording that lacks packets keeps the name of one that is not whole, ``.part``.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from typing import NamedTuple

from beamloom.engine.streams.packet_rows import PacketRow
from beamloom.recordings.format import Record
from beamloom.recordings.writer import RecordingWriter

logger = logging.getLogger(__name__)

FLUSH_EVERY = 1.0
"""Seconds after which a recording is handed to the operating system: killing the ingester loses no more than that."""
RETRY_EVERY = 1.0
"""Seconds after which a disk that failed is tried again."""
BACKLOG_BYTES = 256 << 20
"""What may wait for the disk at most."""
CLOSE_SECONDS = 30.0
"""How long the end of a run waits for the disk."""


class _Batch(NamedTuple):
    stream: str
    first: int
    packets: PacketRow
    created_at: datetime
    nbytes: int


class PacketRecorder:
    """The recording of one ingester in one run."""

    def __init__(
        self,
        writer: RecordingWriter,
        backlog: int = BACKLOG_BYTES,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.missing = 0
        """Packets that are not in the recording."""
        self.problem: str | None = None
        """Why not, the last time."""
        self.failing = False
        """Whether nothing is recorded at present."""
        self._cause = ""
        """Why writing failed, if it has, before anything was tried to go on."""
        self._writer = writer
        self._backlog = backlog
        self._clock = clock
        self._changed = threading.Condition()
        self._queue: deque[_Batch] = deque()
        self._waiting = 0
        self._over = False
        self._empty = _is_empty(writer)
        """Whether nothing was there before."""
        self._removes = False
        self._flushed_at = clock()
        self._dirty = False
        self._retry_at = 0.0
        self._thread = threading.Thread(target=self._live, name="recording", daemon=True)
        self._thread.start()

    # ---- the thread of the ingester ---------------------------------------------------------------------------------------------

    def of(self, stream: str) -> Callable[[int, PacketRow], None]:
        """What is to be told every packet of a stream, with its event."""

        def record(first: int, packets: PacketRow) -> None:
            nbytes = packets.nbytes
            with self._changed:
                if self._waiting and self._waiting + nbytes > self._backlog:
                    self._miss(len(packets), "the disk is too slow")
                    return
                self._waiting += nbytes
                self._queue.append(_Batch(stream, first, packets, datetime.now(UTC), nbytes))
                self._changed.notify()

        return record

    @property
    def alarm(self) -> str | None:
        """What is not recorded, and why, in a sentence; None while everything is. May be called in any thread."""
        if not self.missing and not self.failing:
            return None
        now = "nothing is recorded at present" if self.failing else "recording goes on"
        return (
            f"{self.missing} packets are not in the recording {self._writer.part}: {self.problem}; {now}; "
            "make room there, or give it a faster disk (record_prefix)"
        )

    def close(self, *, began: bool = True) -> None:
        """Record what waits, and finish the file; nobody waits for long for a slow disk, which goes on then. May be called twice.

        ``began`` False: the run never did, so that nothing is left of a recording in which nothing is.
        """
        with self._changed:
            self._removes = self._empty and not began and not self._over
            self._over = True
            self._changed.notify()
        self._thread.join(CLOSE_SECONDS)

    def _miss(self, count: int, problem: str) -> None:
        if not self.missing:
            logger.warning("packets are not recorded in %s: %s", self._writer.part, problem)
        self.missing += count
        self.problem = problem

    # ---- the thread that writes ---------------------------------------------------------------------------------------------------

    def _live(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(
                    lambda: self._queue or self._over, FLUSH_EVERY if self._dirty else None
                )
                batch = self._queue.popleft() if self._queue else None
                over = self._over and batch is None
            if batch is not None:
                self._write(batch)
                with self._changed:
                    self._waiting -= batch.nbytes
            if over:
                self._finish()
                return
            if self._dirty and self._clock() - self._flushed_at >= FLUSH_EVERY:
                self._attempt(self._flush)

    def _write(self, batch: _Batch) -> None:
        if self.failing and not self._recovers():
            self._miss(len(batch.packets), self.problem or "the disk failed")
            return
        records = [
            Record(event, {batch.stream: packet}, batch.created_at)
            for event, packet in enumerate(batch.packets, batch.first)
        ]
        for place, record in enumerate(records):
            if not self._attempt(partial(self._writer.write, record)):
                self._miss(len(records) - place, self.problem or "the disk failed")
                return
        self._dirty = True

    def _flush(self) -> None:
        self._writer.flush()
        self._flushed_at = self._clock()
        self._dirty = False

    def _attempt(self, act: Callable[[], None]) -> bool:
        try:
            act()
        except (OSError, MemoryError) as error:
            self._fail(str(error) or type(error).__name__)
            return False
        # Whatever it is, the thread lives on: nobody would see its end, and nothing would be recorded any more.
        except Exception as error:
            logger.exception("%s cannot be written", self._writer.part)
            self._fail(f"{type(error).__name__}: {error}")
            return False
        return True

    def _fail(self, problem: str) -> None:
        problem = problem.rstrip(".")
        if not self.failing:
            logger.warning("%s cannot be written: %s", self._writer.part, problem)
            self._cause = problem
        elif problem != self._cause:
            # Why it cannot be gone on with is not why it failed.
            problem = f"{self._cause}; {problem}"
        self.problem, self.failing, self._dirty = problem, True, False
        self._retry_at = self._clock() + RETRY_EVERY

    def _recovers(self) -> bool:
        if self._clock() < self._retry_at and not self._over:
            return False
        return self._attempt(self._recover)

    def _recover(self) -> None:
        missing = self._writer.recover()
        if missing:
            self._miss(missing, self.problem or "the disk failed")
        # The next record tells whether there is room.
        self.failing = False
        self._flushed_at = self._clock()

    def _finish(self) -> None:
        if self._removes and not self._writer.records:
            with suppress(OSError):
                self._writer.abandon()
                self._writer.part.unlink()
            return
        if self.failing:
            self._recovers()
        else:
            self._attempt(self._flush)
            if self.failing:
                self._recovers()
        if not self.missing and not self.failing and self._attempt(self._writer.close):
            return
        with suppress(OSError):
            self._writer.abandon()
        logger.warning("the recording %s lacks %d packets: %s", self._writer.part, self.missing, self.problem)


def _is_empty(writer: RecordingWriter) -> bool:
    try:
        return writer.part.stat().st_size == 0
    except OSError:
        return False
