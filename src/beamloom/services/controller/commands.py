"""What other threads want done in the thread of a service.

Policy: a service has one thread that changes anything. Others hand over a call and are given its outcome; the calls are made
in their order. Once the service ends no call is made any more, and whoever waits is told so.
"""

from __future__ import annotations

import contextlib
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, TypeVar

from beamloom.errors import UserError

T = TypeVar("T")


class ServiceEnds(UserError):
    """A call that is not made any more."""


class Commands:
    """Calls that wait to be made."""

    def __init__(self, wake: Callable[[], None]) -> None:
        """``wake`` wakes the thread of the service."""
        self._wake = wake
        self._waiting: deque[tuple[Callable[[], Any], Future[Any]]] = deque()
        self._ended: str | None = None

    def ask(self, command: Callable[[], T]) -> Future[T]:
        """Have ``command`` called; may be called from any thread."""
        answer: Future[T] = Future()
        self._waiting.append((command, answer))
        self._wake()
        if self._ended is not None:
            self._refuse(self._ended)
        return answer

    def carry_out(self, before_answering: Callable[[], None] = lambda: None) -> None:
        """Make the calls; to be called in the service's own thread. What a call raises goes to who asked for it.

        ``before_answering`` is called when a call has been made and nobody knows its outcome yet.
        """
        while self._waiting:
            command, answer = self._waiting.popleft()
            if answer.set_running_or_notify_cancel():
                try:
                    outcome = command()
                    before_answering()
                except Exception as error:
                    answer.set_exception(error)
                else:
                    answer.set_result(outcome)

    def end(self, reason: str) -> None:
        """Make no calls any more: those that wait, and all that come, are told that the service ends, and why."""
        self._ended = f"this process ends ({reason}); ask again when it, or the next one, is there"
        self._refuse(self._ended)

    def _refuse(self, sentence: str) -> None:
        # Two threads may do so at once, and each takes what is left.
        with contextlib.suppress(IndexError):
            while True:
                _, answer = self._waiting.popleft()
                if answer.set_running_or_notify_cancel():
                    answer.set_exception(ServiceEnds(sentence))
