"""Follows a growing series, and releases chunks of it as frames come.

The order of the two questions is the point: first whether the series is closed, then how many frames there are. What was written before
it was closed is thereby counted, and the ledger ends a step only when that many frames are released and settled.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable
from typing import Final, NamedTuple, Protocol

from beamloom.rules.cutting import cut
from beamloom.rules.errors import LedgerError, NoNewTasks, RuleError
from beamloom.rules.ledger import Ledger, Settled
from beamloom.rules.sources import Source, open_source
from beamloom.rules.spec import ENDED
from beamloom.rules.tasks.calling import find_task

PACE: Final = 0.05
"""Seconds between two looks at a series; more where looking itself takes long."""
AGAIN: Final = 1.0
"""Seconds until the next look after one that failed."""


class Seen(NamedTuple):
    """A series at one moment."""

    there: int
    closed: bool


class Feed(Protocol):
    """Says how far a series is."""

    def look(self) -> Seen:
        """Raises OSError, RuleError; it is asked again then."""

    def ended(self) -> None:
        """Called once, when the series was seen closed."""


class Followed(Protocol):
    """What a rule object says of its series; see ``beamloom.rules.Rule``."""

    @property
    def complete(self) -> bool: ...
    @property
    def data_complete(self) -> bool: ...
    @property
    def total_frames(self) -> int | None: ...
    def get_new_tasks(self) -> tuple[int, int]: ...
    def on_data_complete(self) -> None: ...


class SourceFeed:
    """By the source alone."""

    def __init__(self, source: Source, rule: Followed | None) -> None:
        self._source = source
        self._rule = rule

    def look(self) -> Seen:
        """See Feed."""
        closed = self._source.closed()
        return Seen(self._source.count(), closed)

    def ended(self) -> None:
        """The hook of the rule object, where that is in this process."""
        self._source.close()
        if self._rule is not None:
            self._rule.on_data_complete()


class RuleFeed:
    """By the hooks of a rule object in this process."""

    def __init__(self, rule: Followed) -> None:
        self._rule = rule
        self._there = 0
        self._told = False

    def look(self) -> Seen:
        """See Feed. Raises RuleError for a release that leaves frames out."""
        complete = self._rule.complete
        try:
            while True:
                start, stop = self._rule.get_new_tasks()
                if start > self._there:
                    raise RuleError(
                        f"get_new_tasks released frames from {start} on, and only the first {self._there} were released before"
                    )
                self._there = max(self._there, stop)
        except NoNewTasks:
            pass
        if not self._told and self._rule.data_complete:
            self._told = True
            self._rule.on_data_complete()
        if complete:
            self._there = max(self._there, self._rule.total_frames or 0)
        return Seen(self._there, complete)

    def ended(self) -> None:
        """See Feed."""
        if not self._told:
            self._rule.on_data_complete()


class Follower:
    """One thread that follows one step's series until its end."""

    def __init__(
        self,
        ledger: Ledger,
        step: int,
        rule: Followed | None,
        clock: Callable[[], float],
        changed: Callable[[Settled], None],
    ) -> None:
        """``changed`` is called whenever there is more to do, with what that has set going."""
        self._ledger = ledger
        self._step = step
        self._rule = rule
        self._clock = clock
        self._changed = changed
        self._waited_since: float | None = None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._follow, name=f"rules-follow-{step}", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Ask it to end."""
        self._stop.set()

    def join(self) -> None:
        """Wait for its end."""
        self._thread.join()

    @property
    def over(self) -> bool:
        """It has ended."""
        return not self._thread.is_alive()

    def _follow(self) -> None:
        feed: Feed | None = None
        while not self._stop.is_set():
            begun = time.monotonic()
            pause = PACE
            try:
                if self._ledger.spec(self._step).resolve:
                    self._resolve()
                    return
                if feed is None:
                    feed = self._feed()
                if self._release(feed):
                    return
                pause = max(PACE, 5 * (time.monotonic() - begun))
            except Exception as error:  # noqa: BLE001 - hooks are anybody's code; it is told, and tried again
                with contextlib.suppress(LedgerError):  # the engine says of the ledger what is wrong with it
                    self._ledger.trouble(self._step, f"its series cannot be followed: {_sentence(error)}")
                self._changed(Settled())
                pause = AGAIN
            self._stop.wait(pause)

    def _feed(self) -> Feed:
        spec = self._ledger.spec(self._step)
        if spec.followed_by == "rule" and self._rule is not None:
            return RuleFeed(self._rule)
        if not spec.source:
            raise RuleError(
                "the process that pushed this rule said how many frames there are, and it has ended; push the rule again"
            )
        return SourceFeed(open_source(spec.source, spec.below), self._rule)

    def _release(self, feed: Feed) -> bool:
        """Release what has come; whether that was all, or nobody needs more."""
        view = self._ledger.view(self._step)
        if view.state in ENDED:
            return True
        seen = feed.look()
        spec = view.spec
        cuts = cut(
            view.released,
            seen.there,
            size=spec.chunk,
            halo=spec.halo,
            overdue=self._overdue(view.released, seen.there - spec.halo, spec.max_wait),
            closed=seen.closed,
        )
        if cuts:
            self._waited_since = None
            self._ledger.release(self._step, cuts)
        settled = Settled()
        if seen.closed:
            feed.ended()
            settled = self._ledger.finalise(self._step, seen.there, self._clock())
        if cuts or seen.closed:
            self._changed(settled)
        return seen.closed

    def _overdue(self, released: int, usable: int, most: float) -> bool:
        if usable <= released:
            self._waited_since = None
            return False
        now = time.monotonic()
        self._waited_since = self._waited_since or now
        return now - self._waited_since >= most

    def _resolve(self) -> None:
        """What the step works on is found out now, once: another process that takes over finds it in the ledger."""
        spec = self._ledger.spec(self._step)
        try:
            resolved, items = find_task(spec.resolve)(spec.parameters, self._ledger.renamed(self._step))
        except RuleError as error:
            settled = self._ledger.fail(self._step, str(error), self._clock())
        else:
            settled = self._ledger.resolve(self._step, resolved, items, spec.chunk, self._clock())
        self._changed(settled)


def _sentence(error: BaseException) -> str:
    return str(error) if isinstance(error, RuleError | OSError) else f"{type(error).__name__}: {error}"
