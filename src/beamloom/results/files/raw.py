"""A file that HDF5 writes through Python, in whole or not at all.

HDF5 calls ``write`` for each piece. The system call runs without the interpreter's lock, so that a slow disk holds up the thread that saves
and no other one. An error is kept and the pieces after it go nowhere, because HDF5 cannot close a file whose pieces it cannot write.
"""

from __future__ import annotations

import io
import os
from typing import Any


class RawFile(io.RawIOBase):
    """Reads and writes an open file by positions; ``error`` is the first thing that went wrong."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._position = 0
        self.error: OSError | None = None

    def readable(self) -> bool:
        """Yes."""
        return True

    def writable(self) -> bool:
        """Yes."""
        return True

    def seekable(self) -> bool:
        """Yes."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to a position."""
        starts = {io.SEEK_SET: 0, io.SEEK_CUR: self._position}
        start = starts.get(whence)
        self._position = (os.fstat(self._descriptor).st_size if start is None else start) + offset
        return self._position

    def tell(self) -> int:
        """The position."""
        return self._position

    def readinto(self, buffer: Any) -> int:
        """Fill ``buffer``; with zeros where nothing was written."""
        wanted = memoryview(buffer).cast("B")
        content = b"" if self.error else os.pread(self._descriptor, len(wanted), self._position)
        wanted[: len(content)] = content
        wanted[len(content) :] = bytes(len(wanted) - len(content))
        self._position += len(wanted)
        return len(wanted)

    def write(self, buffer: Any) -> int:
        """Write all of ``buffer``, or keep the error."""
        content = memoryview(buffer).cast("B")
        at = 0
        try:
            while self.error is None and at < len(content):
                at += os.pwrite(self._descriptor, content[at:], self._position + at)
        except OSError as error:
            self.error = error
        self._position += len(content)
        return len(content)

    def truncate(self, size: int | None = None) -> int:
        """Cut or lengthen to ``size``."""
        size = self._position if size is None else size
        try:
            if self.error is None:
                os.ftruncate(self._descriptor, size)
        except OSError as error:
            self.error = error
        return size
