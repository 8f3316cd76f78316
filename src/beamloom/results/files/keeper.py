"""Keeps the results of runs in the background: now and then while a run goes on, and its last version at the end.

- It reads snapshots in a thread of its own: reducing never waits for a disk or a server.
- It keeps what is newest, at most every ``interval`` seconds, and so that keeping takes at most a twentieth of the time. A version in
  which nothing has changed is not kept again.
- What fails is told (log, status), and tried again, later each time. The last version of a run is held until it is kept; of at most
  ``MOST_WAITING`` runs, then that of the oldest is given up, which is told, too.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import msgspec

from beamloom.engine.accounts.coverage import Coverage
from beamloom.results.covered import with_coverage
from beamloom.results.files.nexus import iso_time, nexus_file
from beamloom.results.files.place import Place
from beamloom.results.record import RunRecord
from beamloom.results.snapshot import ResultsReader, Snapshot
from beamloom.results.tree import Group, tree_of

logger = logging.getLogger(__name__)

SHARE_OF_TIME = 0.05
"""Most of the time that goes into keeping while a run goes on."""
LONGEST_PAUSE = 30.0
"""Seconds between two attempts at most, while they fail."""
MOST_WAITING = 8
MOST_TOLD = 20

MakePlace = Callable[[RunRecord], Place]
"""Makes the place of a run. Raises OSError or UserError."""


@dataclass(eq=False)
class _Run:
    record: Callable[[], RunRecord]
    """What is known of the run now."""
    place: Place | None = None
    last: Snapshot | None = None
    """The last version, once the run has ended."""
    kept: tuple[int, Coverage | None] | None = None
    """Version and coverage that were kept last."""
    turns: int = 0
    """How often it was tried; since its end, once it has ended."""


class Keeper:
    """One kind of place, for one run after the other."""

    def __init__(
        self,
        what: str,
        reader: ResultsReader,
        make: MakePlace,
        interval: float,
        share: float = SHARE_OF_TIME,
        *,
        says_coverage: bool = False,
    ) -> None:
        """``what`` names the kind of place in messages; ``interval`` in seconds; ``share`` of the time that may go into keeping.

        ``says_coverage``: every dataset has its coverage as attributes, for places that write each version anew.
        """
        self._what = what
        self._reader = reader
        self._make = make
        self._interval = interval
        self._says_coverage = says_coverage
        self._rest = 1 / share - 1
        self._changed = threading.Condition()
        self._active: _Run | None = None
        self._ended: deque[_Run] = deque()
        self._closing = False
        self._not_before = 0.0
        self._pause = 0.0
        self._told: dict[str, Any] = {
            "where": None,
            "run": None,
            "version": None,
            "saved_at": None,
            "seconds": None,
        }
        self._problem: str | None = None
        self._failing_since: float | None = None
        self._given_up: deque[str] = deque(maxlen=MOST_TOLD)
        self._thread = threading.Thread(target=self._work, name=f"keeper of {what}", daemon=True)
        self._thread.start()

    # ---- the reducer's thread -------------------------------------------------------------------------------------------

    def begin_run(self, record: Callable[[], RunRecord]) -> None:
        """A run begins; ``record`` tells at any time, in any thread, what is known of it."""
        with self._changed:
            self._active = _Run(record)
            self._not_before = time.monotonic() + self._interval
            self._changed.notify()

    def end_run(self, last: Snapshot) -> None:
        """The run has ended with this version."""
        with self._changed:
            run, self._active = self._active, None
            if run is None:
                return
            run.last, run.turns = last, 0
            self._ended.append(run)
            if len(self._ended) > MOST_WAITING:
                self._give_up(self._ended.popleft())
            self._not_before = 0.0
            self._changed.notify()

    def abandon_run(self) -> None:
        """The run has not begun after all, and is not kept."""
        with self._changed:
            self._active = None

    def close(self, patience: float = 5.0) -> None:
        """Keep what is not kept yet, in at most ``patience`` seconds; then end."""
        with self._changed:
            self._closing = True
            self._not_before = 0.0
            self._changed.notify()
        self._thread.join(patience)
        if self._thread.is_alive():
            logger.error("%s: not everything is kept, it takes more than %g s", self._what, patience)

    @property
    def is_failing(self) -> bool:
        """Whether the last attempt failed."""
        return self._problem is not None

    @property
    def problem(self) -> str | None:
        """What is not kept, and why, in a sentence; None when the last attempt succeeded. May be called in any thread."""
        return self._problem

    def status(self) -> dict[str, Any]:
        """Where the newest version is kept, and what is wrong, for people."""
        since = self._failing_since
        return {
            **self._told,
            "problem": self._problem,
            "failing_since": None if since is None else iso_time(since),
            "runs_waiting": len(self._ended),
            "runs_given_up": list(self._given_up),
        }

    # ---- the thread of the keeper ---------------------------------------------------------------------------------------

    def _work(self) -> None:
        while (run := self._next()) is not None:
            begin, last = time.monotonic(), run.last
            run.turns += 1
            try:
                self._keep(run, last)
            except Exception as error:  # noqa: BLE001  whatever the analysis, the disk or the server does, results go on
                self._failed(run, error, is_last=last is not None)
            else:
                self._succeeded()
            with self._changed:
                pause = self._pause or max(self._interval, (time.monotonic() - begin) * self._rest)
                self._not_before = time.monotonic() + (0.0 if self._ended and not self._pause else pause)

    def _next(self) -> _Run | None:
        """Wait for what is to be kept next; None at the end."""
        with self._changed:
            while True:
                if self._closing and not self._ended:
                    return None
                run = self._whose_turn()
                wait = None if run is None else self._not_before - time.monotonic()
                if run is not None and (self._closing or (wait is not None and wait <= 0)):
                    return run
                self._changed.wait(wait)

    def _whose_turn(self) -> _Run | None:
        """Those that have ended come first, but one that cannot be kept holds up no other."""
        active = [] if self._closing or self._active is None else [self._active]
        return min([*self._ended, *active], key=lambda run: run.turns, default=None)

    def _keep(self, run: _Run, last: Snapshot | None) -> None:
        snapshot = last or asyncio.run(self._snapshot())
        record = run.record()
        if snapshot.coverage is not None:
            record = msgspec.structs.replace(record, coverage=snapshot.coverage.to_json())
        is_last = last is not None
        if not is_last:
            # It may have ended since the snapshot was taken, which is not its last version then.
            record = msgspec.structs.replace(record, ended=None)
        now = snapshot.version, snapshot.coverage
        if snapshot.run == record.run and (is_last or now != run.kept):
            begin = time.time()
            if run.place is None:
                run.place = self._make(record)
            with snapshot.lock or contextlib.nullcontext():
                tree = nexus_file(self._tree(snapshot), record, snapshot.version, begin)
                run.place.keep(tree, last=is_last)
            run.kept = now
            self._told = {
                "where": run.place.where,
                "run": record.run,
                "version": snapshot.version,
                "saved_at": iso_time(begin),
                "seconds": round(time.time() - begin, 4),
                "left_out": dict(run.place.left_out),
            }
            if run.place.left_out:
                logger.warning("%s: %s could not be kept", run.place.where, ", ".join(run.place.left_out))
        if is_last:
            with self._changed:
                if run in self._ended:
                    self._ended.remove(run)
            if run.place is not None:
                run.place.close()
                logger.info("%s: run %s is kept in %s", self._what, record.run, run.place.where)

    def _tree(self, snapshot: Snapshot) -> Group:
        tree = tree_of(snapshot.publish or {})
        if not self._says_coverage or snapshot.coverage is None:
            return tree
        return with_coverage(tree, snapshot.coverage)

    async def _snapshot(self) -> Snapshot:
        return await self._reader.snapshot()

    def _failed(self, run: _Run, error: Exception, *, is_last: bool) -> None:
        with self._changed:
            if run.last is not None and not is_last:
                # It has ended meanwhile; its last version comes now, and has an attempt of its own.
                return
            where = run.place.where if run.place is not None else self._what
            reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
            problem = f"run {run.record().run} is not kept in {where}: {reason or type(error).__name__}"
            if problem != self._problem:
                logger.error("%s; it is tried again, and the analysis goes on", problem)
            self._problem = problem
            self._failing_since = self._failing_since or time.time()
            self._pause = min(LONGEST_PAUSE, max(self._interval, 2 * self._pause))
            if self._closing and run in self._ended:
                self._ended.remove(run)
                self._give_up(run)

    def _succeeded(self) -> None:
        with self._changed:
            if any(run.turns for run in self._ended):
                # What is wrong with another run still is.
                return
        if self._problem is not None:
            logger.info("%s: kept again in %s", self._what, self._told["where"])
        self._problem, self._failing_since, self._pause = None, None, 0.0

    def _give_up(self, run: _Run) -> None:
        name = run.record().run
        self._given_up.append(name)
        logger.error("%s: the last results of run %s are given up, they could not be kept", self._what, name)
