"""The rows of a frame, shared out: into as many bands as a frame is always cut into, worked off by one thread or by several.

The number of bands does not depend on the number of threads, and sums over bands are added in the order of the bands: what comes out is the
same to the last bit, however many threads there are.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

BANDS: Final = 8

_Outcome = TypeVar("_Outcome")


def bands(rows: int, align: int = 1) -> list[tuple[int, int]]:
    """First and after the last row of each band; every band begins at a multiple of ``align``."""
    height = -(-rows // (BANDS * align)) * align
    return [(first, min(first + height, rows)) for first in range(0, rows, height)]


class Crew:
    """The threads that work on bands; with one there are none but the caller's."""

    def __init__(self, threads: int) -> None:
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="peaks") if threads > 1 else None

    def each(self, work: Callable[[int], _Outcome], count: int) -> Sequence[_Outcome]:
        """What ``work`` returns for 0 to ``count`` - 1, in this order."""
        if self._pool is None:
            return [work(index) for index in range(count)]
        return list(self._pool.map(work, range(count)))

    def close(self) -> None:
        """End the threads."""
        if self._pool is not None:
            self._pool.shutdown()
