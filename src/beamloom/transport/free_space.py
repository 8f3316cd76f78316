"""How much room is left on a disk."""

from __future__ import annotations

import os
from pathlib import Path


def free_bytes(folder: Path) -> int | None:
    """What a user may still write on the disk of a folder, which need not exist yet; None where nobody can tell."""
    try:
        above = folder.absolute().parents
    except OSError:
        # That of this process is gone, and with it whatever is named from there.
        return None
    for place in (folder, *above):
        try:
            found = os.statvfs(place)
        except FileNotFoundError:
            continue
        except OSError:
            return None
        return found.f_bavail * found.f_frsize
    return None
