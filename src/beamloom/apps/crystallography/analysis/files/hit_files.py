"""The hits of a run in files: ``<prefix>-hits-0000.cxi`` and so on, and ``<prefix>-hits-master.cxi``, which shows them as one.

The reducer takes the result of each event once, whichever workers died, and it alone writes hits: none is lost or doubled. A reducer
that comes again after one was killed is given all results once more; it makes the file that was left open anew, of what was committed,
and writes only hits whose events are in no file.

Hits stay in memory until they are committed: every second, or every 32 MB. When the disk refuses they are kept, and written as soon as it
takes them; of more than 1 GB the oldest are given up, and counted.
"""

from __future__ import annotations

import itertools
import logging
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from beamloom.apps.crystallography.analysis.files.cxi_file import CxiFile, end, left
from beamloom.apps.crystallography.analysis.files.cxi_layout import Layout, layout_for
from beamloom.apps.crystallography.analysis.files.cxi_master import write_master
from beamloom.apps.crystallography.analysis.hit_frames import HitFrame
from beamloom.apps.crystallography.analysis.inputs import Given

_COMMIT_BYTES: Final = 32_000_000
_KEPT_BYTES: Final = 1_000_000_000
_AT_ONCE: Final = 64
_ERRORS: Final = (OSError, RuntimeError, ValueError, KeyError)
"""What HDF5 fails with, whatever the system said."""

_log = logging.getLogger(__name__)


class HitFiles:
    """The hits of one run in one folder. Methods that write raise OSError, and do what is left to do when they are called again."""

    def __init__(self, folder: Path, prefix: str, run: str) -> None:
        self._folder = folder
        self._prefix = prefix
        self._run = run
        self._stored: set[int] = set()
        """Events whose hits were committed."""
        self._pending: dict[int, HitFrame] = {}
        """Hits that were not."""
        self._bytes = 0
        self._unwritten: list[int] = []
        """Events, of those pending, that are not in the current file."""
        self._files: dict[Layout, list[tuple[Path, int]]] = {}
        """Files that were ended, and the hits in each."""
        self._current: CxiFile | None = None
        self._unended = self._there()
        """Files that were not ended by this process as they should be."""
        self._next = 1 + max((int(path.stem.rpartition("-")[2]) for path in self._unended), default=-1)
        self.given_up = 0
        """Hits that are in no file, as the disk refused them for too long."""

    @property
    def hits(self) -> int:
        """Hits that are in files, and seen there."""
        return len(self._stored)

    def keep(self, hits: Iterable[HitFrame]) -> None:
        """Take hits, to be written."""
        for hit in hits:
            if hit.event not in self._stored and hit.event not in self._pending:
                self._pending[hit.event] = hit
                self._unwritten.append(hit.event)
                self._bytes += hit.pixels.nbytes
        while self._bytes > _KEPT_BYTES:
            oldest = self._unwritten.pop(0) if self._unwritten else next(iter(self._pending))
            self._bytes -= self._pending.pop(oldest).pixels.nbytes
            self.given_up += 1

    def write(self, parameters: Given, *, commit: bool = False) -> None:
        """Write what was taken; ``commit``: and let it count, which it does by itself only when it is much."""
        try:
            self._recover()
            while self._unwritten:
                first = self._pending[self._unwritten[0]]
                file, room = self._file_for(first, parameters)
                some = [self._pending[event] for event in self._unwritten[: min(room, _AT_ONCE)]]
                some = list(itertools.takewhile(file.layout.holds, some))
                file.append(some)
                del self._unwritten[: len(some)]
                if self._bytes >= _COMMIT_BYTES:
                    self._commit(file)
            if commit and self._current is not None:
                self._commit(self._current)
        except _ERRORS as error:
            self._leave(error)

    def finish(self, parameters: Given) -> None:
        """Write everything, end the file, and bring the masters to their end."""
        self.write(parameters)
        try:
            self._end()
            for layout in self._files:
                self._write_master(layout)
        except _ERRORS as error:
            self._leave(error)

    def _there(self) -> list[Path]:
        pattern = re.compile(rf"{re.escape(self._prefix)}-hits-\d+\.cxi")
        return sorted(path for path in self._folder.iterdir() if pattern.fullmatch(path.name))

    def _recover(self) -> None:
        """Take up files that another process, or this one after an error, has left."""
        while self._unended:
            found = left(self._unended[0])
            if found.run != self._run or not self._run:
                del self._unended[0]
                continue
            if not found.whole:
                _log.info("%s was left open and is made anew of its %d hits", found.path, len(found.events))
                end(found)
            del self._unended[0]
            self._files.setdefault(found.layout, []).append((found.path, len(found.events)))
            self._settle(found.events)

    def _file_for(self, hit: HitFrame, parameters: Given) -> tuple[CxiFile, int]:
        """The file that ``hit`` goes to, and for how many hits it has room."""
        most, peaks = int(parameters["hits_per_file"]), int(parameters["hdf5_file_max_num_peaks"])
        current = self._current
        if current is not None and not (
            current.rows < most and current.layout.most_peaks == peaks and current.layout.holds(hit)
        ):
            self._end()
            current = None
        if current is None:
            known = (one for one in self._files if one.most_peaks == peaks and one.holds(hit))
            path = self._folder / f"{self._prefix}-hits-{self._next:04}.cxi"
            current = self._current = CxiFile(path, next(known, layout_for(hit, peaks)), self._run)
            self._next += 1
            self._files.setdefault(current.layout, [])
            self._write_master(current.layout)
        return current, most - current.rows

    def _commit(self, file: CxiFile) -> None:
        file.commit()
        unwritten = set(self._unwritten)
        self._settle([event for event in self._pending if event not in unwritten])

    def _end(self) -> None:
        if self._current is not None:
            self._commit(self._current)
            self._current.close()
            self._files[self._current.layout].append((self._current.path, self._current.rows))
            self._current = None

    def _settle(self, events: list[int]) -> None:
        """These are in files."""
        self._stored.update(events)
        for event in events:
            hit = self._pending.pop(event, None)
            self._bytes -= 0 if hit is None else hit.pixels.nbytes
        self._unwritten = [event for event in self._unwritten if event in self._pending]

    def _write_master(self, layout: Layout) -> None:
        files = list(self._files[layout])
        growing = self._current is not None and self._current.layout == layout
        if self._current is not None and growing:
            files.append((self._current.path, 0))
        number = list(self._files).index(layout)
        name = f"{self._prefix}-hits-master{f'-{number}' if number else ''}.cxi"
        write_master(self._folder / name, layout, files, self._run, growing=growing)

    def _leave(self, error: BaseException) -> None:
        """After an error what is not committed is to be written once more. Raises OSError."""
        current, self._current = self._current, None
        if current is not None:
            current.abandon()
            self._unended.append(current.path)
        self._unwritten = list(self._pending)
        raise OSError(f"hits cannot be written: {error}") from error
