"""Frames that come after others take their memory, in a process that keeps what was freed."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

BATCHES = """
import ctypes, resource, sys, threading
from beamloom.services.shell.freed_memory import keep_freed_memory
keeps = sys.argv[1] == "keeps"
if keeps:
    assert keep_freed_memory()
libc = ctypes.CDLL(None)
libc.malloc.argtypes, libc.malloc.restype = [ctypes.c_size_t], ctypes.c_void_p
libc.free.argtypes = [ctypes.c_void_p]
size, count = int(sys.argv[2]), int(sys.argv[3])
def batch():
    blocks = [libc.malloc(size) for _ in range(count)]
    for block in blocks:
        ctypes.memset(block, 1, size)
    for block in blocks:
        libc.free(block)
def batches():
    batch(), batch()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(10):
        batch()
    print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
if sys.argv[4] == "main":
    batches()
else:
    thread = threading.Thread(target=batches)
    thread.start()
    thread.join()
"""
FRAMES = [(1 << 20, 20), (8 << 20, 20)]
"""Bytes, and how many are there at once: those of the second fill several heaps of a thread."""


def faults(how: str, nbytes: int, count: int, thread: str) -> int:
    """How often the operating system had to find a page for ten batches of frames."""
    command = [sys.executable, "-c", BATCHES, how, str(nbytes), str(count), thread]
    return int(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout)


@pytest.mark.skipif(
    platform.libc_ver()[0] != "glibc", reason="other C libraries do not give memory back so soon"
)
@pytest.mark.parametrize("thread", ["main", "another"])
@pytest.mark.parametrize(("nbytes", "count"), FRAMES)
def test_batches_of_frames_cost_no_new_pages_where_freed_memory_is_kept(
    nbytes: int, count: int, thread: str
) -> None:
    # 200 MB are 51,200 pages of 4 kB, and far fewer where the system hands out large ones.
    assert faults("keeps", nbytes, count, thread) < 100 < faults("gives back", nbytes, count, thread)
