"""Snapshots of what the reducer publishes, for readers in other threads.

A snapshot is taken in the reducer's own thread between two results, so that nobody sees half of an update, and only when somebody waits
for it. One serves all who wait, and the next one is not begun before nine times its cost has passed: readers, however many, cost at most a
tenth of the time. As long as nothing was reduced since the last one, readers are given that one in their own thread.

Who waits for a newer version is given at most one each ``SHORTEST_INTERVAL``, whatever the rate of results.

What is published can be replaced by a result of the same run that somebody else makes, as long as they go on to say so: a result that is
made again from event 0. It is shown in whole, and when nobody renews it, what the analysis has is shown again.

From its arming on a run is what is published. A run whose arming fails, here or elsewhere, gives way to the result before it.

Versions count up by one, from the number of milliseconds since 1970 at which the desk was made: a reducer that was started anew goes on
beyond all versions of the one before it, so that a client that knows one of those is told that everything is new.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
import time
import uuid
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from beamloom.engine.accounts.coverage import NOTHING, Coverage
from beamloom.engine.accounts.reducers_account import ResultAccount
from beamloom.results.sharing import Sharer
from beamloom.results.snapshot import Ended, NotYet, Snapshot
from beamloom.results.versions import newer_versions, versions_of

logger = logging.getLogger(__name__)

SHARE_OF_TIME = 0.1
"""Most of the reducer's time that may go into snapshots."""
SHORTEST_INTERVAL = 0.01
"""Seconds between two snapshots for those who wait for a newer version."""
AFTER_FAILURE = 0.1
"""Seconds after which what could not be read is tried again for them."""
ANY = -1
"""The version after which whoever takes the present one waits."""


class Published(Protocol):
    """Who has what is published."""

    @property
    def publish(self) -> dict[Any, Any]:
        """What is published now, not a copy."""

    @property
    def publish_rlock(self) -> AbstractContextManager[Any] | None:
        """What is entered while that is read; None where nothing has to be."""


@dataclass(frozen=True)
class _Former:
    """What was published before a run that may still turn out not to begin."""

    run: str | None
    account: ResultAccount | None
    last: Snapshot


@dataclass(frozen=True)
class Instead:
    """What is shown of a run in the place of what the analysis has. It does not change any more."""

    run: str
    publish: Any
    coverage: Coverage
    about: dict[str, Any]
    """For people: what it is."""
    until: float
    """When it has to have been renewed (monotonic, s); infinity: it is the last one."""


@dataclass(eq=False)
class _Waiting:
    after: int
    future: Future[Snapshot] = field(default_factory=Future)


