"""Frames that come after others take their memory, in a process that keeps what was freed."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

BATCHES = """
import ctypes, resource, sys
from beamloom.services.freed_memory import keep_freed_memory
keeps = sys.argv[1] == "keeps"
if keeps:
    assert keep_freed_memory()
libc = ctypes.CDLL(None)
libc.malloc.argtypes, libc.malloc.restype = [ctypes.c_size_t], ctypes.c_void_p
libc.free.argtypes = [ctypes.c_void_p]
def batch():
    blocks = [libc.malloc(1 << 20) for _ in range(20)]
    for block in blocks:
        ctypes.memset(block, 1, 1 << 20)
    for block in blocks:
        libc.free(block)
batch(), batch()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(10):
    batch()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def faults(how: str) -> int:
    """How often the operating system had to find a page for ten batches of twenty frames of 1 MB."""
    ran = subprocess.run([sys.executable, "-c", BATCHES, how], stdout=subprocess.PIPE, check=True)
    return int(ran.stdout)


@pytest.mark.skipif(
    platform.libc_ver()[0] != "glibc", reason="other C libraries do not give memory back so soon"
)
def test_batches_of_frames_cost_no_new_pages_where_freed_memory_is_kept() -> None:
    # 200 MB are 51,200 pages of 4 kB, and far fewer where the system hands out large ones.
    assert faults("keeps") < 100 < faults("gives back")
