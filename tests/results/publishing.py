"""A reducer that publishes what the test tells it, with its desk served by a thread as by a real reducer, over real HTTP."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

from beamloom.analysis import ReducerAnalysis
from beamloom.parameters import ParameterSet
from beamloom.results.http import make_app
from beamloom.services.reducer.snapshots import SnapshotDesk
from beamloom.transport.http_server import HttpServer
from support.patience import PATIENCE


class _Publishing:
    """A reducer class that publishes what is in the context."""

    def __init__(self, context: dict[str, Any]) -> None:
        self.publish = context["publish"]

    def process_result(self, result: object) -> None: ...


class Publisher:
    """Publishes ``tree``; changes are made in the thread that takes snapshots, one at a time."""

    def __init__(self, tree: dict[str, Any]) -> None:
        self._wake = threading.Event()
        self._lock = threading.Lock()
        self._changes: list[Callable[[dict[str, Any]], None]] = []
        self._done = threading.Semaphore(0)
        self.desk = SnapshotDesk(self._wake.set)
        self._tree = tree
        self._begin("r1")
        self._stopped = False
        self._thread = threading.Thread(target=self._serve)

    def _begin(self, run: str) -> None:
        analysis = ReducerAnalysis(_Publishing)
        analysis.start(ParameterSet(), {"publish": self._tree})
        self.desk.begin_run(run, analysis)

    def change(self, change: Callable[[dict[str, Any]], None]) -> None:
        """Change the tree; returns once that is done."""
        with self._lock:
            self._changes.append(change)
        self._wake.set()
        assert self._done.acquire(timeout=PATIENCE)

    def put(self, **values: Any) -> None:
        """Publish these."""
        self.change(lambda tree: tree.update(values))

    def new_run(self, run: str, tree: dict[str, Any]) -> None:
        """Begin another run."""

        def begin(old: dict[str, Any]) -> None:
            self._tree = tree
            self._begin(run)

        self.change(begin)

    def _serve(self) -> None:
        while not self._stopped:
            self._wake.wait(self.desk.wait(time.monotonic()))
            self._wake.clear()
            with self._lock:
                changes, self._changes = self._changes, []
            for change in changes:
                change(self._tree)
                self.desk.changed()
                self._done.release()
            self.desk.serve(time.monotonic())

    def __enter__(self) -> Publisher:
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._stopped = True
        self._wake.set()
        self._thread.join()
        self.desk.close()


@contextlib.contextmanager
def published(tree: dict[str, Any]) -> Iterator[tuple[str, Publisher]]:
    """Its address, and what publishes there."""
    publisher = Publisher(tree)
    with HttpServer(make_app(publisher.desk, cors=True)) as server, publisher:
        yield server.url, publisher
