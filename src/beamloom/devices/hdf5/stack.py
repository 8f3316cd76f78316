"""A stack of frames in one dataset of one file, as it is on disk, also while it grows.

HDF5 has one lock for the whole process and takes ten times as long to unpack as ``codecs`` does. So HDF5 is only asked where a frame
is, and the bytes are read beside it, by any number of threads. A chunk that holds exactly one frame travels as it is, still compressed;
other chunks are unpacked by those threads. Only what has filters that nobody else can undo is read through h5py, one after the other.
"""

from __future__ import annotations

import itertools
import math
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import numpy as np

from beamloom.devices.codecs import unpack
from beamloom.devices.fields import MalformedPacket
from beamloom.devices.file_reading.file_bytes import FileBytes
from beamloom.devices.hdf5.filters import Filters, filters_of

Frames = list[tuple[Any, str]]
"""Frames that follow each other: their pixels, and the compression that these come in."""

_TOGETHER: Final = 2**18
"""So many bytes of small frames are read in one go where they stand side by side."""
_PATIENCE: Final = 1.0
_SIGNATURE: Final = b"\x89HDF\r\n\x1a\n"
_SWMR_WRITER: Final = 0x04
"""A flag of the superblock, from its version 3 on."""


class Stack:
    """``dataset`` of the file ``path``. Raises OSError while the file cannot be opened, KeyError where it has no such dataset.

    ``wait`` is as for FileBytes, for a file that grows.
    """

    def __init__(self, path: Path, dataset: str, wait: Callable[[float], bool] | None = None) -> None:
        self.path = path
        self._name = dataset
        self._wait = wait
        self.file: Any = None
        self.swmr = False
        """Whether the file is seen to grow without being opened again."""
        self._stat: tuple[int, int] = (0, 0)
        self._open()

    def _open(self) -> None:
        before = size_and_time(self.path)
        self.file, self.swmr = open_file(self.path)
        self._stat = before
        try:
            self.dataset: Any = self.file[self._name]
            if not hasattr(self.dataset, "chunks"):
                raise KeyError(f"{self._name} is no dataset")
            self._describe()
        except BaseException:
            self.close()
            raise

    def _describe(self) -> None:
        dataset = self.dataset
        if dataset.ndim < 1:
            raise KeyError(f"{self._name} is a single number, no stack")
        self._length = int(dataset.shape[0])
        self.shape: tuple[int, ...] = tuple(dataset.shape[1:])
        """Of one frame."""
        self.type_name = str(dataset.dtype.str)
        """Of one pixel, with the order of its bytes."""
        self.frame_bytes: int = math.prod(self.shape) * int(dataset.dtype.itemsize)
        """Of one frame, unpacked."""
        self._bytes = FileBytes(self.file.id.get_vfd_handle(), self.path, self._wait, _PATIENCE)
        self._chunk: tuple[int, ...] | None = None if dataset.is_virtual else dataset.chunks
        self._filters: Filters | None = None
        self._begins: int | None = None
        if self.file.userblock_size:
            # Versions of HDF5 count from different places.
            self._chunk = None
        elif self._chunk is not None:
            self._filters = filters_of(dataset)
        elif not dataset.is_virtual and not dataset.external:
            self._begins = dataset.id.get_offset()
        self._tiles = (
            list(
                itertools.product(
                    *(range(0, full, part) for full, part in zip(self.shape, self._chunk[1:], strict=True))
                )
            )
            if self._chunk is not None
            else []
        )

    def __len__(self) -> int:
        """How many frames there are, as of the last ``refresh``; some of them may not have been written."""
        return self._length

    @property
    def compression(self) -> str | None:
        """What single frames come in where each is a chunk; None where they come unpacked."""
        return self._filters.name if self._filters is not None and self.one_each else None

    @property
    def one_each(self) -> bool:
        """Whether each frame is a chunk of its own."""
        return self._chunk == (1, *self.shape)

    def refresh(self, *, thoroughly: bool = False) -> None:
        """Look whether the file has grown; ``thoroughly``: also where nothing speaks for it. Raises OSError when it is gone."""
        if self.swmr and self.file is not None and not thoroughly:
            # Not that of its id alone: h5py remembers the shape.
            self.dataset.refresh()
            self._length = int(self.dataset.shape[0])
        elif thoroughly or self.file is None or size_and_time(self.path) != self._stat:
            self.close()
            self._open()

    def has(self, index: int) -> bool:
        """Whether the frame was written, or one of its chunk: where chunks, or the stack as a whole, can tell."""
        if index >= len(self):
            return False
        if self._chunk is None:
            return (
                self._begins is not None or self.dataset.id.get_storage_size() > 0 or self.dataset.is_virtual
            )
        return any(self._found(index, tile).byte_offset is not None for tile in self._tiles)

    def _found(self, index: int, tile: tuple[int, ...]) -> Any:
        return self.dataset.id.get_chunk_info_by_coord((index, *tile))

    def together(self, index: int) -> int:
        """How many frames from ``index`` on are best fetched at once."""
        if self._chunk is not None and self._filters is not None:
            return self._chunk[0] - index % self._chunk[0]
        return max(1, _TOGETHER // max(self.frame_bytes, 1))

    def fetch(self, first: int, count: int) -> Callable[[], Frames]:
        """What fetches ``count`` frames, not more than are ``together``, in whichever thread.

        It raises OSError or MalformedPacket where they cannot be read. So does this itself, for what is only read through h5py.
        """
        if self._chunk is not None and self._filters is not None:
            if self.one_each:
                return self._fetch_chunk(first, self._filters)
            return self._fetch_tiles(first, count, self._chunk, self._filters)
        size = self.frame_bytes
        if self._begins is not None:
            octets, begins = self._bytes, self._begins + first * size
            if count == 1:
                return lambda: [(octets.read(begins, size), "none")]

            return lambda: _sliced(memoryview(octets.read(begins, size * count)), size, count)
        # A slice keeps the order of the bytes, and a frame of one number stays an array.
        frames = _sliced(_octets(self.dataset[first : first + count]), size, count)
        return lambda: frames

    def _fetch_chunk(self, index: int, filters: Filters) -> Callable[[], Frames]:
        octets = self._bytes
        chunk = self._found(index, self._tiles[0])
        # A writer may leave the filters out for a chunk that they do not make smaller.
        compression = filters.applied(chunk.filter_mask)
        if compression is None:
            raise MalformedPacket(f"its chunk has the filter mask {chunk.filter_mask:#x} for fewer filters")
        return lambda: [(octets.read(chunk.byte_offset, chunk.size), compression)]

    def _fetch_tiles(
        self, first: int, count: int, chunk: tuple[int, ...], filters: Filters
    ) -> Callable[[], Frames]:
        """Chunks of several frames, or of parts of them: unpacked, and put together."""
        octets, dtype = self._bytes, self.dataset.dtype
        inside = first % chunk[0]
        fill, shape, size = self.dataset.fillvalue, self.shape, self.frame_bytes
        found = [(tile, self._found(first - inside, tile)) for tile in self._tiles]

        def put_together() -> Frames:
            block = np.empty((count, *shape), dtype)
            for tile, place in found:
                target = block[
                    (
                        slice(None),
                        *(slice(low, low + part) for low, part in zip(tile, chunk[1:], strict=True)),
                    )
                ]
                if place.byte_offset is None:
                    target[...] = fill
                    continue
                compression = filters.applied(place.filter_mask)
                if compression is None:
                    raise MalformedPacket(
                        f"a chunk has the filter mask {place.filter_mask:#x} for fewer filters"
                    )
                blob: Any = octets.read(place.byte_offset, place.size)
                whole = math.prod(chunk) * dtype.itemsize
                if compression != "none":
                    blob = unpack(blob, compression, whole, dtype.itemsize)
                elif len(blob) != whole:
                    raise MalformedPacket(f"a chunk has {len(blob)} bytes, not {whole}")
                pixels = np.frombuffer(blob, dtype).reshape(chunk)
                # The chunks at the edges reach beyond the frame.
                target[...] = pixels[
                    (slice(inside, inside + count), *(slice(0, length) for length in target.shape[1:]))
                ]
            return _sliced(_octets(block), size, count)

        return put_together

    def close(self) -> None:
        """Release the file; what was to be fetched still can be. May be called twice."""
        if self.file is not None:
            self.file.close()
        self.file = None


def _octets(pixels: Any) -> memoryview:
    return np.ascontiguousarray(pixels).reshape(-1).view(np.uint8).data


def _sliced(blob: memoryview, size: int, count: int) -> Frames:
    return [(blob[place * size : (place + 1) * size], "none") for place in range(count)]


def open_file(path: Path) -> tuple[Any, bool]:
    """The file for reading, beside one that may be writing it; whether it is seen to grow without being opened again."""
    import h5py

    # Asked first: a writer that begins to let others read along later is seen when the file is opened the next time.
    swmr = _lets_read_along(path)
    try:
        return h5py.File(path, "r", libver="latest", swmr=True, locking=False), swmr
    except (OSError, ValueError):
        return h5py.File(path, "r", locking=False), False


def _lets_read_along(path: Path) -> bool:
    """Whether a writer has the file open and lets others read along, by its superblock: HDF5 opens others in that way as well."""
    with path.open("rb") as file:
        head = file.read(12)
    return len(head) == 12 and head.startswith(_SIGNATURE) and head[8] >= 3 and bool(head[11] & _SWMR_WRITER)


def size_and_time(path: Path) -> tuple[int, int]:
    """By which a change of a file is seen, but for one within a tick of its file system's clock. Raises OSError."""
    status = os.stat(path)
    return status.st_size, status.st_mtime_ns