class SnapshotDesk:
    """Hands out snapshots: readers ask in their thread, the reducer serves in its own."""

    def __init__(self, wake: Callable[[], None], clock: Callable[[], float] = time.time) -> None:
        """``wake`` wakes the reducer's thread; ``clock`` tells the Unix time (s)."""
        self._wake = wake
        self._clock = clock
        self._analysis: Published | None = None
        self._run: str | None = None
        self._account: ResultAccount | None = None
        self._lock = threading.Lock()
        self._waiting: list[_Waiting] = []
        self._changes = 0
        self._changes_shown = 0
        life = uuid.uuid4().hex[:8]
        now = clock()
        first = int(now * 1000)
        self._latest = Snapshot(
            version=first, run=None, publish={}, versions=versions_of({}, first, now), life=life, at=now
        )
        self._sharer = Sharer()
        self._still: Snapshot | None = None
        """Published instead of what the analysis has: it has been replaced, or is of a run that never began."""
        self._former: _Former | None = None
        self._not_before = 0.0
        self._not_before_newer = 0.0
        self._closed = False
        self._held: str | None = None
        self._instead: Instead | None = None
        self._wished: Instead | None = None
        """What is to be shown from the next turn on; set in other threads."""
        self.more_status: dict[str, Callable[[], Any]] = {}
        """What others of this process have to say in the status, by name."""

    # ---- the reducer's thread -------------------------------------------------------------------------------------------

    def begin_run(
        self, run: str | None, analysis: Published | None, account: ResultAccount | None = None
    ) -> None:
        """From now on this analysis is what is published; ``account``: which events are in."""
        self._former = _Former(self._run, self._account, self._still or self._latest)
        self._run, self._analysis, self._account, self._still = run, analysis, account, None
        self._instead = None
        self._changes += 1

    def hold(self) -> None:
        """What is published now stays so until a run begins: the instance of the analysis behind it is about to be replaced."""
        try:
            self._still = self.take()
        except Exception:
            logger.warning(
                "what was published last cannot be read; an earlier version is shown", exc_info=True
            )
            self._still = self._latest

    def confirm_run(self) -> None:
        """The run that was begun goes ahead, so that nobody will go back to what was before it."""
        self._former = None

    def abandon_run(self) -> None:
        """The run that was begun does not go ahead: what was published before it is published again."""
        former, self._former = self._former, None
        if former is not None:
            self._run, self._account, self._still = former.run, former.account, former.last
            self._changes += 1

    def turn_away(self, why: str | None) -> None:
        """Give readers ``why`` instead of a snapshot, until this is called with None."""
        self._held = why

    def changed(self) -> None:
        """What is published may have changed."""
        self._changes += 1

    def own(self) -> Snapshot:
        """What the analysis has now, whatever is shown in its place. Raises what the user's class raises when it is read."""
        if self._instead is None or self._analysis is None:
            return self.take()
        copied, now = Sharer().copy(self._analysis.publish), self._clock()
        return replace(
            self._latest,
            publish=copied,
            versions=versions_of(copied, self._latest.version, now),
            coverage=NOTHING if self._account is None else self._account.coverage,
            at=now,
        )

    def _look_at_instead(self, now: float) -> None:
        wished, self._wished = self._wished, None
        if wished is not None:
            self._instead = wished
            self._changes += 1
        instead = self._instead
        if instead is not None and (now > instead.until or instead.run != self._run):
            logger.warning(
                "what was shown of run %s in the place of its result was not renewed; its result is shown",
                instead.run,
            )
            self._instead = None
            self._changes += 1

    def take(self) -> Snapshot:
        """What is published now, for those in the reducer's own thread. Raises what the user's class raises when it is read."""
        if not self._up_to_date:
            self._take_snapshot()
        return self._latest

    def serve(self, now: float) -> None:
        """Answer the readers that wait, if it is time."""
        self._look_at_instead(now)
        if self._held is not None:
            self._fail(NotYet(self._held))
            return
        if not self._waiting or now < self._due():
            return
        if not self._up_to_date:
            begin = time.perf_counter()
            try:
                self._take_snapshot()
            except Exception as error:
                self._not_before_newer = now + AFTER_FAILURE
                self._fail(error)
                return
            finally:
                cost = time.perf_counter() - begin
                self._not_before = now + cost * (1 / SHARE_OF_TIME - 1)
            self._not_before_newer = now + SHORTEST_INTERVAL
        latest = self._latest
        for waiting in self._taken(lambda waiting: waiting.after < latest.version):
            if waiting.future.set_running_or_notify_cancel():
                waiting.future.set_result(latest)

    def _take_snapshot(self) -> None:
        changes, before = self._changes, self._latest
        if self._still is not None:
            self._latest = self._still = self._newer_still(self._still, before)
            self._changes_shown = changes
            return
        same_run = before.run == self._run
        if not same_run:
            self._sharer = Sharer()
        copied = self._copy(before.publish if same_run else None)
        known = before.versions if same_run else None
        version, now = before.version + 1, self._clock()
        versions = (
            versions_of(copied, version, now)
            if known is None
            else newer_versions(known, before.publish, copied, version, now)
        )
        if self._instead is not None:
            coverage = self._instead.coverage
        else:
            coverage = NOTHING if self._account is None else self._account.coverage
        if versions is not known:
            self._latest = Snapshot(
                version,
                self._run,
                copied,
                versions=versions,
                life=before.life,
                coverage=coverage,
                at=now,
            )
        elif coverage is not before.coverage:
            # Events without a result, and what became of those that are not in, change the account alone.
            self._latest = replace(before, version=version, coverage=coverage, at=now)
        self._changes_shown = changes

    def _newer_still(self, still: Snapshot, before: Snapshot) -> Snapshot:
        """What stays as it is, under a new version where that differs from what was shown before."""
        coverage = NOTHING if self._account is None else self._account.coverage
        same_tree = before.run == still.run and before.versions is still.versions
        if same_tree and coverage is before.coverage:
            return before
        version, now = before.version + 1, self._clock()
        versions = still.versions if same_tree else versions_of(still.publish, version, now)
        return replace(still, version=version, versions=versions, coverage=coverage, at=now)

    def _copy(self, before: Any) -> Any:
        if self._instead is not None:
            return self._sharer.copy(self._instead.publish, before)
        if self._analysis is None:
            return self._sharer.copy({}, before)
        lock = self._analysis.publish_rlock
        with contextlib.nullcontext() if lock is None else lock:
            return self._sharer.copy(self._analysis.publish, before)

    def _fail(self, error: Exception) -> None:
        for waiting in self._taken(lambda waiting: waiting.after == ANY):
            if waiting.future.set_running_or_notify_cancel():
                waiting.future.set_exception(error)

    def _taken(self, wanted: Callable[[_Waiting], bool]) -> list[_Waiting]:
        """Those who wait and are wanted; they do not wait any more."""
        with self._lock:
            taken = [waiting for waiting in self._waiting if wanted(waiting)]
            self._waiting = [waiting for waiting in self._waiting if not wanted(waiting)]
        return taken

    @property
    def _up_to_date(self) -> bool:
        return self._changes_shown == self._changes

    def _due(self) -> float:
        """When the first of those who wait can be answered."""
        with self._lock:
            present = any(waiting.after < self._latest.version for waiting in self._waiting)
            newer = any(waiting.after >= self._latest.version for waiting in self._waiting)
        if self._up_to_date:
            return 0.0 if present else float("inf")
        dues = [self._not_before] if present else []
        if newer:
            dues.append(max(self._not_before, self._not_before_newer))
        return min(dues, default=float("inf"))

    def wait(self, now: float) -> float:
        """Seconds until a waiting reader may be served."""
        return min(1.0, max(0.0, self._due() - now)) if self._waiting else 1.0

    def close(self) -> None:
        """Nobody will be served any more."""
        with self._lock:
            self._closed = True
            waiting, self._waiting = self._waiting, []
        for one in waiting:
            if one.future.set_running_or_notify_cancel():
                one.future.set_exception(_ended())

    # ---- the readers' threads -------------------------------------------------------------------------------------------

    async def snapshot(self) -> Snapshot:
        """What is published now. Raises what the user's class raises when it is read, Ended when the reducer ends."""
        if self._held is not None:
            raise NotYet(self._held)
        if self._up_to_date:
            return self._latest
        return await self._wait_for(ANY)

    async def newer(self, version: int) -> Snapshot:
        """What is published as soon as it has a later version. Raises Ended."""
        latest = self._latest
        return latest if latest.version > version else await self._wait_for(version)

    async def _wait_for(self, after: int) -> Snapshot:
        waiting = _Waiting(after)
        with self._lock:
            if self._closed:
                raise _ended()
            is_first = not self._waiting
            self._waiting.append(waiting)
        if is_first or after == ANY:
            self._wake()
        try:
            return await asyncio.wrap_future(waiting.future)
        finally:
            with self._lock:
                if waiting in self._waiting:
                    self._waiting.remove(waiting)

    def show_instead(self, instead: Instead) -> bool:
        """Show this from now on; False where its run is not the one that is published."""
        if instead.run != self._run:
            return False
        self._wished = instead
        self._wake()
        return True

    @property
    def waiting(self) -> int:
        """How many readers wait."""
        return len(self._waiting)

    async def status(self) -> dict[str, Any]:
        """That the reducer is there."""
        more = {name: told() for name, told in self.more_status.items()}
        if (instead := self._instead) is not None:
            more["shows"] = instead.about
        return {"run": self._run, "version": self._latest.version, **more}


def _ended() -> Ended:
    return Ended("the reducer ends; its results are read again once it is started anew.")
