"""The thread in which a client of Dask does its talking.

A client that makes its own leaves it running when its scheduler is not there or was lost, one for each time that it is tried. This one
ends when it is told to, with all that is still under way in it.
"""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import Future
from typing import Any


class Loop:
    """See the module."""

    def __init__(self) -> None:
        self._started: Future[tuple[Any, asyncio.AbstractEventLoop]] = Future()
        self._over = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name="dask-loop", daemon=True)
        self._thread.start()
        self.loop, self._asyncio = self._started.result()
        """As Dask takes it."""

    def stop(self) -> None:
        """Returns when the thread has ended. May be called twice."""
        if self._thread.is_alive():
            self._asyncio.call_soon_threadsafe(self._over.set)
            self._thread.join()

    def _run(self) -> None:
        asyncio.run(self._until_over())

    async def _until_over(self) -> None:
        from tornado.ioloop import IOLoop

        self._started.set_result((IOLoop.current(), asyncio.get_running_loop()))
        await self._over.wait()
