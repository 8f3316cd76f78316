"""What a test has left behind: threads, processes, shared memory.

A process that a test starts inherits a mark in its environment, and so do all that it starts in turn. That finds the orphans
of a killed parent too, and never takes the processes of another test run on the same machine for ours.
"""

from __future__ import annotations

import contextlib
import multiprocessing.forkserver
import multiprocessing.resource_tracker
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")

MARK = "PYTEST_LEFT_BEHIND_MARK"
GRACE = 3.0
"""Seconds in which a thread or a process that was told to end may still do so."""
ATTEMPTS = 100
"""Looks at the children of this process, where a thread ends in the middle of each look."""
_PROC = Path("/proc")
_SHM = Path("/dev/shm")


@dataclass(frozen=True)
class Surroundings:
    """What was there before the test."""

    mark: str
    threads: frozenset[threading.Thread]
    children: frozenset[int]
    segments: frozenset[str]

    @classmethod
    def now(cls, mark: str) -> Surroundings:
        """The surroundings at this moment; ``mark`` is unique to the test."""
        return cls(mark, frozenset(threading.enumerate()), frozenset(_children()), frozenset(_segments()))

    def left_threads(self) -> list[str]:
        """Threads that were not there before, and not waited for."""
        return [thread.name for thread in threading.enumerate() if thread not in self.threads]

    def left_processes(self) -> list[int]:
        """Children that were not there before (ended but not waited for counts), and their orphans."""
        found = (_children() - self.children) | set(_marked(self.mark))
        return sorted(found - _multiprocessing_helpers())

    def left_segments(self) -> list[str]:
        """Shared memory that was not there before and that no other process uses: what nobody will ever remove."""
        new = _segments() - self.segments
        return sorted(new - _used_by_others()) if new else []

    def left(self) -> list[str]:
        """One line for each thing left behind, after a short grace."""
        return [
            *(f"thread {name}" for name in _after_grace(self.left_threads)),
            *(f"process {pid}: {_command(pid)}" for pid in _after_grace(self.left_processes)),
            *(f"shared memory {_SHM / name}" for name in _after_grace(self.left_segments)),
        ]

    def sweep(self) -> None:
        """Remove the processes and the shared memory, so that the next test starts clean."""
        for pid in self.left_processes():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
            with contextlib.suppress(ChildProcessError):
                os.waitpid(pid, 0)
        for name in self.left_segments():
            (_SHM / name).unlink(missing_ok=True)


def _after_grace(look: Callable[[], list[T]]) -> list[T]:
    deadline = time.monotonic() + GRACE
    while (left := look()) and time.monotonic() < deadline:
        time.sleep(0.01)
    return left


def _children() -> set[int]:
    for _ in range(ATTEMPTS):
        # A thread that ends meanwhile leaves its children to another one, which may have been looked at already.
        with contextlib.suppress(OSError):
            lists = [(task / "children").read_text() for task in (_PROC / "self/task").iterdir()]
            return {int(pid) for line in lists for pid in line.split()}
    return set()


def _others() -> Iterator[Path]:
    if _PROC.is_dir():
        own = str(os.getpid())
        yield from (entry for entry in _PROC.iterdir() if entry.name.isdigit() and entry.name != own)


def _marked(mark: str) -> Iterator[int]:
    wanted = f"{MARK}={mark}".encode()
    for entry in _others():
        with contextlib.suppress(OSError):
            if wanted in (entry / "environ").read_bytes().split(b"\0"):
                yield int(entry.name)


def _multiprocessing_helpers() -> set[int]:
    # Python starts these once and keeps them for the life of the process.
    return {
        getattr(multiprocessing.resource_tracker._resource_tracker, "_pid", None) or 0,
        getattr(multiprocessing.forkserver._forkserver, "_forkserver_pid", None) or 0,
    }


def _command(pid: int) -> str:
    try:
        return (
            (_PROC / str(pid) / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
        )
    except OSError:
        return "ended, but nobody waited for it"


def _segments() -> set[str]:
    return {path.name for path in _SHM.glob("beamloom*")} if _SHM.is_dir() else set()


def _used_by_others() -> set[str]:
    used: set[str] = set()
    for entry in _others():
        with contextlib.suppress(OSError):
            maps = (entry / "maps").read_text()
            used.update(Path(part).name for part in maps.split() if part.startswith(f"{_SHM}/"))
    return used
