"""How a run goes, seen over HTTP by somebody who does not lose patience when nobody answers; and viewers who read nothing."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any
from urllib.parse import urlsplit

import requests

LOOK_SECONDS = 0.02
"""Between two looks."""


class Asker:
    """Asks over HTTP; who does not answer is asked again."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._session = requests.Session()
        self._session.trust_env = False

    def __enter__(self) -> Asker:
        return self

    def __exit__(self, *exception: object) -> None:
        self._session.close()

    def get(self, path: str, timeout: float = 5.0) -> Any:
        """The answer as JSON; None when there is none."""
        with contextlib.suppress(requests.RequestException):
            answer = self._session.get(f"{self._url}/api/v1/{path}", timeout=timeout)
            return answer.json() if answer.ok else None
        return None

    def post(self, path: str, body: Any, timeout: float = 5.0) -> bool:
        """Whether it was taken."""
        with contextlib.suppress(requests.RequestException):
            return self._session.post(f"{self._url}/api/v1/{path}", json=body, timeout=timeout).ok
        return False


class Watch:
    """Follows the progress of a run in a thread of its own."""

    def __init__(self, url: str) -> None:
        self._asker = Asker(url)
        self._enough = threading.Event()
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._follow, name="watch")
        self._since: float | None = None
        self.last: dict[str, Any] = {}
        self.longest_stall = 0.0
        """Seconds in which no event was settled, from the first to the last that was."""
        self.stalled_at = 0
        self.stall_story: dict[str, float] = {}
        """What it was waiting for meanwhile, in seconds, as far as that was told."""

    def __enter__(self) -> Watch:
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._enough.set()
        self._thread.join()
        with self._asker:
            pass

    def wait_for(self, reached: Callable[[dict[str, Any]], bool], timeout: float) -> bool:
        """Return when the progress is so, True, or after ``timeout`` seconds without any event being settled, False."""
        with self._changed:
            while not reached(self.last):
                before = self.settled
                if not self._changed.wait_for(partial(self._moved, reached, before), timeout):
                    return False
            return True

    def _moved(self, reached: Callable[[dict[str, Any]], bool], before: int) -> bool:
        return reached(self.last) or self.settled != before

    @property
    def settled(self) -> int:
        """Events that are settled, as far as is known."""
        return int(self.last.get("completed_events", 0))

    def _follow(self) -> None:
        story: defaultdict[str, float] = defaultdict(float)
        before = time.monotonic()
        while not self._enough.wait(LOOK_SECONDS):
            told = self._asker.get("progress")
            now = time.monotonic()
            story[_waits_for(told)] += now - before
            before = now
            if told is None:
                continue
            if told["completed_events"] != self.last.get("completed_events"):
                if self._since is not None and now - self._since > self.longest_stall:
                    self.longest_stall, self.stalled_at = now - self._since, self.settled
                    self.stall_story = {what: round(seconds, 2) for what, seconds in story.items()}
                self._since = now if told["completed_events"] else None
                story.clear()
            with self._changed:
                self.last = told
                self._changed.notify_all()


def _waits_for(told: dict[str, Any] | None) -> str:
    if told is None:
        return "the controller"
    return (
        ", ".join(sorted({str(one.get("stream", one["what"])) for one in told["waits_for"]}))
        or "nothing that is told"
    )


@contextmanager
def slow_viewers(url: str) -> Iterator[None]:
    """Two viewers: one asks for everything and one for all news, and neither reads a byte."""
    where = urlsplit(url)
    paths = {"/api/v1/result/$": "*/*", "/api/v1/updates": "text/event-stream"}
    with contextlib.ExitStack() as stack:
        for path, accept in paths.items():
            with contextlib.suppress(OSError):
                viewer = stack.enter_context(
                    socket.create_connection((where.hostname, where.port or 80), timeout=2)
                )
                viewer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
                viewer.sendall(f"GET {path} HTTP/1.1\r\nHost: chaos\r\nAccept: {accept}\r\n\r\n".encode())
        yield
