"""Hits on disk: a file each, in a folder that is gone when its process is.

The folder is locked while its process lives. Folders beside it that are not locked were left by processes that were
killed, and are removed.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import tempfile
from collections.abc import Hashable
from pathlib import Path

_PREFIX = "waiting-hits-"
_LOCK = "lock"


class SpilledHits:
    """The hits that one stream has put on disk. Errors of the disk are OSErrors."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        _sweep(folder)
        self._folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=folder))
        self._lock = os.open(self._folder / _LOCK, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        self._files: dict[Hashable, Path] = {}
        self._written = 0

    def write(self, hit: Hashable, message: memoryview) -> None:
        """Put the message of a hit on disk."""
        self._written += 1
        path = self._folder / f"{self._written}.msgpack"
        try:
            path.write_bytes(message)
        except OSError:
            path.unlink(missing_ok=True)
            raise
        self._files[hit] = path

    def read(self, hit: Hashable) -> memoryview:
        """The message of a hit that was put on disk."""
        if hit not in self._files:
            raise FileNotFoundError(f"{hit} is not on disk")
        return memoryview(self._files[hit].read_bytes())

    def forget(self, hit: Hashable) -> None:
        """Remove the file of a hit, if it has one."""
        path = self._files.pop(hit, None)
        if path is not None:
            path.unlink(missing_ok=True)

    def close(self) -> None:
        """Remove everything."""
        shutil.rmtree(self._folder, ignore_errors=True)
        os.close(self._lock)


def _sweep(folder: Path) -> None:
    for left in folder.glob(f"{_PREFIX}*"):
        with contextlib.suppress(OSError):
            lock = os.open(left / _LOCK, os.O_RDWR | os.O_CLOEXEC)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(left, ignore_errors=True)
            finally:
                os.close(lock)
