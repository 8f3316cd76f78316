"""Memory of frames that are done with serves the next frames, and does not go back to the operating system in between.

By default the C library gives the end of its heap back whenever a few megabytes of it are free: a process through which frames of a
megabyte flow in batches gives everything back with each batch, and the operating system has to find and clear every page anew. That takes
more than half as long again as receiving the frames (frames of 1 MB by ZeroMQ: 240 µs of CPU time each, and not 150).
What a process keeps by this is at most what it has needed at once.
"""

from __future__ import annotations

import ctypes
import sys
from typing import Final

_M_TRIM_THRESHOLD: Final = -1
_M_MMAP_THRESHOLD: Final = -3
KEPT_BYTES: Final = 2**30
"""Free bytes at the end of a heap from which on they are given back."""
_LARGEST_IN_HEAP: Final = 2**25
"""Larger blocks are mapped one by one; no more is possible, and what glibc itself goes up to. Said, because it stays at 128 kB otherwise
once the other limit is set."""


def keep_freed_memory() -> bool:
    """Set this process so, for as long as it lives; false where the C library knows no such limits (other than glibc's)."""
    if not sys.platform.startswith("linux"):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    mallopt.argtypes, mallopt.restype = [ctypes.c_int, ctypes.c_int], ctypes.c_int
    return bool(mallopt(_M_MMAP_THRESHOLD, _LARGEST_IN_HEAP)) and bool(mallopt(_M_TRIM_THRESHOLD, KEPT_BYTES))
