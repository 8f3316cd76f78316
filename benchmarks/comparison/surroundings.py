"""What else went on while something was measured: time that the host gave to other machines, and how fast this one is by itself."""

from __future__ import annotations

import time
from pathlib import Path
from statistics import median

STAT = Path("/proc/stat")
STOLEN = 8
"""Which number of the first line, the name counted."""
ALL = slice(1, 9)
"""Those that add up to all time; time of guests is in that of the user already."""
TURNS = 300_000


class Stolen:
    """Counts from when it is made."""

    def __init__(self) -> None:
        self._begin = _times()

    def share(self) -> float:
        """The part of the processors' time that went to other machines since then; 0 where the system does not tell."""
        stolen, whole = (now - before for now, before in zip(_times(), self._begin, strict=True))
        return stolen / whole if whole else 0.0


def _times() -> tuple[int, int]:
    if not STAT.exists():
        return 0, 0
    fields = STAT.read_text().splitlines()[0].split()
    return int(fields[STOLEN]), sum(map(int, fields[ALL]))


def loop_ns() -> float:
    """Nanoseconds of one turn of a plain Python loop that adds numbers, the median of several tries: to compare machines by."""
    return median(_one_loop() for _ in range(7))


def _one_loop() -> float:
    begin = time.perf_counter_ns()
    total = 0
    for number in range(TURNS):
        total += number
    return (time.perf_counter_ns() - begin) / TURNS
