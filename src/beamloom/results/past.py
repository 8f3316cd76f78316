"""The results of the last runs, held in memory: a new trigger map does not make the last result vanish.

At most ``MOST_RUNS`` are held, and together at most ``MOST_BYTES`` of arrays; the oldest go first. A result that is larger by itself is
held until the next one comes: it was in memory anyway.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

import msgspec
import numpy as np

from beamloom.results.record import RunRecord
from beamloom.results.selection import NothingSelected
from beamloom.results.snapshot import Ended, Snapshot

MOST_RUNS = 10
MOST_BYTES = 2**30
LAST = "last"
"""Stands for the last run that has ended."""


class PastRuns:
    """What is held; the reducer adds, readers in other threads look."""

    def __init__(self, most_runs: int = MOST_RUNS, most_bytes: int = MOST_BYTES) -> None:
        self._most_runs = most_runs
        self._most_bytes = most_bytes
        self._lock = threading.Lock()
        self._held: OrderedDict[str, tuple[RunRecord, Snapshot, int]] = OrderedDict()

    def add(self, record: RunRecord, last: Snapshot) -> None:
        """A run has ended with this version of its result."""
        if last.coverage is not None:
            record = msgspec.structs.replace(record, coverage=last.coverage.to_json())
        with self._lock:
            self._held[record.run] = record, last, size(last.publish)
            total = sum(held[2] for held in self._held.values())
            while len(self._held) > 1 and (len(self._held) > self._most_runs or total > self._most_bytes):
                total -= self._held.popitem(last=False)[1][2]

    def records(self) -> list[RunRecord]:
        """Of the runs that are held, the newest first."""
        with self._lock:
            return [record for record, _, _ in reversed(self._held.values())]

    def find(self, run: str) -> tuple[RunRecord, Snapshot]:
        """A run by its id, or ``last``. Raises NothingSelected."""
        with self._lock:
            if run == LAST and self._held:
                run = next(reversed(self._held))
            held = self._held.get(run)
        if held is None:
            raise NothingSelected(
                f"the result of run {run} is not held; /api/v1/runs lists those that are. With the setting autosave, results are kept "
                "in files."
            )
        return held[0], held[1]


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
    bytes_held = getattr(value, "nbytes", None)
    if bytes_held is None and hasattr(value, "shape") and hasattr(value, "dtype"):
        bytes_held = int(np.prod(value.shape)) * np.dtype(value.dtype).itemsize
    return bytes_held if isinstance(bytes_held, int) else 8
