"""One engine for one ledger: the folder is locked as long as the process lives, however it ends."""

from __future__ import annotations

import contextlib
import errno
import os
from pathlib import Path
from typing import IO, Any, Final

from beamloom.rules.errors import LedgerError

FILE: Final = "engine.lock"
_NO_LOCKS: Final = {errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOLCK}


class FolderInUse(LedgerError):
    """Another process works off the rules of this folder."""


def lock(folder: Path) -> IO[Any]:
    """The lock of ``folder``, held until it is closed. Raises FolderInUse, LedgerError."""
    path = folder / FILE
    try:
        folder.mkdir(parents=True, exist_ok=True)
        file = open(path, "a+", errors="replace")  # noqa: SIM115 - as long as the engine
    except OSError as error:
        raise LedgerError(f"{path} cannot be opened: {error.strerror}; name another folder") from error
    try:
        _lock(file)
    except OSError as error:
        if error.errno in _NO_LOCKS:
            file.close()
            raise LedgerError(
                f"the file system of {folder} has no locks ({error.strerror}); name a folder on a local disk"
            ) from error
        file.seek(0)
        owner = file.read().strip() or "unknown"
        file.close()
        raise FolderInUse(
            f"the rules of {folder} are worked off by process {owner}; end it, or name another folder"
        ) from error
    # Only a sentence needs it; a disk that is full holds nobody up here.
    with contextlib.suppress(OSError):
        os.ftruncate(file.fileno(), 0)
        os.write(file.fileno(), str(os.getpid()).encode())
    return file


if os.name == "nt":  # pragma: no cover

    def _lock(file: IO[Any]) -> None:
        import msvcrt

        file.seek(4096)
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined]
        file.seek(0)

else:

    def _lock(file: IO[Any]) -> None:
        import fcntl

        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
