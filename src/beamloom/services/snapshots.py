"""Copies of what the reducer publishes, for readers in other threads.

A copy is made in the reducer's own thread between two results, so that nobody sees half of an update. One copy serves all readers that
wait for it, and the next one is not begun before nine times the copying time has passed: readers, however many, cost at most a tenth.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from typing import Any

import numpy as np

from beamloom.analysis import ReducerAnalysis
from beamloom.results.snapshot import Snapshot
from beamloom.results.types import is_result_type

SHARE_OF_TIME = 0.1
"""Most of the reducer's time that may go into copies."""


class SnapshotDesk:
    """Hands out snapshots: readers ask in their thread, the reducer serves in its own."""

    def __init__(self, wake: Callable[[], None]) -> None:
        self._wake = wake
        self._analysis: ReducerAnalysis | None = None
        self._run: str | None = None
        self._version = 0
        self._waiting: deque[Future[Snapshot]] = deque()
        self._latest = Snapshot(version=0, run=None, publish={})
        self._not_before = 0.0
        self._closed = False

    # ---- the reducer's thread -------------------------------------------------------------------------------------------

    def begin_run(self, run: str, analysis: ReducerAnalysis | None) -> None:
        """From now on this analysis is what is published."""
        self._run, self._analysis = run, analysis
        self._version += 1

    def changed(self) -> None:
        """What is published may have changed."""
        self._version += 1

    def serve(self, now: float) -> None:
        """Answer the readers that wait, if it is time."""
        if not self._waiting or (now < self._not_before and self._version != self._latest.version):
            return
        if self._version != self._latest.version:
            begin = time.perf_counter()
            try:
                self._latest = Snapshot(version=self._version, run=self._run, publish=self._copy())
            except Exception as error:
                failure = error
                self._answer(lambda waiting: waiting.set_exception(failure))
                return
            self._not_before = now + (time.perf_counter() - begin) * (1 / SHARE_OF_TIME - 1)
        self._answer(lambda waiting: waiting.set_result(self._latest))

    def _answer(self, answer: Callable[[Future[Snapshot]], None]) -> None:
        while self._waiting:
            waiting = self._waiting.popleft()
            if waiting.set_running_or_notify_cancel():
                answer(waiting)

    def _copy(self) -> Mapping[Any, Any]:
        if self._analysis is None:
            return {}
        lock = self._analysis.publish_rlock
        with contextlib.nullcontext() if lock is None else lock:
            copied: Mapping[Any, Any] = copied_containers(self._analysis.publish)
            return copied

    def wait(self, now: float) -> float:
        """Seconds until a waiting reader may be served."""
        return max(0.0, self._not_before - now) if self._waiting else 1.0

    def close(self) -> None:
        """Nobody will be served any more."""
        self._closed = True
        while self._waiting:
            self._waiting.popleft().cancel()

    # ---- the readers' threads -------------------------------------------------------------------------------------------

    async def snapshot(self) -> Snapshot:
        """What is published now. Raises what the user's class raises when it is read."""
        waiting: Future[Snapshot] = Future()
        self._waiting.append(waiting)
        if self._closed:
            waiting.cancel()
        self._wake()
        return await asyncio.wrap_future(waiting)

    async def status(self) -> dict[str, Any]:
        """That the reducer is there."""
        return {"run": self._run, "version": self._version}


def copied_containers(value: Any) -> Any:
    """A copy that later changes of ``value`` do not reach.

    Dictionaries, lists, sets and arrays are made anew, result types give their own snapshots, all else is shared.
    """
    if is_result_type(value):
        return value.snapshot()
    if isinstance(value, dict):
        return {key: copied_containers(one) for key, one in value.items()}
    if isinstance(value, list):
        return [copied_containers(one) for one in value]
    if isinstance(value, tuple) and type(value) is tuple:
        return tuple(copied_containers(one) for one in value)
    if isinstance(value, np.ndarray):
        return value.copy()
    if isinstance(value, set | bytearray):
        return type(value)(value)
    return value
