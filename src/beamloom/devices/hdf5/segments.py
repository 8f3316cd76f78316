"""Which segments a series has: found in the files that its path names, and looked for again while they are written.

A file that cannot be read yet holds back those behind it, until it is given up; what is in files that do not change any more is remembered.
"""

from __future__ import annotations

import contextlib
import time
from pathlib import Path
from typing import Final

from beamloom.devices.file_reading.background import Reading
from beamloom.devices.file_reading.locks import is_locked
from beamloom.devices.file_reading.urls import is_pattern, matching, why_absent
from beamloom.devices.hdf5.choice import NoFrames, SeveralStacks
from beamloom.devices.hdf5.layout import Segment, has_ended, segments_of
from beamloom.devices.hdf5.stack import open_file, size_and_time

BROKEN: Final = (OSError, LookupError, RuntimeError, TypeError, ValueError)
"""What h5py raises for damaged files, and for types that it does not know."""
_SETTLED_NS: Final = 2 * 10**9


class Segments:
    """What ``path`` (one file, or a pattern of several) holds of ``dataset``."""

    def __init__(
        self, path: Path, dataset: str, *, follow: bool, idle_seconds: float, poll_seconds: float
    ) -> None:
        self.waits_for: Path | None = None
        """The file that cannot be read yet, if there is one."""
        self._path = path
        self._dataset = dataset
        self._follow = follow
        self._idle_seconds = idle_seconds
        self._poll_seconds = poll_seconds
        self._given_up: set[Path] = set()
        self._known: dict[Path, tuple[tuple[int, int], list[Segment]]] = {}
        """What is in files that do not change any more, by their size and time then."""

    def find(self, reading: Reading) -> list[Segment]:
        """Wait until there is something to read; what it is made of."""
        problem: str | None = None
        seen: object = None
        since = time.monotonic()
        while not reading.closing:
            problem = why_absent(self._path, may_come=self._follow)
            if problem is None:
                try:
                    segments = self.now(required=True)
                except NoFrames as unreadable:
                    waits = self._follow and not isinstance(unreadable, SeveralStacks)
                    problem = None if waits else str(unreadable)
                except OSError as unreadable:
                    now = self._sizes()
                    if now != seen:
                        seen, since = now, time.monotonic()
                    # A file that is being made cannot be read yet; one that stays as it is will not be.
                    stays = time.monotonic() - since > self._idle_seconds and not any(map(is_locked, now))
                    problem = str(unreadable) if stays or not self._follow else None
                else:
                    if segments:
                        reading.report(None)
                        return segments
            reading.report(problem)
            reading.wait(self._poll_seconds)
        return []

    def _sizes(self) -> dict[Path, tuple[int, int]]:
        found = {}
        for path in matching(self._path):
            with contextlib.suppress(OSError):
                found[path] = size_and_time(path)
        return found

    def now(self, *, required: bool = False) -> list[Segment]:
        """What the files are made of now, in order; one that cannot be read yet holds back those behind it.

        Raises NoFrames or OSError where ``required`` and nothing can be read.
        """
        found: list[Segment] = []
        self.waits_for = None
        for path in matching(self._path):
            try:
                found += self._in(path)
            except BROKEN as error:
                if required and not (self._follow and found):
                    kind = type(error) if isinstance(error, NoFrames) else OSError
                    raise kind(f"{path.name}: {error}") from None
                if path in self._given_up:
                    found.append(Segment(path, self._dataset or "the stack of frames"))
                    continue
                # Not whole yet; what is behind it waits for it.
                self.waits_for = path
                break
        return found

    def _in(self, path: Path) -> list[Segment]:
        now = size_and_time(path)
        known = self._known.get(path)
        if known is not None and known[0] == now:
            return known[1]
        with open_file(path)[0] as file:
            segments = segments_of(file, path, self._dataset)
        # The clock of a file system ticks slowly: a file that was just written may change and have the same time.
        if time.time_ns() - now[1] > _SETTLED_NS:
            self._known[path] = (now, segments)
        return segments

    def give_up(self) -> bool:
        """Wait no longer for the file of a pattern that is there and stays unreadable; whether there is one."""
        path = self.waits_for
        if path is None or path in self._given_up or is_locked(path):
            return False
        self._given_up.add(path)
        return True

    def ended(self) -> bool:
        """Whether the file says that it has ended. A pattern may always find one more."""
        if is_pattern(self._path):
            return False
        try:
            with open_file(self._path)[0] as file:
                return has_ended(file)
        except BROKEN:
            return False
