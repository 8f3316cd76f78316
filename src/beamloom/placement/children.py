"""One child process from its start to its end: what it writes, and what it leaves behind.

Each child is attended by the thread that started it, which outlives it; Linux ends a child when the *thread* that started it
ends, so children must never be started from a thread that may end before them.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Protocol

import msgspec

LONGEST_LINE = 65536
CHUNK = 65536
PIPE_CAPACITY = 1 << 20
"""The largest pipe that Linux gives without privileges, in bytes."""
POLL_INTERVAL = 0.2
"""Seconds between two looks at a child where the system does not tell when it ends."""


class ProcessSpec(msgspec.Struct, frozen=True):
    """What to start."""

    name: str
    argv: tuple[str, ...]
    env: Mapping[str, str] = {}
    """Variables beside those of the supervisor."""
    stop_stage: int = 0
    """Lower stages are told to end earlier."""
    is_worker: bool = False
    """Whether it is one of many workers, of which there may be more or fewer."""
    kind: int = 0
    """Of a worker: the group of the pipeline file that it is of, from 0."""
    ground: str = ""
    """Where it runs, by the name of a ``Ground`` of the placement; empty: on this machine."""


class Ending(msgspec.Struct, frozen=True, kw_only=True):
    """How a child ended."""

    status: int
    """Its exit status; below 0 the signal that killed it, as of ``subprocess``."""
    how: str
    """What goes behind its name in a sentence: ``was killed by SIGKILL``."""


class Watcher(Protocol):
    """Who is told what a child does; called from any thread."""

    def begun(self, pid: int, host: str = "") -> None:
        """It runs from now on, as this process; ``host`` where that is not this machine."""

    def interrupted(self, sentence: str) -> None:
        """It does not run, and will again without anybody's help; the sentence says what it waits for."""

    def wrote(self, lines: Iterator[str]) -> None:
        """Lines of its output, without their ends."""


class Child(Protocol):
    """One process that was asked for."""

    def attend(self, watcher: Watcher) -> Ending:
        """Stay with it, by the thread that asked for it, until it has ended and with it all that it started."""

    def tell_to_end(self) -> None:
        """Send SIGTERM; returns at once."""

    def kill(self, number: signal.Signals) -> int | None:
        """Send a signal to it and all that it started; returns its pid, None when it does not run."""


Ground = Callable[[ProcessSpec], Child]
"""Starts a process somewhere. Raises OSError where it cannot be started at all."""


class LocalChild:
    """A child process of this one."""

    def __init__(self, argv: Sequence[str], env: Mapping[str, str]) -> None:
        """Start it, ``env`` beside the variables of this process. Raises OSError."""
        self._lock = threading.Lock()
        self._child = subprocess.Popen(
            argv,
            env={**os.environ, "PYTHONUNBUFFERED": "1", **env},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    @classmethod
    def of(cls, spec: ProcessSpec) -> LocalChild:
        """The ground that is this machine. Raises OSError."""
        return cls(spec.argv, spec.env)

    @property
    def pid(self) -> int:
        """Of the process, also when it has ended."""
        return self._child.pid

    def tell_to_end(self) -> None:
        """Send SIGTERM; returns at once."""
        with self._lock:
            if self._child.returncode is None:
                os.kill(self._child.pid, signal.SIGTERM)

    def kill(self, number: signal.Signals = signal.SIGKILL) -> int | None:
        """Send a signal to the child and all that it started; returns its pid, None when it does not run."""
        with self._lock:
            if self._child.returncode is not None:
                return None
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._child.pid, number)
            return self._child.pid

    def attend(self, watcher: Watcher) -> Ending:
        """Read the child's output until it has ended, then end whatever it left behind in its group."""
        if self._child.stdout is None:
            raise RuntimeError("the child was started without a pipe for its output")
        watcher.begun(self._child.pid)
        pipe = self._child.stdout.fileno()
        os.set_blocking(pipe, False)
        cutter = _LineCutter()
        self._read_until_ended(pipe, cutter, watcher)
        with self._lock:
            # Only now is the child reaped: until here nobody else can have its pid, and so its group.
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._child.pid, signal.SIGKILL)
            status = self._child.wait()
        watcher.wrote(cutter.cut(what_is_left(pipe)))
        watcher.wrote(cutter.rest())
        self._child.stdout.close()
        return Ending(status=status, how=how_it_ended(status))

    def _read_until_ended(self, pipe: int, cutter: _LineCutter, watcher: Watcher) -> None:
        with contextlib.ExitStack() as stack:
            # Unlike other kinds it needs no file descriptor, of which there may be none left.
            selector = stack.enter_context(selectors.PollSelector())
            selector.register(pipe, selectors.EVENT_READ)
            ended = _pidfd(self._child.pid)
            if ended is not None:
                stack.callback(os.close, ended)
                selector.register(ended, selectors.EVENT_READ)
            while True:
                ready = {key.fd for key, _ in selector.select(None if ended is not None else POLL_INTERVAL)}
                if ended in ready or (ended is None and self._child.poll() is not None):
                    return
                if pipe in ready:
                    chunk = os.read(pipe, CHUNK)
                    watcher.wrote(cutter.cut(chunk))
                    if not chunk:
                        selector.unregister(pipe)


class _LineCutter:
    """Cuts a stream of bytes into lines of text; a line that never ends is cut at LONGEST_LINE bytes."""

    def __init__(self) -> None:
        self._begun = b""

    def cut(self, chunk: bytes) -> Iterator[str]:
        *lines, self._begun = (self._begun + chunk).split(b"\n")
        if len(self._begun) > LONGEST_LINE:
            lines.append(self._begun)
            self._begun = b""
        return (line.rstrip(b"\r").decode(errors="replace") for line in lines)

    def rest(self) -> Iterator[str]:
        begun, self._begun = self._begun, b""
        return iter([begun.decode(errors="replace")] if begun else [])


def _pidfd(pid: int) -> int | None:
    """A file descriptor that becomes readable when the child ends; None where the system has none."""
    if not hasattr(os, "pidfd_open"):
        return None
    try:
        return os.pidfd_open(pid)
    except OSError:
        return None


def what_is_left(pipe: int) -> bytes:
    """What still stands in a pipe whose writers are gone, or should be."""
    left = b""
    with contextlib.suppress(BlockingIOError):
        while len(left) < PIPE_CAPACITY and (chunk := os.read(pipe, CHUNK)):
            left += chunk
    return left


def how_it_ended(status: int) -> str:
    """What goes behind its name in a sentence."""
    if status >= 0:
        return f"ended with exit status {status}"
    try:
        return f"was killed by {signal.Signals(-status).name}"
    except ValueError:
        return f"was killed by signal {-status}"
