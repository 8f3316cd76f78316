"""What other threads want done in the thread of a service.

Policy: a service has one thread that changes anything. Others hand over a call and are given its outcome; the calls are made
in their order.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, TypeVar

T = TypeVar("T")


class Commands:
    """Calls that wait to be made."""

    def __init__(self, wake: Callable[[], None]) -> None:
        """``wake`` wakes the thread of the service."""
        self._wake = wake
        self._waiting: deque[tuple[Callable[[], Any], Future[Any]]] = deque()

    def ask(self, command: Callable[[], T]) -> Future[T]:
        """Have ``command`` called; may be called from any thread."""
        answer: Future[T] = Future()
        self._waiting.append((command, answer))
        self._wake()
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
