"""The journal of one run: a folder of numbered segments, and at most one checkpoint that stands for the segments before it.

Each life of a process begins a segment of its own, so that a segment has a torn end only where a life ended. A checkpoint is written to
a temporary name, synchronized and renamed; only then are the segments removed that it stands for.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from beamloom.journal.records import MAGIC, pack, read_records, write_all

OWN_FILES = ("*.journal", "before-*.state", "before-*.new")
"""The files of a journal; nothing else is ever removed."""


class JournalHeld(OSError):
    """Another process, which lives, writes the journals in this folder."""


class JournalFull(OSError):
    """The journal has reached the size that it may have."""


class Lock:
    """The right to read, write and remove the journals in one folder; it ends with the process that has it."""

    def __init__(self, folder: Path) -> None:
        """Raises JournalHeld when a living process has it, OSError when the folder cannot be used."""
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._file = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = os.pread(self._file, 20, 0).decode(errors="replace") or "that nobody names"
            os.close(self._file)
            raise JournalHeld(
                f"process {holder} still writes to {folder}; end it, or give this one another state_dir"
            ) from error
        except OSError as error:
            os.close(self._file)
            raise OSError(
                f"{folder} cannot be locked ({error.strerror}), as on a file system that is mounted without locks; name a folder on a "
                "local disk as state_dir"
            ) from error
        # Who has it is only for people: a full disk does not keep anybody from having it.
        with suppress(OSError):
            os.ftruncate(self._file, 0)
            os.pwrite(self._file, str(os.getpid()).encode(), 0)

    def release(self) -> None:
        """Let others have it."""
        os.close(self._file)


class Journal:
    """The journal of one run; whoever makes one holds the lock of the folder above."""

    def __init__(self, folder: Path, limit: int) -> None:
        """``limit``: bytes that it may have in all. Raises OSError."""
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.folder = folder
        self.torn = 0
        """Bytes that were cut from the ends of segments as they were read."""
        self._limit = limit
        self._file: int | None = None
        self._end = 0
        self._sizes: dict[int, int] = {
            int(path.stem): path.stat().st_size for path in folder.glob("*.journal")
        }
        # Who died right behind a checkpoint has left no segment; the next one is to be behind it all the same.
        self._number = max([0, *self._sizes, *(number - 1 for number in self._checkpoints())])

    @property
    def size(self) -> int:
        """Bytes of all segments."""
        return sum(self._sizes.values())

    # ---- reading ----------------------------------------------------------------------------------------------------------

    def checkpoint(self) -> list[bytes] | None:
        """The frames of the checkpoint, if there is one that is whole."""
        found = self._checkpoints()
        for number in reversed(found):
            with self._checkpoint_path(number).open("rb") as file:
                for record in read_records(file):
                    return record.frames
        return None

    def read(self) -> Iterator[list[bytes]]:
        """The records behind the checkpoint, in the order in which they were kept; torn ends are cut off."""
        first = max(self._checkpoints(), default=0)
        for number in sorted(self._sizes):
            if number < first:
                continue
            path = self._segment_path(number)
            end = 0
            with path.open("rb") as file:
                for record in read_records(file):
                    end = record.end
                    yield record.frames
            if torn := self._sizes[number] - end:
                self.torn += torn
                os.truncate(path, end)
                self._sizes[number] = end

    # ---- writing ----------------------------------------------------------------------------------------------------------

    def append(self, frames: Sequence[Any]) -> None:
        """Keep one record. Raises OSError; then nothing of it is in the file."""
        buffers = pack(frames)
        size = sum(map(len, buffers))
        if self.size + size > self._limit:
            raise JournalFull(f"the journal has reached its {self._limit / 1e9:g} GB (journal_limit)")
        file = self._file if self._file is not None else self._open_next()
        try:
            write_all(file, buffers, self._end)
        except OSError:
            with suppress(OSError):
                os.ftruncate(file, self._end)
            raise
        self._end += size
        self._sizes[self._number] = self._end

    def sync(self) -> None:
        """Have the system write what it still holds in memory to the disk. Raises OSError."""
        if self._file is not None:
            os.fdatasync(self._file)

    def replace(self, checkpoint: Sequence[Any]) -> None:
        """From now on ``checkpoint`` stands for everything that was kept so far. Raises OSError; then all is as before."""
        self.close()
        number = self._number + 1
        path = self._checkpoint_path(number)
        new = path.with_suffix(".new")
        file = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        try:
            write_all(file, [MAGIC, *pack(checkpoint)], 0)
            os.fsync(file)
        except OSError:
            # What is left of it would take the room that the next records need.
            with suppress(OSError):
                new.unlink()
            raise
        finally:
            os.close(file)
        new.rename(path)
        self._sync_folder()
        self._number = number - 1
        for old in [segment for segment in self._sizes if segment < number]:
            self._segment_path(old).unlink()
            del self._sizes[old]
        for older in self._checkpoints():
            if older < number:
                self._checkpoint_path(older).unlink()

    def close(self) -> None:
        """Write no more. Raises OSError where the system says only now that what was written cannot be kept."""
        # Whether or not it can be closed in order, the descriptor is another file's from then on.
        file, self._file = self._file, None
        if file is not None:
            os.close(file)

    def _open_next(self) -> int:
        number = self._number + 1
        file = os.open(
            self._segment_path(number), os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600
        )
        try:
            write_all(file, [MAGIC], 0)
            self._sync_folder()
        except OSError:
            os.close(file)
            raise
        self._file, self._number, self._end = file, number, len(MAGIC)
        return file

    def _sync_folder(self) -> None:
        folder = os.open(self.folder, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def _checkpoints(self) -> list[int]:
        return sorted(int(path.stem.removeprefix("before-")) for path in self.folder.glob("before-*.state"))

    def _checkpoint_path(self, number: int) -> Path:
        return self.folder / f"before-{number:06}.state"

    def _segment_path(self, number: int) -> Path:
        return self.folder / f"{number:06}.journal"


def remove_journal(folder: Path) -> None:
    """Remove the files of a journal, by their names, and the folder when nothing else is in it. Raises OSError."""
    for pattern in OWN_FILES:
        for path in folder.glob(pattern):
            path.unlink()
    with suppress(OSError):
        folder.rmdir()
