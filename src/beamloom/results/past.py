"""The results of the last runs: a new trigger map does not make the last result vanish.

So many are held in memory, and together so many bytes of arrays; the oldest go first. A result that is larger by itself is
held until the next one comes: it was in memory anyway. Runs that are not held, of this process or of one before it, are read from the files
in which they were saved, where there are any. The one that was read last is held, too.

Results that were made again of a recording are handed in from outside. They have bounds of their own: however many somebody tries, what was
measured stays.
"""

from __future__ import annotations

import math
import threading
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any, Protocol

import msgspec
import numpy as np

from beamloom.results.record import RunRecord
from beamloom.results.selection import NothingSelected
from beamloom.results.snapshot import Ended, Snapshot

MOST_RUNS = 10
MOST_BYTES = 2**30
LAST = "last"
"""Stands for the last run that has ended."""


class Saved(Protocol):
    """Where runs can be read that are not held any more."""

    def records(self) -> list[RunRecord]:
        """Of all that are there, the one that began last first."""

    def find(self, run: str) -> tuple[RunRecord, Snapshot]:
        """A run by its id. Raises UserError, NothingSelected where it is not there."""


class PastRuns:
    """What is held; the reducer adds, readers in other threads look. Looking may read files."""

    def __init__(
        self, most_runs: int = MOST_RUNS, most_bytes: int = MOST_BYTES, saved: Saved | None = None
    ) -> None:
        self._saved = saved
        self._read: tuple[RunRecord, Snapshot] | None = None
        self.present: str | None = None
        """The run that goes on, which is not a past one although there may be a file of it."""
        self._most_runs = most_runs
        self._most_bytes = most_bytes
        self._lock = threading.Lock()
        self._held: OrderedDict[str, tuple[RunRecord, Snapshot, int]] = OrderedDict()
        self._handed_in: OrderedDict[str, tuple[RunRecord, Snapshot, int]] = OrderedDict()

    def add(self, record: RunRecord, last: Snapshot) -> None:
        """A run has ended with this version of its result."""
        if last.coverage is not None:
            record = msgspec.structs.replace(record, coverage=last.coverage.to_json())
        with self._lock:
            self._hold(self._held, record, last)

    def hand_in(self, record: RunRecord, last: Snapshot) -> None:
        """A result that was made again of a recording. May be called in any thread."""
        with self._lock:
            self._hold(self._handed_in, record, last)

    def _hold(
        self, among: OrderedDict[str, tuple[RunRecord, Snapshot, int]], record: RunRecord, last: Snapshot
    ) -> None:
        among[record.run] = record, last, size(last.publish)
        total = sum(held[2] for held in among.values())
        while len(among) > 1 and (len(among) > self._most_runs or total > self._most_bytes):
            total -= among.popitem(last=False)[1][2]

    def records(self) -> list[RunRecord]:
        """Of the runs that are held or saved, the newest first."""
        with self._lock:
            held = [
                record for among in (self._held, self._handed_in) for record, _, _ in reversed(among.values())
            ]
        known = {self.present, *(record.run for record in held)}
        saved = [] if self._saved is None else self._saved.records()
        return [*held, *(record for record in saved if record.run not in known)]

    def find(self, run: str) -> tuple[RunRecord, Snapshot]:
        """A run by its id, or ``last``. Raises NothingSelected, or what is wrong with the file that it is in."""
        with self._lock:
            if run == LAST and self._held:
                run = next(reversed(self._held))
            held = self._held.get(run) or self._handed_in.get(run)
        if held is not None:
            return held[0], held[1]
        if run == LAST:
            run = next((record.run for record in self.records() if record.again_of is None), run)
        read = self._read
        if read is not None and read[0].run == run:
            return read
        if self._saved is not None and run != self.present:
            try:
                self._read = read = self._saved.find(run)
            except NothingSelected:
                pass
            else:
                return read
        raise NothingSelected(
            f"the result of run {run} is not held; /api/v1/runs lists those that are. With the setting autosave, results are kept "
            "in files, and read from there."
        )


class PastReader:
    """Reads the result of one run that has ended: it does not change any more."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot

    async def snapshot(self) -> Snapshot:
        """The last version."""
        return self._snapshot

    async def newer(self, version: int) -> Snapshot:
        """The last version, if it is a later one. Raises Ended."""
        if self._snapshot.version > version:
            return self._snapshot
        raise Ended("this run is over, and its result does not change any more; read it without wait.")

    async def status(self) -> dict[str, Any]:
        """Which run it is."""
        return {"run": self._snapshot.run, "version": self._snapshot.version}


def size(value: Any) -> int:
    """About how many bytes a tree holds in arrays and texts."""
    if isinstance(value, Mapping):
        return sum(size(one) for one in value.values())
    if isinstance(value, list | tuple):
        return sum(size(one) for one in value)
    if isinstance(value, bytes | str):
        return len(value)
    try:
        bytes_held = getattr(value, "nbytes", None)
        if bytes_held is None and hasattr(value, "shape") and hasattr(value, "dtype"):
            bytes_held = math.prod(value.shape) * np.dtype(value.dtype).itemsize
    except Exception:  # noqa: BLE001  a dataset of a file that is closed, or whatever else an object of the analysis may raise
        bytes_held = None
    return bytes_held if isinstance(bytes_held, int) else 8
