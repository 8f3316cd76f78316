"""The runs whose results are in files of autosave, also those that a reducer before this one has kept.

Files are found by the template that they were named by, and asked for the run that they hold; what was found of a file is remembered for
as long as the file is the same. Of very many, the newest ``MOST_FILES`` count.
"""

from __future__ import annotations

import contextlib
import glob
import os
import re
import string
import threading
from pathlib import Path

from beamloom.engine.accounts.coverage import Coverage
from beamloom.results.files.reading_back import NoResults, publish_in, record_in
from beamloom.results.record import RunRecord
from beamloom.results.selection import NothingSelected
from beamloom.results.snapshot import Snapshot
from beamloom.results.versions import versions_of

MOST_FILES = 500
LIFE = "file"
"""Stands for the life of a process in versions that are read from files."""

Stamp = tuple[int, int]


class SavedRuns:
    """Files of one template. To be asked in any thread."""

    def __init__(self, template: str, name: str, most_bytes: int) -> None:
        """``name`` is that of the reducer; ``most_bytes``: of a file that is read whole."""
        self._pattern = pattern_of(template, name)
        self._most_bytes = most_bytes
        self._lock = threading.Lock()
        self._known: dict[Path, tuple[Stamp, RunRecord | None]] = {}

    def records(self) -> list[RunRecord]:
        """Of the runs that are in files, the one that began last first."""
        found = {record.run: record for record, _ in reversed(self._found())}
        return sorted(found.values(), key=lambda record: record.started or 0.0, reverse=True)

    def find(self, run: str) -> tuple[RunRecord, Snapshot]:
        """A run by its id. Raises NothingSelected, and UserError where its file cannot be read or is too large."""
        for record, path in self._found():
            if record.run == run:
                publish, version = publish_in(path, self._most_bytes)
                coverage = Coverage.from_json(record.coverage) if record.coverage else None
                versions = versions_of(publish, version, record.ended or record.started or 0.0)
                return record, Snapshot(
                    version, run, publish, versions=versions, life=LIFE, coverage=coverage
                )
        raise NothingSelected(f"no file holds the result of run {run}.")

    def _found(self) -> list[tuple[RunRecord, Path]]:
        """The newest first."""
        with self._lock:
            stamps: dict[Path, Stamp] = {}
            for name in glob.iglob(self._pattern):
                with contextlib.suppress(OSError):
                    status = os.stat(name)
                    stamps[Path(name)] = status.st_mtime_ns, status.st_ino
            newest = sorted(stamps, key=lambda path: stamps[path], reverse=True)[:MOST_FILES]
            known = {path: self._look(path, stamps[path]) for path in newest}
            self._known = known
        return [(record, path) for path, (_, record) in known.items() if record is not None]

    def _look(self, path: Path, stamp: Stamp) -> tuple[Stamp, RunRecord | None]:
        known = self._known.get(path)
        if known is not None and known[0] == stamp:
            return known
        try:
            return stamp, record_in(path)
        except NoResults:
            return stamp, None


def pattern_of(template: str, name: str) -> str:
    """The pattern (of ``glob``) of all files that may have been named by a template."""
    stem, ending = os.path.splitext(template)
    pattern = "".join(
        glob.escape(literal) + ("" if field is None else _field(field, name))
        for literal, field, _, _ in string.Formatter().parse(stem)
    )
    # Where a name was taken, the file has a number behind its stem.
    return os.path.expanduser(f"{pattern}*{glob.escape(ending)}")


def _field(field: str, name: str) -> str:
    return glob.escape(re.sub(r"[^\w.+-]", "_", name)) if field == "name" else "*"
