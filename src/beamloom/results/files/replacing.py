"""A file that is replaced by newer versions of itself, and is whole at every moment.

Each version is written under a temporary name in the same folder, synced to the disk, and renamed. A file of somebody else is never
replaced: the first version takes its name only if that is free, else ``name_1``, ``name_2``, ...; and should another file
have come to stand there meanwhile, the next version goes under the next free name. Whoever is killed leaves a temporary file, which is
removed by the next one that writes into the folder.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import itertools
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from beamloom.results.files.raw import RawFile

UNFINISHED = ".beamloom-part"
"""How temporary names end."""
ABANDONED_SECONDS = 86_400
"""Age of what is left over, where nothing else tells that nobody writes to it."""
_NO_LINKS = {errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK}
_NO_LOCKS = {errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOLCK}
"""What ``flock`` answers on a file system without it, such as a Lustre that is mounted without the option."""


class ReplacedFile:
    """One file and its versions."""

    def __init__(self, wanted: Path) -> None:
        self.wanted = wanted
        self.path: Path | None = None
        """Where the newest version is; None before the first."""
        self._ours: tuple[int, int] | None = None

    def replace(
        self, write: Callable[[RawFile], object], then: Callable[[Path], object] = lambda path: None
    ) -> Path:
        """Make what ``write`` writes the newest version; returns where it is. Raises OSError, and has changed nothing then.

        ``then`` is given the file, whole and under its temporary name.
        """
        folder = self.wanted.parent
        folder.mkdir(parents=True, exist_ok=True)
        if self.path is None:
            remove_unfinished(folder)
        unfinished = folder / f".{self.wanted.name}.{os.getpid()}{UNFINISHED}"
        descriptor = os.open(unfinished, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o666)
        try:
            lock_where_possible(descriptor)
            self._fill(descriptor, write)
            then(unfinished)
            identity = _identity(os.fstat(descriptor))
            # HDF5 locks what it opens in the same way: readers must find the file free as soon as it has its name.
            unlock(descriptor)
            self.path = self._take_name(unfinished)
            self._ours = identity
        finally:
            with contextlib.suppress(OSError):
                unfinished.unlink(missing_ok=True)
            os.close(descriptor)
        _sync_folder(folder)
        return self.path

    @staticmethod
    def _fill(descriptor: int, write: Callable[[RawFile], object]) -> None:
        raw = RawFile(descriptor)
        try:
            write(raw)
        except Exception:
            # What HDF5 says of a disk that is full is not the reason.
            if raw.error is not None:
                raise raw.error from None
            raise
        if raw.error is not None:
            raise raw.error
        os.fsync(descriptor)

    def _take_name(self, unfinished: Path) -> Path:
        if self.path is not None and _identity_at(self.path) == self._ours:
            unfinished.replace(self.path)
            return self.path
        for path in numbered(self.wanted):
            with contextlib.suppress(FileExistsError):
                _link(unfinished, path)
                return path
        raise AssertionError("numbers do not end")


def numbered(wanted: Path) -> Iterator[Path]:
    """``wanted``, and then the same name with ``_1``, ``_2``, ... before its ending."""
    yield wanted
    for number in itertools.count(1):
        yield wanted.with_name(f"{wanted.stem}_{number}{wanted.suffix}")


def lock_where_possible(descriptor: int) -> None:
    """Say that somebody writes here. Where the file system has no locks, nobody can be told, and only what is old is removed."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno not in _NO_LOCKS:
            raise


def nobody_writes(descriptor: int) -> bool:
    """Whether whoever has made this is gone: nobody locks it or, where there are no locks, it is older than what is still written."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        return error.errno in _NO_LOCKS and time.time() - os.fstat(descriptor).st_mtime > ABANDONED_SECONDS
    return True


def unlock(descriptor: int) -> None:
    """Take that back."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_UN)
    except OSError as error:
        if error.errno not in _NO_LOCKS:
            raise


def remove_unfinished(folder: Path) -> None:
    """Remove the temporary files in ``folder`` that nobody writes to any more."""
    for path in folder.glob(f".*{UNFINISHED}"):
        with contextlib.suppress(OSError):
            descriptor = os.open(path, os.O_RDWR)
            try:
                if nobody_writes(descriptor):
                    path.unlink()
            finally:
                os.close(descriptor)


def _link(unfinished: Path, path: Path) -> None:
    """Give the file a name that must be free. Raises FileExistsError."""
    try:
        os.link(unfinished, path)
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        # A file system without links: for a moment there is an empty file.
        os.close(os.open(path, os.O_CREAT | os.O_EXCL))
        unfinished.replace(path)


def _identity(status: os.stat_result) -> tuple[int, int]:
    return status.st_dev, status.st_ino


def _identity_at(path: Path) -> tuple[int, int] | None:
    try:
        return _identity(path.stat())
    except OSError:
        return None


def _sync_folder(folder: Path) -> None:
    """Let the name itself survive a power failure, where folders can be synced."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
