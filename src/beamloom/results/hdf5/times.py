"""When the objects of a publish tree changed."""

from __future__ import annotations

import threading

from beamloom.results.hdf5.catalog import Catalog, Entry


class Times:
    """When the object at each path began to be, and when it last changed (Unix times, s).

    A change is noticed by what an object holds, never by the version alone: a dataset in which nothing has changed keeps its time. It
    gets the time at which the version was first seen in which somebody first saw the change.
    """

    def __init__(self) -> None:
        self._known: dict[tuple[str, ...], tuple[bytes, float, float]] = {}
        self._lock = threading.Lock()

    def of(self, catalog: Catalog, entry: Entry) -> tuple[float, float]:
        """Created and last changed."""
        digest = catalog.digest(entry)
        with self._lock:
            known, created, changed = self._known.get(entry.path, (b"", catalog.seen_at, catalog.seen_at))
            if catalog.seen_at < changed:
                return min(created, catalog.seen_at), catalog.seen_at
            if known != digest:
                changed = catalog.seen_at
                self._known[entry.path] = digest, created, changed
            return created, changed

    def forget(self, catalog: Catalog) -> None:
        """Forget what is not in ``catalog``."""
        with self._lock:
            if len(self._known) > 2 * len(catalog.entries()) + 100:
                self._known = {
                    path: known for path, known in self._known.items() if catalog.at(path) is not None
                }
