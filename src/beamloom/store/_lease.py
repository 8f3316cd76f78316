"""Which of several controllers has a pipeline: the one that holds a key which the server forgets when it is not renewed.

Invariant: the lease decides who *takes* the pipeline, never who may write. A controller that was suspended for longer than its lease lasts
finds another one at work; what it then writes and says is refused by its number (``generation``), which only grows.

While it holds the lease it says where it is to be reached, and that is forgotten with the lease.

Policy: a server that does not answer takes nothing from anybody: without it nobody else can take the pipeline either.
"""

from __future__ import annotations

import contextlib
import logging
import threading
import time

from beamloom.redis_link import Unreachable
from beamloom.store._claim import own_claim, read_claim
from beamloom.store._link import Link

logger = logging.getLogger(__name__)

SECONDS = 2.0
"""So long nobody else takes the pipeline from one that has died."""
RENEWALS = 5
"""So many of them in that time."""
TRY_EVERY = 0.2

TAKE = """
local held = redis.call('GET', KEYS[1])
if not held then
    redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
    held = ARGV[1]
end
if held ~= ARGV[1] then return held end
redis.call('PEXPIRE', KEYS[1], ARGV[2])
if ARGV[3] ~= '' then redis.call('SET', KEYS[2], ARGV[3], 'PX', ARGV[2]) end
return nil
"""
GIVE_BACK = """
if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1], KEYS[2]) end
"""
ASK = """
return redis.call('GET', KEYS[2])
"""


class Lease:
    """The claim of this process on a pipeline."""

    def __init__(self, link: Link, name: str, seconds: float = SECONDS) -> None:
        """``name`` is told to those who wait."""
        self._link = link
        self._seconds = seconds
        self._claim = own_claim(name)
        self.lost: str | None = None
        """Why this process is not to decide any more, when another one does."""
        self._address = ""
        self._over = threading.Event()
        self._thread: threading.Thread | None = None

    def take(self) -> None:
        """Take the pipeline, as soon as nobody has it; says in the log for whom it waits.

        Raises Unreachable where the server does not answer the first time.
        """
        holder = self._try()
        told = None
        while holder is not None:
            if holder != told:
                logger.info("stands by: %s has the pipeline at %s", holder, self._link)
                told = holder
            time.sleep(TRY_EVERY)
            with contextlib.suppress(Unreachable):
                holder = self._try()
        self._thread = threading.Thread(target=self._renew, name="lease", daemon=True)
        self._thread.start()

    def _try(self) -> str | None:
        """None when it is ours, else who has it."""
        arguments = [self._claim, int(1000 * self._seconds), self._address]
        held = self._link.script(TAKE, keys_of(self._link), arguments)
        return None if held is None else str(read_claim(held))

    def announce(self, address: str) -> None:
        """From now on say that the controller is to be reached here."""
        self._address = address
        # The thread that renews it says so, too, should the server be away just now.
        with contextlib.suppress(Unreachable):
            self._try()

    def _renew(self) -> None:
        answers = True
        while not self._over.wait(self._seconds / RENEWALS):
            try:
                holder = self._try()
            except Unreachable as error:
                if answers:
                    logger.warning("the store at %s does not answer: %s", self._link, error)
                answers = False
                continue
            answers = True
            if holder is not None:
                self.lost = f"{holder} has taken over the pipeline at {self._link}"
                return

    def release(self) -> None:
        """Let others have it at once. May be called twice."""
        if self._thread is not None and not self._over.is_set():
            self._over.set()
            self._thread.join()
            try:
                self._link.script(GIVE_BACK, keys_of(self._link), [self._claim])
            except Unreachable as error:
                logger.info("the lease on the pipeline runs out by itself: %s", error)
        self._link.close()


def where_is_it(link: Link) -> str | None:
    """The address of the controller that has the pipeline; None while there is none. Raises Unreachable."""
    found = link.script(ASK, keys_of(link), [])
    return None if found is None else str(found.decode(errors="replace"))


def keys_of(link: Link) -> list[str]:
    """Who has the pipeline, and where that is."""
    return [link.key("leader"), link.key("where")]
