"""The files of a spool: numbered segments of records, each removed as a whole when nothing in it is needed any more.

Every life of a process begins a segment of its own, so that only the end of a segment can be torn, and only where a life ended. A record
that could not be written whole is cut off again. Nothing is synchronized: what was written outlives the process, and not the machine.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from beamloom.journal import MAGIC, Outline, Record, outlines, pack, read_record, write_all

ENDING = ".packets"
KEEP_BELOW = 1 << 20
"""A segment that is written to and holds nothing any more is only replaced from this size on."""


class Segment:
    """One file."""

    __slots__ = ("number", "path", "records", "size")

    def __init__(self, path: Path, size: int = 0) -> None:
        self.path = path
        self.number = int(path.stem)
        self.size = size
        """Bytes of it that are whole."""
        self.records = 0
        """How many of its records are needed."""

    def outlines(self) -> Iterator[Outline]:
        """Where its records are. Raises OSError."""
        with self.path.open("rb") as file:
            yield from outlines(file)

    def read(self, begin: int) -> Record | None:
        """One record; None where it is damaged. Raises OSError."""
        with self.path.open("rb") as file:
            return read_record(file, begin)


class Segments:
    """All files of a spool."""

    def __init__(self, folder: Path, segment_bytes: int) -> None:
        """Whoever makes one is alone in the folder. Raises OSError."""
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.folder = folder
        self.left: list[Segment] = [
            Segment(path, path.stat().st_size) for path in sorted(folder.glob("*" + ENDING))
        ]
        """Those of former lives, oldest first."""
        self._all = {segment.number: segment for segment in self.left}
        self.size = sum(segment.size for segment in self.left)
        """Bytes of all of them."""
        self._segment_bytes = segment_bytes
        self._current: Segment | None = None
        self._file: int | None = None
        self._next = max(self._all, default=0) + 1

    def cut(self, segment: Segment, end: int) -> int:
        """What is behind ``end`` is no whole record; returns how many bytes that is. Raises OSError."""
        torn = segment.size - end
        if torn > 0:
            os.truncate(segment.path, end)
            segment.size = end
            self.size -= torn
        return torn

    def append(self, frames: Sequence[Any]) -> tuple[Segment, int]:
        """Write one record; returns where it is. Raises OSError; then nothing of it is there."""
        if self._current is not None and self._current.size >= self._segment_bytes:
            self._leave()
        segment, file = self._open()
        buffers = pack(frames)
        begin = segment.size
        try:
            write_all(file, buffers, begin)
        except OSError:
            with suppress(OSError):
                os.ftruncate(file, begin)
            raise
        size = sum(map(len, buffers))
        segment.size += size
        self.size += size
        segment.records += 1
        return segment, begin

    def _open(self) -> tuple[Segment, int]:
        if self._current is not None and self._file is not None:
            return self._current, self._file
        path = self.folder / f"{self._next:06}{ENDING}"
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        try:
            write_all(file, [MAGIC], 0)
        except OSError:
            os.close(file)
            with suppress(OSError):
                path.unlink()
            raise
        segment = Segment(path, len(MAGIC))
        self._all[segment.number] = segment
        self.size += segment.size
        self._current, self._file, self._next = segment, file, self._next + 1
        return segment, file

    def _leave(self) -> None:
        """Write no more to the present one."""
        current, self._current = self._current, None
        file, self._file = self._file, None
        if file is not None:
            # Some file servers say only now what they could not write; who reads it finds what is whole.
            with suppress(OSError):
                os.close(file)
        if current is not None and current.records == 0:
            self._remove(current)

    def forget(self, segment: Segment) -> None:
        """One record of this segment is needed no more."""
        segment.records -= 1
        if segment.records > 0:
            return
        if segment is not self._current:
            self._remove(segment)
        elif segment.size >= min(KEEP_BELOW, self._segment_bytes):
            self._leave()

    def discard(self, segment: Segment) -> None:
        """Remove a segment of a former life that holds nothing."""
        self._remove(segment)

    def _remove(self, segment: Segment) -> None:
        if self._all.pop(segment.number, None) is not None:
            self.size -= segment.size
            with suppress(OSError):
                segment.path.unlink()

    def close(self) -> None:
        """Write no more; what is needed stays."""
        self._leave()


def remove_spool(folder: Path) -> None:
    """Remove the files of a spool, by their names, and the folder when nothing else is in it."""
    with suppress(OSError):
        for path in folder.glob("*" + ENDING):
            path.unlink()
        folder.rmdir()
