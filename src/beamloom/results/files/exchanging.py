"""A folder that is replaced by newer versions of itself, in one step where the system can do that.

Each version is written under a temporary name beside it, synced, and exchanged for the one before (``renameat2`` of Linux), so that there
is a whole folder under the name at every moment. Where two folders cannot be exchanged (NFS), the old one is moved aside first, and for
a moment there is none: who is killed just then leaves it as ``.name.before.beamloom-part``, and the next one that writes beside it puts it
back. As with files, nothing of somebody else is replaced, and other temporary folders that nobody writes to any more are removed.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import shutil
from collections.abc import Callable
from pathlib import Path

from beamloom.results.files.replacing import UNFINISHED, lock_where_possible, nobody_writes, numbered

_AT_FDCWD = -100
_NOREPLACE, _EXCHANGE = 1, 2
_BEFORE = f".before{UNFINISHED}"
_CANNOT = {errno.EINVAL, errno.ENOSYS, errno.ENOTSUP}


class ExchangedFolder:
    """One folder and its versions."""

    def __init__(self, wanted: Path) -> None:
        self.wanted = wanted
        self.path: Path | None = None
        """Where the newest version is; None before the first."""
        self._ours: tuple[int, int] | None = None

    def replace(self, write: Callable[[Path], object]) -> Path:
        """Make what ``write`` writes the newest version; returns where it is. Raises OSError, and has changed nothing then."""
        folder = self.wanted.parent
        folder.mkdir(parents=True, exist_ok=True)
        remove_unfinished_folders(folder)
        unfinished = folder / f".{self.wanted.name}.{os.getpid()}{UNFINISHED}"
        unfinished.mkdir()
        descriptor = os.open(unfinished, os.O_RDONLY | os.O_DIRECTORY)
        try:
            lock_where_possible(descriptor)
            write(unfinished)
            _sync_file_system(descriptor)
            self.path = self._take_name(unfinished)
            self._ours = _identity(self.path)
            _sync_file_system(descriptor)
        finally:
            shutil.rmtree(unfinished, ignore_errors=True)
            os.close(descriptor)
        return self.path

    def _take_name(self, unfinished: Path) -> Path:
        if self.path is not None and _identity(self.path) == self._ours:
            exchange(unfinished, self.path)
            return self.path
        for path in numbered(self.wanted):
            with contextlib.suppress(FileExistsError):
                _take_free_name(unfinished, path)
                return path
        raise AssertionError("numbers do not end")


def exchange(new: Path, present: Path) -> None:
    """Put ``new`` where ``present`` is, and the other way round where that is possible; else ``new`` is gone."""
    try:
        _rename(new, present, _EXCHANGE)
    except OSError as error:
        if error.errno not in _CANNOT:
            raise
        aside = present.with_name(f".{present.name}{_BEFORE}")
        present.rename(aside)
        new.rename(present)
        shutil.rmtree(aside, ignore_errors=True)


def remove_unfinished_folders(folder: Path) -> None:
    """Remove the temporary folders in ``folder`` that nobody writes to any more, and put back what was moved aside."""
    stuck = set()
    for path in folder.glob(f".*{_BEFORE}"):
        name = folder / path.name[1:].removesuffix(_BEFORE)
        if not name.exists():
            try:
                path.rename(name)
            except OSError:
                # It is somebody else's, or something stands in the way: it stays, and ours is written all the same.
                stuck.add(path)
    for path in set(folder.glob(f".*{UNFINISHED}")) - stuck:
        with contextlib.suppress(OSError):
            descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
            try:
                if nobody_writes(descriptor):
                    shutil.rmtree(path)
            finally:
                os.close(descriptor)


def _take_free_name(unfinished: Path, path: Path) -> None:
    """Raises FileExistsError."""
    try:
        _rename(unfinished, path, _NOREPLACE)
    except OSError as error:
        if error.errno not in _CANNOT:
            raise
        # For a moment there is an empty folder.
        path.mkdir()
        unfinished.rename(path)


def _rename(old: Path, new: Path, flags: int) -> None:
    """Raises OSError, with ENOSYS where the system has no such call."""
    call = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if call is None:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))
    if call(_AT_FDCWD, os.fsencode(old), _AT_FDCWD, os.fsencode(new), ctypes.c_uint(flags)):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), str(new))


def _sync_file_system(descriptor: int) -> None:
    """Let all that was written survive a power failure: one call instead of one for each of many files. Raises OSError."""
    call = getattr(ctypes.CDLL(None, use_errno=True), "syncfs", None)
    if call is None:
        os.sync()
    elif call(descriptor):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino
