"""Bytes of a file by their place, read by any thread, besides whoever writes them."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Final

_LOOK_SECONDS: Final = 0.05


class FileBytes:
    """The bytes behind an open file descriptor, of which this keeps one of its own until nobody holds this object any more.

    ``wait`` waits so many seconds and says whether to give up: on a network file system the end of a growing file may be seen after
    what was written there is spoken of, and is waited for, by ``patience`` seconds in all. Without it nothing is waited for.
    """

    def __init__(
        self,
        descriptor: int,
        path: Path,
        wait: Callable[[float], bool] | None = None,
        patience: float = 0.0,
    ) -> None:
        self._fd = os.dup(descriptor)
        self._path = path
        self._wait = wait
        self._patience = patience

    def __del__(self) -> None:
        with contextlib.suppress(OSError, AttributeError):
            os.close(self._fd)

    def read(self, offset: int, size: int) -> bytes:
        """The ``size`` bytes from ``offset`` on. Raises OSError with a sentence where the file ends before."""
        while offset + size > (end := os.fstat(self._fd).st_size):
            if self._wait is None or self._patience <= 0 or self._wait(_LOOK_SECONDS):
                raise OSError(
                    f"{self._path.name} is cut off: it has {end} bytes, and {size} are to be read at {offset}"
                )
            self._patience -= _LOOK_SECONDS
        blob = os.pread(self._fd, size, offset)
        if len(blob) == size:
            return blob
        parts = [blob]
        got = len(blob)
        # One call gives 2 GB at most, and less where a signal came between.
        while got < size:
            part = os.pread(self._fd, size - got, offset + got)
            if not part:
                raise OSError(f"{self._path.name} was cut off while it was read, at {offset + got}")
            parts.append(part)
            got += len(part)
        return b"".join(parts)
