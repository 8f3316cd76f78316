"""Encoded answers, kept so that many readers of one version cost one encoding.

A body belongs to a key that names all that it depends on, its version included, so that it never becomes wrong; it only becomes useless.
Bodies are kept up to ``MOST_BYTES`` together, those unused for longest go first. Who asks while a body is being made waits for that one.
Few are made at a time, so that threads that encode do not crowd out the thread that reduces.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass

MOST_BYTES = 2**28
AT_A_TIME = 2
"""Threads that encode."""


@dataclass(frozen=True)
class Body:
    """An answer, ready to be sent."""

    content: bytes
    media_type: str
    tag: str
    """Its entity tag."""
    coding: str | None = None
    """How ``content`` is compressed."""


class Bodies:
    """Bodies by key; used by one event loop."""

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._most_bytes = most_bytes
        self._kept: OrderedDict[Hashable, Body] = OrderedDict()
        self._bytes = 0
        self._made: dict[Hashable, asyncio.Task[Body]] = {}
        self._room = asyncio.Semaphore(AT_A_TIME)

    async def get(self, key: Hashable, make: Callable[[], Body]) -> Body:
        """The body with this key, which ``make`` makes in another thread if it is not there. Raises what ``make`` raises."""
        if (kept := self._kept.get(key)) is not None:
            self._kept.move_to_end(key)
            return kept
        making = self._made.get(key)
        if making is None:
            making = self._made[key] = asyncio.create_task(self._make(make))
            making.add_done_callback(lambda made: self._keep(key, made))
        # Who asked first may go away; the others still wait.
        return await asyncio.shield(making)

    async def _make(self, make: Callable[[], Body]) -> Body:
        async with self._room:
            return await asyncio.to_thread(make)

    def _keep(self, key: Hashable, made: asyncio.Task[Body]) -> None:
        del self._made[key]
        if made.cancelled() or made.exception() is not None:
            return
        body = made.result()
        if len(body.content) > self._most_bytes:
            return
        self._kept[key] = body
        self._bytes += len(body.content)
        while self._bytes > self._most_bytes:
            self._bytes -= len(self._kept.popitem(last=False)[1].content)

    @property
    def nbytes(self) -> int:
        """Size of all that is kept."""
        return self._bytes
