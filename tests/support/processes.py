"""Processes below others, which tests kill."""

from __future__ import annotations

import contextlib
import os
import random
import signal
from pathlib import Path

from support.waiting import until

_PROC = Path("/proc")


def below(parent: int, words: str) -> list[int]:
    """Processes that ``parent`` has started, and those have, whose command has these words; by their numbers."""
    parents: dict[int, int] = {}
    for entry in _PROC.iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                parents[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
    found, todo = [], [parent]
    while todo:
        here = todo.pop()
        children = [pid for pid, above in parents.items() if above == here]
        todo += children
        found += [pid for pid in children if words in _command(pid)]
    return sorted(found)


def end_one_below(parent: int, words: str, chance: random.Random) -> None:
    """Kill one of them, as soon as there is one."""
    pids = until(lambda: below(parent, words), f"process {parent} has one that is called {words}")
    with contextlib.suppress(ProcessLookupError):
        os.kill(chance.choice(pids), signal.SIGKILL)


def _command(pid: int) -> str:
    with contextlib.suppress(OSError):
        return (_PROC / str(pid) / "cmdline").read_bytes().replace(b"\0", b" ").decode()
    return ""
