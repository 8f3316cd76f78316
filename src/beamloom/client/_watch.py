"""Following a part of the results: each version that there was time for, the newest first of all, and never one twice.

Whoever is slow skips versions. A reducer that is away is waited for, and what is not published yet, too.
"""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Generic, TypeVar

import httpx

from beamloom.client._changes import Changes
from beamloom.client._result import Results, jsonpath_of
from beamloom.client._values import matches_of
from beamloom.errors import NotPublished, NotReachable, PipelineError, RequestRefused, TimedOut

logger = logging.getLogger(__name__)

T = TypeVar("T")

QUIET_SECONDS = 0.5
"""Longest wait for a change after which it is looked whether the run is over, or it is time to stop."""


@dataclass(frozen=True)
class Version:
    """Part of the results as it was at one moment."""

    path: str
    value: Any
    run: str | None
    number: int
    """Counts up within a run whenever something changed."""


def versions(
    results: Results,
    path: str,
    *,
    timeout: float | None,
    interval: float,
    over: Callable[[], bool],
    stop: threading.Event,
) -> Iterator[Version]:
    """New versions until ``over``, or ``stop``; at most one in ``interval`` seconds.

    Raises TimedOut where nothing new has come for ``timeout`` seconds.
    """
    jsonpath = path if path.startswith("$") else jsonpath_of(path)
    changes = Changes(results.processes, jsonpath, interval)
    tag: str | None = None
    since = time.monotonic()
    try:
        while not stop.is_set():
            begin = time.monotonic()
            changes.listen()
            is_over, found, problem = _look(results, jsonpath, tag, over)
            if found is not None:
                tag = found.headers.get("etag")
                yield _version(results, path, found)
                since = time.monotonic()
            if is_over and problem is None:
                return
            if timeout is not None and time.monotonic() - since > timeout:
                why = "" if problem is None else f": {problem}"
                raise TimedOut(f"nothing new of {path} has come for {timeout:g} s{why}") from problem
            stop.wait(max(0.0, interval - (time.monotonic() - begin)))
            left = math.inf if timeout is None else timeout - (time.monotonic() - since)
            changes.wait(max(0.0, min(QUIET_SECONDS, left)), stop)
    finally:
        changes.close()


def _look(
    results: Results, jsonpath: str, tag: str | None, over: Callable[[], bool]
) -> tuple[bool, httpx.Response | None, PipelineError | None]:
    """Whether the run was over before the look, what is new, and what kept from seeing it that may pass."""
    try:
        is_over = over()
        answer = results.answer(jsonpath, tag=tag)
    except (NotReachable, TimedOut, NotPublished) as error:
        return False, None, error
    except RequestRefused as error:
        if error.status < 500:
            raise
        return False, None, error
    return is_over, None if answer.status_code == 304 else answer, None


def _version(results: Results, path: str, answer: httpx.Response) -> Version:
    found = matches_of(answer, trust_pickle=results.trust_pickle)
    return Version(
        path,
        found[0] if len(found) == 1 else found,
        answer.headers.get("x-beamloom-run"),
        int(answer.headers["x-beamloom-version"]),
    )


class Follower(Generic[T]):
    """Calls a function with all that comes of something, in a thread of its own; a context manager that stops.

    What the function raises ends the following: ``failure`` has it, and ``stop`` raises it.
    """

    def __init__(
        self, follow: Callable[[threading.Event], Iterator[T]], function: Callable[[T], object]
    ) -> None:
        self._stop = threading.Event()
        self._follow = follow
        self._function = function
        self.failure: Exception | None = None
        self._thread = threading.Thread(target=self._run, name="beamloom-follower", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            for one in self._follow(self._stop):
                self._function(one)
        except Exception as error:  # noqa: BLE001  stop() raises it in the thread of whoever follows
            self.failure = error
            logger.warning("following has ended: %s: %s", type(error).__name__, error)

    @property
    def is_running(self) -> bool:
        """Whether more is still waited for."""
        return self._thread.is_alive()

    def wait(self, timeout: float | None = None) -> None:
        """Return when the following has ended by itself. Raises TimedOut, or what ended it."""
        self._thread.join(timeout)
        if self._thread.is_alive():
            raise TimedOut(f"what was to be followed still goes on after {timeout:g} s; stop() ends that")
        if self.failure is not None:
            raise self.failure

    def stop(self) -> None:
        """End; the function is not called any more. Raises what the function raised."""
        self._stop.set()
        if self._thread is not threading.current_thread():
            self._thread.join()
        if self.failure is not None:
            raise self.failure

    def __enter__(self) -> Follower[T]:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
