"""Promises about time, held on a machine that others use too.

Somebody else may take the processors away in any one second, so one measurement that is too long says nothing; the code says the same
each time. A promise is broken when each of a few attempts breaks it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

ATTEMPTS = 4


class Stopwatch:
    """Seconds that a block took."""

    seconds = 0.0


@contextmanager
def timed() -> Iterator[Stopwatch]:
    """Measures what is done within."""
    watch, begin = Stopwatch(), time.monotonic()
    yield watch
    watch.seconds = time.monotonic() - begin


def soon_enough(attempt: Callable[[], float], limit: float, attempts: int = ATTEMPTS) -> None:
    """``attempt`` returns how long something took: once at least, less than ``limit``. The first that does is the last."""
    took: list[float] = []
    for _ in range(attempts):
        took.append(attempt())
        if took[-1] < limit:
            return
    raise AssertionError(
        f"each attempt took longer than {limit:g}: {', '.join(f'{one:.2f}' for one in took)}"
    )
