"""Which versions of the tree are at hand: the newest, and those that clients want to stay as they are.

The domain ``/snapshot`` is the newest version at the moment at which it is opened, under ids of its own: whoever opens it reads all
datasets of one version, however fast the reducer publishes. The domain ``/runs/{run}`` is the last version of a run that has ended
(``past.py``), ``/runs/last`` that of the newest of them. Every other domain is the newest version at the moment of each read.
Versions of ``/snapshot`` and of runs are kept until together they are larger than ``MOST_BYTES``, or more than ``MOST_SNAPSHOTS``;
the oldest go first. Runs that are asked for by an id come back.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections import OrderedDict

from beamloom.engine.accounts.coverage import Coverage
from beamloom.results.covered import with_coverage
from beamloom.results.hdf5.catalog import Catalog, Entry
from beamloom.results.hdf5.ids import NEWEST, parse_id, tag_of_run, tag_of_version
from beamloom.results.hdf5.times import Times
from beamloom.results.past import PastRuns
from beamloom.results.selection import NothingSelected
from beamloom.results.snapshot import ResultsReader, Snapshot
from beamloom.results.tree import tree_of

SNAPSHOT_DOMAIN = "/snapshot"
"""Opens the newest version and keeps it still."""
RUNS_DOMAIN = "/runs/"
"""Before the id of a run that has ended."""
MOST_SNAPSHOTS = 64
MOST_REMEMBERED = 1024
"""Runs to which ids were given."""
MOST_BYTES = 2**29


class Shelf:
    """Catalogs by domain and by id."""

    def __init__(self, reader: ResultsReader, past: PastRuns | None = None) -> None:
        self._reader = reader
        self._past = past
        self._runs: OrderedDict[str, str] = OrderedDict()
        self._newest: Catalog | None = None
        self._coverage: Coverage | None = None
        self._still: OrderedDict[str, Catalog] = OrderedDict()
        self._building = asyncio.Lock()
        self._lock = threading.Lock()
        self.times = Times()
        """When objects changed."""

    async def of_domain(self, domain: str) -> Catalog:
        """The newest version; for the domain ``/snapshot``, and for those of runs, under ids that stay with it. Raises NothingSelected."""
        domain = "/" + domain.strip("/")
        if domain.startswith(RUNS_DOMAIN) and self._past is not None:
            return await self._of_run(self._past, domain.removeprefix(RUNS_DOMAIN))
        newest = await self._current()
        if domain != SNAPSHOT_DOMAIN:
            return newest
        tag = tag_of_version(newest.run, newest.version)
        return self._keep(tag, newest)

    async def _of_run(self, past: PastRuns, run: str) -> Catalog:
        _, snapshot = await asyncio.to_thread(past.find, run)
        tag = tag_of_run(snapshot.run, snapshot.version)
        with self._lock:
            known = self._still.get(tag)
            self._runs[tag] = snapshot.run or run
            while len(self._runs) > MOST_REMEMBERED:
                self._runs.popitem(last=False)
        if known is None:
            known = await asyncio.to_thread(_catalog, snapshot)
        return self._keep(tag, known)

    async def runs(self) -> list[str]:
        """The domains of the runs that have ended, the newest first."""
        if self._past is None:
            return []
        return [RUNS_DOMAIN + record.run for record in await asyncio.to_thread(self._past.records)]

    def _keep(self, tag: str, shown: Catalog) -> Catalog:
        """The same under ids that begin with ``tag``, for as long as there is room."""
        with self._lock:
            catalog = self._still.pop(tag, None) or shown.tagged(tag)
            self._still[tag] = catalog
            total = sum(kept.size() for kept in self._still.values())
            while len(self._still) > 1 and (total > MOST_BYTES or len(self._still) > MOST_SNAPSHOTS):
                total -= self._still.popitem(last=False)[1].size()
        return catalog

    async def find(self, object_id: str, collection: str) -> tuple[Catalog, Entry]:
        """The object with an id. Raises NothingSelected."""
        parsed = parse_id(object_id)
        if parsed is None:
            raise NothingSelected(
                f"{object_id} is no id; ask for / to get the id of the root group, and go from there."
            )
        letter, tag, key = parsed
        catalog = await self._current() if tag == NEWEST else self._still.get(tag)
        if catalog is None and self._past is not None and (run := self._runs.get(tag)) is not None:
            catalog = await self._of_run(self._past, run)
            if catalog.tag != tag:
                catalog = None
        if catalog is None:
            raise NothingSelected(
                f"the version that {object_id} belongs to is not kept any more; open the domain {SNAPSHOT_DOMAIN} again."
            )
        entry = catalog.find(letter, key)
        if entry is None or entry.collection != collection:
            raise NothingSelected(
                f"there is no object {object_id} in {collection}; it may have been there in an earlier version: "
                "go again from the root group, whose id / tells."
            )
        return catalog, entry

    async def _current(self) -> Catalog:
        snapshot = await self._reader.snapshot()
        newest = self._newest
        if newest is not None and self._shows(newest, snapshot):
            return newest
        async with self._building:
            newest = self._newest
            if newest is not None and self._shows(newest, snapshot):
                return newest
            catalog = await asyncio.to_thread(_catalog, snapshot)
            if newest is None or newest.run != catalog.run or newest.version <= catalog.version:
                self._newest, self._coverage = catalog, snapshot.coverage
                self.times.forget(catalog)
            return catalog

    def _shows(self, newest: Catalog, snapshot: Snapshot) -> bool:
        """Whether the newest catalog is of this snapshot; what became of events may change without a new version."""
        same = (newest.run, newest.version) == (snapshot.run, snapshot.version)
        return same and self._coverage is snapshot.coverage


def _catalog(snapshot: Snapshot) -> Catalog:
    if snapshot.publish is None:
        raise NothingSelected(
            "the reducer publishes nothing yet; start a run, or set self.publish in the reducer class."
        )
    seen_at = time.time()
    with contextlib.nullcontext() if snapshot.lock is None else snapshot.lock:
        tree = tree_of(snapshot.publish)
        if snapshot.coverage is not None:
            tree = with_coverage(tree, snapshot.coverage)
        return Catalog(tree, snapshot.run, snapshot.version, NEWEST, seen_at)
