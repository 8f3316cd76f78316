"""What a Dask worker does for a pipeline: it holds a process, as a child of its own, until that ends or nobody wants it any more.

The process ends with the Dask worker, however that ends. It is told to end where the worker is told to close, and where Dask has taken the
task back: because the supervisor has, or is gone itself, or because the scheduler had given this worker up and begun the task elsewhere.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import signal
import sys
import threading
import time
from collections.abc import Iterable, Iterator
from typing import Any, Final

import msgspec

from beamloom.exit_status import REFUSED
from beamloom.placement.children import LocalChild
from beamloom.placement.commands import HOST
from beamloom.placement.dask.words import TOPIC, Begun, Ended, Order, Said, Wrote
from beamloom.version import VERSION

LOOK: Final = 0.1
"""Seconds between two looks whether the process is wanted, and between two messages with its output."""
GRACE: Final = 5.0
"""Seconds in which a process that nobody wants may end by itself."""
MOST_LINES: Final = 100
"""Of one message; of a process that writes more than that at a time the last lines are passed on."""
LONGEST_LINE: Final = 1000
"""Characters. The scheduler keeps the last messages in its memory."""
WANTED: Final = ("executing", "long-running")
"""States of a task, at the Dask worker, that the scheduler has not taken back."""


class Held:
    """The processes that one Dask worker holds."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._children: dict[str, LocalChild] = {}

    @contextlib.contextmanager
    def holding(self, key: str, child: LocalChild) -> Iterator[None]:
        """It is to be found under this key."""
        with self._lock:
            self._children[key] = child
        try:
            yield
        finally:
            with self._lock:
                if self._children.get(key) is child:
                    del self._children[key]

    def signal(self, key: str, number: int) -> None:
        """Send it a signal; SIGTERM to the process alone, others to all that it started, too."""
        with self._lock:
            child = self._children.get(key)
        if child is not None and number == signal.SIGTERM:
            child.tell_to_end()
        elif child is not None:
            child.kill(signal.Signals(number))


class Holder:
    """Holds one process, and says what it does."""

    def __init__(self, order: Order, worker: Any) -> None:
        """``worker`` is the ``distributed.Worker``."""
        self._order = order
        self._worker = worker
        self._life = secrets.token_hex(8)
        self._lock = threading.Lock()
        self._lines: list[str] = []
        self._left_out = 0
        self._over = threading.Event()

    def hold(self, held: Held) -> Ended:
        """Start the process, in this thread, and stay until it has ended."""
        if self._order.version != VERSION:
            return self._ended(
                REFUSED,
                f"cannot run on {self._host}: Beamloom is {VERSION} there, and {self._order.version} where the pipeline was started; "
                "install the same on both",
            )
        argv = [sys.executable, *self._words(), f"--die-with-parent={os.getpid()}"]
        try:
            child = LocalChild(argv, self._order.env)
        except OSError as error:
            return self._ended(1, f"cannot be started on {self._host}: {error}")
        looking = threading.Thread(target=self._look_after, args=(child,), name="beamloom-holding")
        with held.holding(self._order.key, child):
            looking.start()
            try:
                ending = child.attend(self)
            finally:
                self._over.set()
                looking.join()
        self._pass_on_lines()
        return self._ended(ending.status, f"{ending.how} on {self._host}")

    def begun(self, pid: int, host: str = "") -> None:
        """Called by the child."""
        self._say(
            Begun(
                key=self._order.key,
                life=self._life,
                where=str(self._worker.address),
                host=self._host,
                pid=pid,
            )
        )

    def interrupted(self, sentence: str) -> None:
        """A child of this process never is."""
        raise NotImplementedError(sentence)

    def wrote(self, lines: Iterable[str]) -> None:
        """Called by the child: passed on at the next look."""
        with self._lock:
            self._lines += (line[:LONGEST_LINE] for line in lines)
            too_many = len(self._lines) - MOST_LINES
            if too_many > 0:
                self._left_out += too_many
                del self._lines[:too_many]

    @property
    def _host(self) -> str:
        from distributed.comm.addressing import get_address_host

        return str(get_address_host(self._worker.address))

    def _words(self) -> list[str]:
        return [word.replace(HOST, self._host) for word in self._order.argv]

    def _ended(self, status: int, how: str) -> Ended:
        ended = Ended(key=self._order.key, life=self._life, status=status, how=how)
        self._say(ended)
        return ended

    def _say(self, said: Said) -> None:
        self._worker.log_event(TOPIC, [self._order.token, msgspec.msgpack.encode(said)])

    def _look_after(self, child: LocalChild) -> None:
        told_at: float | None = None
        while not self._over.wait(LOOK):
            self._pass_on_lines()
            if told_at is None and not self._is_wanted():
                told_at = time.monotonic()
                child.tell_to_end()
            elif told_at is not None and time.monotonic() - told_at > GRACE:
                child.kill(signal.SIGKILL)

    def _pass_on_lines(self) -> None:
        with self._lock:
            lines, self._lines = self._lines, []
            left_out, self._left_out = self._left_out, 0
        if left_out:
            lines.insert(0, f"({left_out} lines before these were left out)")
        if lines:
            self._say(Wrote(key=self._order.key, lines=tuple(lines)))

    def _is_wanted(self) -> bool:
        task = self._worker.state.tasks.get(self._order.key)
        return task is not None and task.state in WANTED and self._worker.status.name in ("running", "paused")


_HELD = Held()


def hold(order: bytes) -> bytes:
    """The task: hold a process until it has ended; returns how, as ``Ended``. Called by Dask."""
    from distributed import get_worker

    return msgspec.msgpack.encode(Holder(msgspec.msgpack.decode(order, type=Order), get_worker()).hold(_HELD))


def send_signals(signals: Iterable[tuple[str, int]]) -> None:
    """Called by Dask on workers: send signals to processes that are held there, by the keys of their tasks."""
    for key, number in signals:
        _HELD.signal(key, number)
