"""A source whose items are made in a thread of its own: files are read by calls that wait, and an ingester never may.

Between the thread and ``read`` stands a queue that is bounded in bytes: the thread waits for room, so reading runs ahead of the
run by that much and no more. A file descriptor is readable exactly while something is in the queue.
"""

from __future__ import annotations

import logging
import os
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import Final

from beamloom.events import Bearing, Malformed, Packet, frame_bytes
from beamloom.texts import encodable

logger = logging.getLogger(__name__)

Item = Packet | Malformed

QUEUE_ITEMS: Final = 1024
_JOIN_SECONDS: Final = 0.5
"""How long ``close`` waits for the thread, which looks up between any two frames."""


class Reading:
    """What the thread is told, and what it tells."""

    def __init__(self) -> None:
        self._closing = threading.Event()
        self._problem: str | None = "it has not been looked for yet"
        self.first = 1
        """The number of the first packet behind the START that is wanted: those before it came from another source."""
        self.bearing: Bearing | None = None
        """What another source needs to number the packets as this one has."""

    def wait(self, seconds: float) -> bool:
        """Wait so long, or until the source is closed; whether it is."""
        return self._closing.wait(seconds)

    @property
    def closing(self) -> bool:
        """Whether the source is closed, and nobody reads any more."""
        return self._closing.is_set()

    @property
    def problem(self) -> str | None:
        """Why there is nothing to read, in a sentence; None when there is, or when it may come."""
        return self._problem

    def report(self, problem: str | None) -> None:
        """Say why there is nothing to read; None: it is there, or may come at any time."""
        self._problem = problem

    def close(self) -> None:
        """Nobody reads any more."""
        self._closing.set()


MakeItems = Callable[[Reading, int | None], Iterator[Item]]
"""Yields the items of a series; the number is how many images the run is for, None where that is open."""


class BackgroundSource:
    """The items that ``make`` yields, one series from START to END, for one run.

    ``make`` runs in a thread of its own, waits only by ``Reading.wait``, and reports there whether the files are there. It gives what
    ``Reading`` says is wanted, and tells there what a successor has to know. ``require`` is called by ``open`` and raises where a package
    that reads them is not installed. ``recount`` returns the bearing with which a series that another source has begun is counted as
    that one did, and raises ValueError where nobody can.
    """

    def __init__(
        self,
        url: str,
        make: MakeItems,
        queue_bytes: int,
        require: Callable[[], None],
        recount: Callable[[Bearing | None], Bearing] = lambda bearing: bearing or {},
    ) -> None:
        self._url = url
        self._make = make
        self._queue_bytes = queue_bytes
        self._require = require
        self._recount = recount
        self._images: int | None = None
        self._reading = Reading()
        self._room = threading.Condition()
        self._items: deque[Item] = deque()
        self._nbytes = 0
        self._fd: int | None = None
        self._thread: threading.Thread | None = None
        self._was_open = False

    def expect(self, items: int | None) -> None:
        """The run has so many packets of this stream, START and END among them; None: any number."""
        self._images = None if items is None else max(items - 2, 0)

    @property
    def bearing(self) -> Bearing | None:
        """As of a RereadableSource."""
        return self._reading.bearing

    def reread(self, bearing: Bearing | None, first: int) -> None:
        """As of a RereadableSource; how packets are counted is asked of ``recount``."""
        self._reading.bearing = self._recount(bearing)
        self._reading.first = max(1, first)

    def open(self) -> None:
        """Start the thread; returns at once. Raises what ``require`` raises."""
        if self._was_open:
            return
        self._require()
        self._was_open = True
        self._fd = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._thread = threading.Thread(target=self._run, name=f"reads {self._url}", daemon=True)
        self._thread.start()

    def connected(self) -> bool:
        """Whether the files are there, or the place where they will be."""
        return self._fd is not None and self._reading.problem is None

    def connection_problem(self) -> str | None:
        """Why there is nothing to read, in a sentence; None when there is."""
        if self._fd is None:
            return f"{self._url} is not open; the run has ended or not begun"
        problem = self._reading.problem
        return None if problem is None else encodable(f"{self._url} cannot be read: {problem}")

    @property
    def pollable(self) -> int:
        """A file descriptor. Raises RuntimeError before ``open`` and after ``close``."""
        if self._fd is None:
            raise RuntimeError(f"{self._url} is not open; call open() first")
        return self._fd

    def read(self, limit: int) -> Sequence[Item]:
        """At most ``limit`` items of what has been read; empty when nothing has. Never waits."""
        fd = self.pollable
        items: list[Item] = []
        with self._room:
            while self._items and len(items) < limit:
                item = self._items.popleft()
                self._nbytes -= _size(item)
                items.append(item)
            if items:
                if not self._items:
                    os.eventfd_read(fd)
                self._room.notify()
        return items

    def close(self) -> None:
        """Stop reading. May be called twice."""
        self._reading.close()
        with self._room:
            if self._fd is not None:
                os.close(self._fd)
            self._fd = None
            self._items.clear()
            self._nbytes = 0
            self._room.notify()
        if self._thread is not None:
            self._thread.join(_JOIN_SECONDS)

    def _run(self) -> None:
        try:
            for item in self._make(self._reading, self._images):
                if not self._put(item):
                    return
        # A thread that dies unseen leaves a run that waits for nothing.
        except Exception as error:
            sentence = f"reading broke off: {error!r}; this is a fault of beamloom, please report it"
            logger.exception("reading %s broke off", self._url)
            self._reading.report(sentence)
            self._put(Malformed(sentence, [b""]))

    def _put(self, item: Item) -> bool:
        """Add to the queue, when there is room; whether anybody reads."""
        if isinstance(item, Malformed):
            # It may name a file whose name is no Unicode.
            item.reason = encodable(item.reason)
        size = _size(item)
        with self._room:
            while self._items and (
                self._nbytes + size > self._queue_bytes or len(self._items) >= QUEUE_ITEMS
            ):
                if self._reading.closing:
                    return False
                self._room.wait()
            if self._fd is None:
                return False
            self._items.append(item)
            self._nbytes += size
            if len(self._items) == 1:
                os.eventfd_write(self._fd, 1)
        return True


def _size(item: Item) -> int:
    return sum(map(frame_bytes, item.frames))
