"""A series as cameras write it here: a folder with one file of pixels that grows, and a file that ends it.

``series.json`` says the shape and type of a frame, ``frames.raw`` has the pixels of one frame after the other, in C order, and
``closed.json`` is made last, whole at once, with the number of frames. A frame is there when all its bytes are; what a writer that was
killed has left of the next one is not. There is no file for each frame, so that a million of them cost nothing to count.
"""

from __future__ import annotations

import os
from pathlib import Path
from types import TracebackType
from typing import Any, Final

import msgspec
import numpy as np

from beamloom.rules.arrays import Array
from beamloom.rules.errors import RuleRefused
from beamloom.rules.files import write_whole

HEADER: Final = "series.json"
PIXELS: Final = "frames.raw"
END: Final = "closed.json"


class Header(msgspec.Struct, frozen=True):
    """What ``series.json`` says."""

    shape: tuple[int, int]
    dtype: str
    metadata: dict[str, Any] = {}

    @property
    def size(self) -> int:
        """Bytes of a frame."""
        return int(np.prod(self.shape)) * np.dtype(self.dtype).itemsize


class End(msgspec.Struct, frozen=True):
    """What ``closed.json`` says."""

    frames: int
    metadata: dict[str, Any] = {}
    """What is known only at the end: events, for instance."""


class SpoolWriter:
    """Writes a series. A folder that has one is refused."""

    def __init__(
        self, folder: Path | str, shape: tuple[int, int], dtype: str, metadata: dict[str, Any] | None = None
    ) -> None:
        self._folder = Path(folder)
        self._header = Header(shape, np.dtype(dtype).str, metadata or {})
        self._folder.mkdir(parents=True, exist_ok=True)
        if (self._folder / HEADER).exists():
            raise RuleRefused(f"{self._folder} has a series already; name another folder")
        self._pixels = open(self._folder / PIXELS, "xb", buffering=0)  # noqa: SIM115 - closed by close
        write_whole(self._folder / HEADER, msgspec.json.encode(self._header))
        self._frames = 0

    def write(self, frame: Array) -> None:
        """Add a frame, or several: (y, x) or (frames, y, x)."""
        frames = np.ascontiguousarray(frame, self._header.dtype).reshape(-1, *self._header.shape)
        rest = memoryview(frames.tobytes())
        while rest:
            rest = rest[self._pixels.write(rest) or 0 :]
        self._frames += len(frames)

    def get_n_frames(self) -> int:
        """How many frames are written."""
        return self._frames

    def finished(self) -> bool:
        """Whether the series is closed."""
        return self._pixels.closed

    def close(self, **metadata: Any) -> None:
        """End the series. May be called twice."""
        if not self._pixels.closed:
            os.fsync(self._pixels.fileno())
            self._pixels.close()
            write_whole(self._folder / END, msgspec.json.encode(End(self._frames, metadata)))

    def __enter__(self) -> SpoolWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class Spool:
    """Reads a series, growing or closed; one that is not there yet has no frames."""

    def __init__(self, path: str) -> None:
        self._folder = Path(path)
        self._known: Header | None = None

    def closed(self) -> bool:
        """The writer has ended it."""
        return (self._folder / END).exists()

    def count(self) -> int:
        """Frames of which all bytes are there; of a closed series, what the writer has said. Raises OSError."""
        if self._header() is None:
            return 0
        there = (self._folder / PIXELS).stat().st_size // self._size()
        if not self.closed():
            return there
        end = msgspec.json.decode((self._folder / END).read_bytes(), type=End)
        if there < end.frames:
            raise OSError(f"{self._folder} says that it has {end.frames} frames, and has {there}")
        return end.frames

    def read(self, start: int, stop: int) -> Array:
        """(frames, y, x). Raises OSError."""
        header = self._header()
        if header is None:
            raise OSError(f"{self._folder} has no {HEADER} yet")
        with open(self._folder / PIXELS, "rb") as pixels:
            pixels.seek(start * header.size)
            content = pixels.read((stop - start) * header.size)
        if len(content) < (stop - start) * header.size:
            raise OSError(f"{self._folder} ends before frame {stop}")
        return np.frombuffer(content, header.dtype).reshape(stop - start, *header.shape)

    def metadata(self) -> dict[str, Any]:
        """What the writer has said; at the end it may add to what it said at the beginning, and change nothing."""
        header = self._header()
        known = {} if header is None else dict(header.metadata)
        if self.closed():
            known = msgspec.json.decode((self._folder / END).read_bytes(), type=End).metadata | known
        return known

    def close(self) -> None:
        """Nothing stays open."""

    def _header(self) -> Header | None:
        if self._known is None and (self._folder / HEADER).exists():
            self._known = msgspec.json.decode((self._folder / HEADER).read_bytes(), type=Header)
        return self._known

    def _size(self) -> int:
        header = self._header()
        return header.size if header is not None else 1
