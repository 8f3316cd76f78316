"""Memory of frames that are done with serves the next frames, and does not go back to the operating system in between.

By default the C library gives the end of its heap back whenever a few megabytes of it are free: a process through which frames of a
megabyte flow in batches gives everything back with each batch, and the operating system has to find and clear every page anew. That takes
more than half as long again as receiving the frames (frames of 1 MB by ZeroMQ: 240 µs of CPU time each, and not 150).

Threads other than the main one, such as those in which ZeroMQ receives, have heaps of 64 MB, which hold a few large frames each. One that
is empty goes back as a whole once the one before it has room for what is allotted in reserve: so the reserve is as large as a heap.
What a process keeps by all this is at most what it has needed at once.
"""

from __future__ import annotations

import ctypes
import sys
from typing import Final

_M_TRIM_THRESHOLD: Final = -1
_M_TOP_PAD: Final = -2
_M_MMAP_THRESHOLD: Final = -3
KEPT_BYTES: Final = 2**30
"""Free bytes at the end of a heap from which on they are given back."""
_LARGEST_IN_HEAP: Final = 2**25
"""Larger blocks are mapped one by one; no more is possible, and what glibc itself goes up to. Said, because it stays at 128 kB otherwise
once the other limit is set."""
_RESERVE: Final = 2**26
"""Bytes of address space that a heap grows by at least, memory only once they are used: as large as the heap of a thread, which
by this is never given back."""


def keep_freed_memory() -> bool:
    """Set this process so, for as long as it lives; false where the C library knows no such limits (other than glibc's)."""
    if not sys.platform.startswith("linux"):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    mallopt.argtypes, mallopt.restype = [ctypes.c_int, ctypes.c_int], ctypes.c_int
    limits = (
        (_M_MMAP_THRESHOLD, _LARGEST_IN_HEAP),
        (_M_TRIM_THRESHOLD, KEPT_BYTES),
        (_M_TOP_PAD, _RESERVE),
    )
    return all(mallopt(limit, nbytes) for limit, nbytes in limits)
