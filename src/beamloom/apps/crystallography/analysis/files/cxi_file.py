"""One file of hits that grows while others read it (SWMR), and what a process that was killed has left of one.

Hits count as stored when they are committed: all else of their rows is handed to the system first, then their numbers. What is in
the file is what was committed, also after its writer was killed.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import h5py
import hdf5plugin  # noqa: F401 - bitshuffle and LZ4 for h5py
import numpy as np

from beamloom.apps.crystallography.analysis.files.cxi_layout import (
    EVENT,
    FRAMES,
    NO_EVENT,
    RUN,
    Column,
    Layout,
    build,
    columns,
    rows,
)
from beamloom.apps.crystallography.analysis.files.whole import replacing
from beamloom.apps.crystallography.analysis.hit_frames import HitFrame

Array = np.ndarray[Any, np.dtype[Any]]
VERSION: Final = ("v110", "v110")
"""Files that HDF5 1.10 reads, the first with SWMR and virtual datasets."""
_BITSHUFFLE: Final = 32008
_WITH_LZ4: Final = (0, 2)
_FLAGS: Final = 11
"""Where the superblock says by a bit that somebody writes (HDF5 File Format Specification 3.0, part II.A)."""


class CxiFile:
    """A new file at ``path``, there as soon as it can be read. Raises OSError, as all methods do."""

    def __init__(self, path: Path, layout: Layout, run: str) -> None:
        self.path = path
        self.layout = layout
        self.rows = 0
        """Hits that were written, committed or not."""
        self._uncommitted: list[int] = []
        with replacing(path) as unfinished:
            file = h5py.File(unfinished, "w", libver=VERSION)
            try:
                build(file, layout, lambda column: _dataset(file, column), run)
                file.swmr_mode = True
            except BaseException:
                file.close()
                raise
        self._file = file
        self._columns = {column.path: file[column.path] for column in columns(layout)}

    def append(self, hits: Sequence[HitFrame]) -> None:
        """Write hits, packed as the layout has them, at the end."""
        self._append([hit.pixels for hit in hits], rows(hits, self.layout), [hit.event for hit in hits])

    def take(self, path: Path) -> None:
        """Append what was committed to the file at ``path``, of the same layout; frames are not unpacked."""
        with _reading(path) as other:
            events = other[EVENT][...]
            for row in np.flatnonzero(events != NO_EVENT).tolist():
                chunk = other[FRAMES].id.read_direct_chunk((row, 0, 0))[1]
                others = {
                    column.path: other[column.path][row : row + 1]
                    for column in columns(self.layout)
                    if column.path not in (EVENT, FRAMES)
                }
                self._append([chunk], others, [int(events[row])])

    def commit(self) -> None:
        """Let what was written count."""
        if not self._uncommitted:
            return
        for path, dataset in self._columns.items():
            if path != EVENT:
                dataset.flush()
        events = self._columns[EVENT]
        events.resize(self.rows, 0)
        events[self.rows - len(self._uncommitted) :] = self._uncommitted
        events.flush()
        self._uncommitted = []

    def close(self) -> None:
        """Commit, and end the file."""
        try:
            self.commit()
        finally:
            self._file.close()

    def abandon(self) -> None:
        """End the file as well as that goes, after an error."""
        with contextlib.suppress(Exception):
            self._file.close()

    def _append(self, chunks: Sequence[Any], others: dict[str, Array], events: list[int]) -> None:
        first, stop = self.rows, self.rows + len(events)
        frames = self._columns[FRAMES]
        frames.resize(stop, 0)
        for row, chunk in enumerate(chunks, first):
            frames.id.write_direct_chunk((row, 0, 0), np.ascontiguousarray(chunk))
        for path, values in others.items():
            dataset = self._columns[path]
            dataset.resize(stop, 0)
            dataset[first:stop] = values
        self.rows = stop
        self._uncommitted += events


class Left(NamedTuple):
    """A file that is there already."""

    path: Path
    run: str
    layout: Layout
    events: list[int]
    """What was committed, row by row."""
    whole: bool
    """Whether its writer has ended it, and nothing else is in it."""


def left(path: Path) -> Left:
    """What is in the file at ``path``. Raises OSError for one that is no file of hits."""
    closed = _closed(path)
    try:
        with _reading(path) as file:
            frames, events = file[FRAMES], file[EVENT][...]
            run = file[RUN].asstr()[()]
            layout = Layout(
                frames.dtype.str,
                frames.shape[1:],
                file["entry_1/event_id"].dtype.itemsize,
                file["entry_1/result_1/peakXPosRaw"].shape[1],
            )
            written = len(frames)
    except KeyError as error:
        raise OSError(f"{path} is no file of hits: {error}") from None
    there = events[events != NO_EVENT].tolist()
    return Left(path, run, layout, there, closed and len(there) == written)


def end(found: Left) -> None:
    """Make the file that somebody has left anew, of what was committed, and end it. Raises OSError."""
    other = found.path.with_name(f".{found.path.name}.left")
    found.path.replace(other)
    try:
        file = CxiFile(found.path, found.layout, found.run)
        try:
            file.take(other)
        finally:
            file.close()
    except BaseException:
        other.replace(found.path)
        raise
    other.unlink()


def _closed(path: Path) -> bool:
    with path.open("rb") as octets:
        return octets.read(_FLAGS + 1)[_FLAGS:] == b"\0"


def _reading(path: Path) -> Any:
    """The file, though its writer may never have closed it."""
    return h5py.File(path, "r", libver=VERSION, swmr=not _closed(path), locking=False)


def _dataset(file: Any, column: Column) -> Any:
    return file.create_dataset(
        column.path,
        shape=(0, *column.row),
        maxshape=(None, *column.row),
        dtype=column.kind,
        chunks=(column.chunk, *column.row),
        fillvalue=column.fill,
        **({"compression": _BITSHUFFLE, "compression_opts": _WITH_LZ4} if column.path == FRAMES else {}),
    )
