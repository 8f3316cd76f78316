"""The files of a folder that are whole, as they come.

A file that is gone again, as one that got its name when it was whole, is waited for no longer; nor is one without content that has stayed
so for ``idle_seconds``: its writer is gone, or its disk was full.
"""

from __future__ import annotations

import os
import time
from collections.abc import Collection, Iterator
from pathlib import Path

from beamloom.devices.file_reading.urls import is_pattern, matching
from beamloom.devices.image_files.settings import ImageFilesSettings


def pattern_of(path: Path) -> Path:
    """The files that ``path`` stands for at this moment: a folder for all in it."""
    return path / "*" if not is_pattern(path) and os.path.isdir(path) else path


class Folder:
    """The files of a series as they come, whole ones only."""

    def __init__(self, settings: ImageFilesSettings, path: Path) -> None:
        self.unfinished: Collection[Path] = ()
        """The files that were still written at the last look."""
        self._settings = settings
        self._path = path
        self._seen: dict[Path, tuple[int, int, float]] = {}
        self._given: set[Path] = set()

    def whole(self) -> list[Path]:
        """The files that are whole and were not given before, in the order of their names.

        By their order no file may overtake another, so one that is still written holds back those behind it; their time runs meanwhile.
        """
        now = time.monotonic()
        there = [path for path in matching(pattern_of(self._path)) if path not in self._given]
        at_once = self._settings.renamed or not self._settings.follow
        self._seen = {path: self._seen[path] for path in there if path in self._seen}
        return list(self._whole_among(there, at_once, now))

    def _whole_among(self, there: list[Path], at_once: bool, now: float) -> Iterator[Path]:
        unfinished: list[Path] = []
        for path in there:
            if not at_once and not self._settled(path, now):
                if self._is_waited_for(path, now):
                    unfinished.append(path)
            elif unfinished and self._settings.number == "order":
                unfinished.append(path)
            elif os.path.isfile(path):
                self._given.add(path)
                self._seen.pop(path, None)
                yield path
        self.unfinished = unfinished

    def _settled(self, path: Path, now: float) -> bool:
        """Whether the file has been as it is for long enough."""
        try:
            status = os.stat(path)
        except OSError:
            # It is gone, or a file system far away does not find it at this moment.
            return False
        size, written = status.st_size, status.st_mtime_ns
        before = self._seen.get(path)
        if before is None or before[:2] != (size, written):
            self._seen[path] = (size, written, now)
            return False
        return size > 0 and now - before[2] >= self._settings.settle_seconds

    def _is_waited_for(self, path: Path, now: float) -> bool:
        seen = self._seen.get(path)
        return seen is not None and now - seen[2] < max(
            self._settings.idle_seconds, self._settings.settle_seconds
        )
