"""One controller to a folder: the second one is told who has it.

The lock is the operating system's, on a file that is never removed: it ends with the process that holds it, however that ends.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from pathlib import Path

from beamloom.errors import UserError
from beamloom.store._claim import own_claim, read_claim

LOCK_FILE = "controller.lock"


class FolderTaken(UserError):
    """Another controller has the folder."""


class FolderLock:
    """The claim of this process on a folder."""

    def __init__(self, folder: Path, name: str) -> None:
        """Makes the folder if need be. Raises FolderTaken, naming who has it, and a UserError where the folder cannot be used."""
        path = folder / LOCK_FILE
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise UserError(
                f"the state cannot be kept in {folder} ({error.strerror}); name another folder as state_dir"
            ) from error
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = _holder(self._file)
            os.close(self._file)
            raise FolderTaken(
                f"the folder {folder} is in use by {holder}; end that one first, or give this one another state_dir"
            ) from None
        except OSError as error:
            os.close(self._file)
            raise UserError(
                f"the folder {folder} cannot be locked ({error.strerror}), as on a file system that is mounted without locks; name one on "
                "a local disk as state_dir"
            ) from error
        # Who has it is only for people: a full disk does not keep anybody from having it.
        with contextlib.suppress(OSError):
            os.ftruncate(self._file, 0)
            os.pwrite(self._file, own_claim(name), 0)

    def release(self) -> None:
        """Let others have it. May be called twice."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1


def _holder(file: int) -> str:
    written = b""
    with contextlib.suppress(OSError):
        written = os.pread(file, 4096, 0)
    holder = read_claim(written)
    if isinstance(holder, str):
        return holder
    return f"{holder}, since {time.strftime('%Y-%m-%d %H:%M:%S', time.localtime(holder.since))}"
