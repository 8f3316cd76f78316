"""Posting one scan to the stream that listens for it, from a thread of its own, so that a scan never waits for a pipeline.

Policy: posts go in order, and each is tried until it is answered or the scan is over. A stream that was started again knows nothing of the
scan: it is told all of it once more, and the numbers of the points say which of them it had. So all posts of a scan are kept until it ends.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass

import msgspec

from beamloom.client._http import Service, whole_url
from beamloom.errors import PipelineError, RequestRefused

TIMEOUT = 5.0
"""Longest wait for one answer, in seconds."""
AGAIN_SECONDS = 0.2
"""Between two tries."""
END_SECONDS = 10.0
"""How long the end of a scan waits for posts that are on their way to a stream that has answered before."""


@dataclass(frozen=True)
class Delivered:
    """What became of the posts of a scan."""

    posts: int
    kept: int
    problem: str = ""
    """Why others were not kept."""

    def __str__(self) -> str:
        return f"{self.kept} of {self.posts} posts were kept" + (f": {self.problem}" if self.problem else "")


class _Answer(msgspec.Struct):
    kept: bool
    reason: str = ""
    unknown_scan: bool = False


class ScanPoster:
    """Posts one scan to ``url``, where a stream of the device ``sardana`` listens."""

    def __init__(self, url: str, *, timeout: float = TIMEOUT) -> None:
        """Raises PipelineError for what is no address."""
        self._stream = Service(whole_url(url), "stream", timeout)
        self._posts: list[tuple[str, bytes]] = []
        self._next = 0
        self._kept: set[int] = set()
        self._problem = ""
        self._reached = False
        self._over = False
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._run, name="beamloom posts", daemon=True)
        self._thread.start()

    def post(self, route: str, body: bytes) -> None:
        """Post ``body`` to ``/v1/<route>`` after those before; returns at once."""
        with self._changed:
            self._posts.append((route, body))
            self._changed.notify_all()

    def finish(self, seconds: float = END_SECONDS) -> Delivered:
        """Wait until all is delivered, for a stream that never answered not at all; says what became of it."""
        end = time.monotonic() + seconds
        with self._changed:
            # The first answer may be on its way: the thread has been told of the posts a moment ago.
            while self._next < len(self._posts) and (self._reached or not self._problem):
                left = end - time.monotonic()
                if left <= 0:
                    break
                self._changed.wait(left)
            self._over = True
            self._changed.notify_all()
            delivered = Delivered(len(self._posts), len(self._kept), self._problem)
        self._thread.join()
        self._stream.close()
        return delivered

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._over or self._next < len(self._posts))
                if self._over:
                    return
                place = self._next
                route, body = self._posts[place]
            try:
                answer = self._answer(route, body)
            except PipelineError as error:
                with self._changed:
                    self._problem = str(error)
                    self._changed.notify_all()
                    self._changed.wait_for(lambda: self._over, AGAIN_SECONDS)
                continue
            self._note(place, answer)

    def _answer(self, route: str, body: bytes) -> _Answer:
        try:
            answer = self._stream.ask("POST", f"/v1/{route}", content=body)
        except RequestRefused as refusal:
            return _Answer(kept=False, reason=str(refusal))
        return self._stream.decoded(answer, _Answer)

    def _note(self, place: int, answer: _Answer) -> None:
        with self._changed:
            again = answer.unknown_scan and place > 0
            self._next = 0 if again else place + 1
            self._reached = True
            if answer.kept:
                self._kept.add(place)
                if len(self._kept) == len(self._posts):
                    self._problem = ""
            elif not again:
                self._kept.discard(place)
                self._problem = answer.reason
            self._changed.notify_all()
