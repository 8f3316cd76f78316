"""How much clients may ask of a service at a time: the size and the pace of bodies, and how many requests are under way.

Readers have places of their own: however many wait for news, somebody who wants to stop a run gets through. What is beyond a limit is
answered at once, with a status and a sentence, and never kept.
"""

from __future__ import annotations

import asyncio
import resource
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from starlette.exceptions import HTTPException
from starlette.types import Message, Receive

BODY_SECONDS = 20.0
"""Time that a body may take in any case."""
SLOWEST_BODY = 2**15
"""Bytes per second that a body has to come at beyond that."""
SILENCE_SECONDS = 10.0
"""Longest pause within a body."""
BODIES_AT_ONCE = 2
"""How many bodies of the largest size may be held at the same time."""
MOST_READERS = 1000
MOST_COMMANDS = 64
DEFAULT_BODY = 1 << 27


def _readers() -> int:
    """As many as there are files for, with as many left for everything else."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return MOST_READERS if soft == resource.RLIM_INFINITY else max(8, min(MOST_READERS, soft // 2))


@dataclass(frozen=True)
class Limits:
    """What one service takes upon itself."""

    body: int = DEFAULT_BODY
    """Largest body of a request (bytes)."""
    readers: int = 0
    """Requests that read, long polls and live updates included, at the same time; 0: as many as the system has files for."""
    commands: int = MOST_COMMANDS
    """Requests that change something, at the same time."""

    @property
    def most_readers(self) -> int:
        """``readers`` in figures."""
        return self.readers or _readers()


class TooMuch(HTTPException):
    """A request beyond a limit."""


class Load:
    """What is under way in one service. Belongs to the thread of its HTTP server."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._most_readers = limits.most_readers
        self._readers = 0
        self._commands = 0
        self._held = 0

    @property
    def readers(self) -> int:
        """Requests that read, now."""
        return self._readers

    @contextmanager
    def place(self, *, command: bool) -> Iterator[None]:
        """A place for one request. Raises TooMuch where none is free."""
        if command:
            if self._commands >= self._limits.commands:
                raise TooMuch(
                    503, f"{self._commands} commands are under way already; try again when they are done."
                )
            self._commands += 1
        else:
            if self._readers >= self._most_readers:
                raise TooMuch(
                    503,
                    f"{self._readers} readers are served already, and there is room for no more; try again later.",
                )
            self._readers += 1
        try:
            yield
        finally:
            if command:
                self._commands -= 1
            else:
                self._readers -= 1

    def begin_body(self, announced: int | None, receive: Receive) -> Body:
        """What reads one body of ``announced`` bytes. Raises TooMuch where that is too much."""
        if announced is not None and announced > self._limits.body:
            raise self._too_large()
        return Body(self, receive)

    def hold(self, size: int, more: int) -> None:
        """Hold ``more`` bytes of a body that had ``size``. Raises TooMuch."""
        if size + more > self._limits.body:
            raise self._too_large()
        if self._held + more > BODIES_AT_ONCE * self._limits.body:
            raise TooMuch(503, "other large requests are being read; try again when they are done.")
        self._held += more

    def release(self, size: int) -> None:
        """A body is done with."""
        self._held -= size

    def _too_large(self) -> TooMuch:
        return TooMuch(
            413, f"the body has more than {self._limits.body} bytes; send less, or raise http_body_limit."
        )


class Body:
    """The body of one request, as its handler receives it."""

    def __init__(self, load: Load, receive: Receive) -> None:
        self._load = load
        self._receive = receive
        self._size = 0
        self._whole = False
        self._begun = time.monotonic()

    async def receive(self) -> Message:
        """The next part. Raises TooMuch where it is too large or too slow."""
        if self._whole:
            return await self._receive()
        in_time = self._begun + BODY_SECONDS + self._size / SLOWEST_BODY - time.monotonic()
        try:
            async with asyncio.timeout(min(SILENCE_SECONDS, max(0.0, in_time))):
                message = await self._receive()
        except TimeoutError:
            raise TooMuch(408, "the body does not come, or too slowly; send it again, as a whole.") from None
        if message["type"] == "http.request":
            more = len(message.get("body", b""))
            self._load.hold(self._size, more)
            self._size += more
            self._whole = not message.get("more_body", False)
        else:
            self._whole = True
        return message

    def done(self) -> None:
        """The request is answered."""
        self._load.release(self._size)
