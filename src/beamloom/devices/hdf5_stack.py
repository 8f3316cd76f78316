"""A stack of frames in one dataset of one file, as it is on disk, also while it grows.

Where a chunk holds exactly one frame, it is read as it is, still compressed where ``codecs`` can unpack it: HDF5's own pipeline takes ten
times as long, and under one lock for the whole process. Everything else is read through h5py, uncompressed.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Final

import numpy as np

_LZ4_FILTER: Final = 32004
_BITSHUFFLE_FILTER: Final = 32008
_BITSHUFFLE_CODECS: Final = {2: "bslz4", 3: "bszstd"}
"""By the fifth value of the filter's client data."""


class Stack:
    """``dataset`` of the file ``path``. Raises OSError while the file cannot be opened, KeyError where it has no such dataset."""

    def __init__(self, path: Path, dataset: str) -> None:
        self.path = path
        self._name = dataset
        self.file: Any = None
        self._swmr = False
        self._stat: tuple[int, int] = (0, 0)
        self._open()

    def _open(self) -> None:
        before = _stat(self.path)
        self.file, self._swmr = open_file(self.path)
        self._stat = before
        try:
            self.dataset: Any = self.file[self._name]
            if not hasattr(self.dataset, "chunks"):
                raise KeyError(f"{self._name} is no dataset")
        except BaseException:
            self.close()
            raise
        self._length = int(self.dataset.shape[0])
        self.shape: tuple[int, ...] = tuple(self.dataset.shape[1:])
        """Of one frame."""
        self.type_name = str(self.dataset.dtype.str)
        """Of one pixel, with the order of its bytes."""
        self._corner = (0,) * len(self.shape)
        self.compression = _chunk_compression(self.dataset)
        """What single chunks come in; None where frames are read through h5py."""

    def __len__(self) -> int:
        """How many frames there are, as of the last ``refresh``; some of them may not have been written."""
        return self._length

    def refresh(self) -> None:
        """Look whether the file has grown. Raises OSError when it is gone."""
        if self._swmr:
            self.dataset.id.refresh()
            self._length = int(self.dataset.shape[0])
        elif _stat(self.path) != self._stat:
            self.close()
            self._open()

    def has(self, index: int) -> bool:
        """Whether the frame was written, where its chunk can tell."""
        if index >= len(self):
            return False
        if self.compression is None:
            return True
        return self.dataset.id.get_chunk_info_by_coord((index, *self._corner)).byte_offset is not None

    def frame(self, index: int) -> tuple[Any, str]:
        """A frame as it is on disk, and its compression; ``none``, where it is read through h5py. Raises OSError."""
        if self.compression is not None:
            mask, blob = self.dataset.id.read_direct_chunk((index, *self._corner))
            # A writer may leave the filters out for a chunk that they do not make smaller.
            return blob, "none" if mask & 1 else self.compression
        # A slice keeps the order of the bytes, and a frame of one number stays an array.
        pixels = np.ascontiguousarray(self.dataset[index : index + 1])
        return pixels.reshape(-1).view(np.uint8).data, "none"

    def close(self) -> None:
        """Release the file. May be called twice."""
        if self.file is not None:
            self.file.close()
        self.file = None


def open_file(path: Path) -> tuple[Any, bool]:
    """The file for reading, beside one that may be writing it; whether it is seen to grow without being opened again."""
    import h5py

    try:
        return h5py.File(path, "r", libver="latest", swmr=True, locking=False), True
    except (OSError, ValueError):
        return h5py.File(path, "r", locking=False), False


def _stat(path: Path) -> tuple[int, int]:
    status = os.stat(path)
    return status.st_size, status.st_mtime_ns


def _chunk_compression(dataset: Any) -> str | None:
    """The compression of a chunk that is one frame; None where it is not one frame, or unpacked by HDF5 alone."""
    if dataset.is_virtual or dataset.chunks is None or dataset.chunks != (1, *dataset.shape[1:]):
        return None
    properties = dataset.id.get_create_plist()
    match properties.get_nfilters():
        case 0:
            return "none"
        case 1:
            code, _, values, _ = properties.get_filter(0)
            if code == _LZ4_FILTER:
                return "lz4"
            if code == _BITSHUFFLE_FILTER and len(values) > 4:
                return _BITSHUFFLE_CODECS.get(values[4])
    return None
