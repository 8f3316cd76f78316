"""The files of a folder that are whole, as they come."""

from __future__ import annotations

import os
import time
from collections.abc import Collection, Iterator
from pathlib import Path

from beamloom.devices.file_reading.urls import matching
from beamloom.devices.image_files.settings import ImageFilesSettings


class Folder:
    """The files of a series as they come, whole ones only."""

    def __init__(self, settings: ImageFilesSettings, pattern: Path) -> None:
        self._settings = settings
        self._pattern = pattern
        self._seen: dict[Path, tuple[int, int, float]] = {}
        self._given: set[Path] = set()

    def whole(self) -> Iterator[Path]:
        """The files that are whole and were not given before, in the order of their names.

        By their order no file may overtake another, so one that is still written holds back those behind it; their time runs meanwhile.
        """
        at_once = self._settings.renamed or not self._settings.follow
        held = False
        for path in matching(self._pattern):
            if path in self._given:
                continue
            if not at_once and not self._settled(path):
                held = self._settings.number == "order"
                continue
            if not held and path.is_file():
                self._given.add(path)
                self._seen.pop(path, None)
                yield path

    def _settled(self, path: Path) -> bool:
        """Whether the file has been as it is for long enough."""
        now = time.monotonic()
        try:
            status = os.stat(path)
        except FileNotFoundError:
            return False
        size, written = status.st_size, status.st_mtime_ns
        before = self._seen.get(path)
        if before is None or before[:2] != (size, written):
            self._seen[path] = (size, written, now)
            return False
        return size > 0 and now - before[2] >= self._settings.settle_seconds

    @property
    def unfinished(self) -> Collection[Path]:
        """The files that are still written."""
        return self._seen.keys()
