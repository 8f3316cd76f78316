"""What the RunEngine's side hands over to the thread that keeps the pipeline in step, in order; whoever hands over never waits."""

from __future__ import annotations

import queue
import threading
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import TypeAlias

from beamloom.control.bluesky.hearing import Ask
from beamloom.control.bluesky.scan import Document


@dataclass
class Ahead:
    """Somebody asks for a run before the scan begins."""

    answer: Future[str | None] = field(default_factory=Future)
    """The run's id, or None where there will be none; nobody waits for it any more when it is cancelled."""
    problem: str = ""
    """Why there is none yet."""


class Leave:
    """No more documents come of the scan."""


class Close:
    """The thread is to end."""


Item: TypeAlias = Document | Ahead | Ask | Leave | Close


class Inbox:
    """Hands items from any thread to one."""

    def __init__(self) -> None:
        self._queue: queue.Queue[Item] = queue.Queue()
        self._waiting: Item | None = None
        self._taken = 0
        self._put = self._done = 0
        self._changed = threading.Condition()

    def put(self, item: Item) -> None:
        """Hand over what comes next; returns at once."""
        with self._changed:
            self._put += 1
            self._queue.put(item)

    def wait(self, timeout: float | None) -> bool:
        """Wait until all that was handed over is done with; returns whether that is so."""
        with self._changed:
            return self._changed.wait_for(lambda: self._done == self._put, timeout)

    # ---- by the one thread ------------------------------------------------------------------------------------------------

    def get(self, timeout: float | None = None) -> Item | None:
        """What comes next; None if nothing does within ``timeout`` seconds."""
        if self._waiting is not None:
            item, self._waiting = self._waiting, None
            return item
        try:
            item = self._queue.get(timeout=None if timeout is None else max(timeout, 0.001))
        except queue.Empty:
            return None
        self._taken += 1
        return item

    def put_back(self, item: Item) -> None:
        """``get`` gives this item once more."""
        self._waiting = item

    def all_done(self) -> None:
        """What ``get`` has given so far is done with."""
        with self._changed:
            self._done = self._taken - (self._waiting is not None)
            self._changed.notify_all()
