"""Whether a writer on this machine holds a file locked, as HDF5 does with what it writes, unless it lets others read along (SWMR).

Seen in the kernel's table of locks: trying to lock the file would for a moment refuse it to its writer. Locks of other machines are
not seen.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

_TABLE: Final = Path("/proc/locks")


def is_locked(path: Path) -> bool:
    """Whether a process holds a lock for writing; false where nobody can tell."""
    try:
        status = os.stat(path)
        table = _TABLE.read_text()
    except OSError:
        return False
    device = f"{os.major(status.st_dev):02x}:{os.minor(status.st_dev):02x}:{status.st_ino}"
    return any(
        "WRITE" in words and device in words and "->" not in words
        for words in map(str.split, table.splitlines())
    )
