"""How much room is left in the folders that a process writes to.

Asked in a thread of its own: a file server that hangs must not make the process look dead.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from beamloom.transport.free_space import free_bytes

ASK_EVERY = 5.0
"""Seconds between two looks."""


class DiskWatch:
    """Looks at some folders until it is closed."""

    def __init__(self, folders: Mapping[str, Path | str | None]) -> None:
        """``folders`` by what is written there; those that are None are left out."""
        self._folders = {purpose: Path(folder) for purpose, folder in folders.items() if folder}
        self._found: list[dict[str, Any]] = []
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="disks", daemon=True)
        if self._folders:
            self._thread.start()

    def told(self) -> list[dict[str, Any]]:
        """Path, purpose and free bytes of each, as of the last look; may be called in any thread."""
        return self._found

    def _watch(self) -> None:
        while True:
            self._found = [
                {"path": str(folder), "purpose": purpose, "free": free}
                for purpose, folder in self._folders.items()
                if (free := free_bytes(folder)) is not None
            ]
            if self._over.wait(ASK_EVERY):
                return

    def close(self) -> None:
        """Look no more."""
        self._over.set()
        if self._folders:
            self._thread.join(timeout=1.0)


def folder_of(pattern: str) -> Path | None:
    """The folder of a path with fields such as ``results/{date}/{run}.h5``: what is before the first of them."""
    if not pattern:
        return None
    fixed, field, _ = pattern.partition("{")
    return Path(fixed).parent if not field or not fixed.endswith("/") else Path(fixed)
