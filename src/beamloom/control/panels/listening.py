"""What a panel hears of the analysis, each piece once, while pipelines come and go."""

from __future__ import annotations

import contextlib
import logging
import threading
from collections import deque
from collections.abc import Callable
from contextlib import AbstractContextManager

import msgspec

from beamloom.client import Feedback, connect
from beamloom.errors import UserError

logger = logging.getLogger(__name__)

MOST_SHOWN = 100
"""Pieces that a panel still shows."""
PAUSE_SECONDS = 0.5
"""Before a pipeline that does not answer is asked again."""


class Listening:
    """Hears in a thread of its own what the analysis says."""

    def __init__(
        self,
        url: str,
        timeout: float,
        heard: Callable[[Feedback], None],
        around: Callable[[], AbstractContextManager[object]] = contextlib.nullcontext,
    ) -> None:
        """``heard`` is called with each piece once it is in ``latest``; ``around`` is entered by the thread."""
        self.latest: deque[Feedback] = deque(maxlen=MOST_SHOWN)
        self._url = url
        self._timeout = timeout
        self._heard = heard
        self._around = around
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._listen, name="beamloom feedback", daemon=True)
        self._thread.start()

    def _listen(self) -> None:
        place = ""
        with self._around():
            while not self._over.is_set():
                try:
                    with connect(self._url, timeout=self._timeout) as pipeline:
                        for one in pipeline.feedback(after=place or None, stop=self._over):
                            place = one.place
                            self.latest.append(one)
                            self._tell(one)
                except UserError as error:
                    logger.debug("no feedback now: %s", error)
                    self._over.wait(PAUSE_SECONDS)

    def _tell(self, one: Feedback) -> None:
        try:
            self._heard(one)
        except Exception:
            # Event systems raise errors of their own, and the next piece may be more important.
            logger.warning("feedback %d cannot be told on; what comes next is", one.number, exc_info=True)

    def stop(self, *, wait: bool = True) -> None:
        """Hear no more; ``wait``: return when the thread has ended."""
        self._over.set()
        if wait:
            self._thread.join()


def as_text(one: Feedback) -> str:
    """A piece as JSON in one line."""
    return msgspec.json.encode(one).decode()
