"""Chunks worked off by a Dask cluster: more machines than one, and queues of a computing centre.

Dask is handed a few more chunks than it has threads; all others stay in the ledger, which is the only account. What Dask has may
therefore be lost at any moment: when its scheduler is gone, or no longer answers, all chunks that were out go back to the ledger as never
begun, and are handed out again, under a new attempt, as soon as there is a scheduler. What an old attempt leaves behind counts nowhere.

Priorities, resources and hosts that are near the data are told to Dask; see ``docs/how-to/rules-on-a-cluster.md``.
"""

from __future__ import annotations

import contextlib
import functools
import queue
import threading
import uuid
from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec

from beamloom.rules.executors import seats
from beamloom.rules.executors.dask_link import Link, Opener, opener
from beamloom.rules.executors.dask_results import outcomes
from beamloom.rules.spec import Coming, Done, Lease, Outcome, Returned, Setup, Work

Future = Any
"""A ``distributed.Future`` with an outcome as bytes; the library brings types for some of its methods only."""
LOOK: Final = 0.5
"""Seconds between two looks at the scheduler and its workers."""
QUICK: Final = 0.1
"""Seconds: of chunks that take less, each thread has so many that it need not wait for the way to the engine and back."""
DEEPEST: Final = 16
DEMAND: Final = 4
"""Chunks that are handed to a cluster without workers, so that one which grows by demand does."""


class DaskExecutor:
    """See the module."""

    def __init__(self, cluster: Any, **client: Any) -> None:
        """``cluster`` says which cluster; ``client`` are options of ``distributed.Client``, for instance ``security``.

        A cluster is the address of its scheduler (``tcp://host:8786``), the ``Path`` of its scheduler file, an object (``LocalCluster``,
        ``SLURMCluster``, ``KubeCluster``), or a function that makes one, which is called again when that one is lost.
        Raises RuleRefused for what is none of these.
        """
        self._open: Opener = opener(cluster, client)
        self._token = uuid.uuid4().hex
        """Tells its chunks from those of other engines on the same cluster."""
        self._report: Callable[[Outcome], None] = lambda outcome: None
        self._turn = threading.RLock()
        self._link: Link | None = None
        self._out: dict[str, tuple[Lease, Future]] = {}
        """By Dask's key: what it has."""
        self._finished: queue.SimpleQueue[tuple[str, Future] | None] = queue.SimpleQueue()
        self._awaited: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        """What workers are to be told is coming."""
        self._unneeded: queue.SimpleQueue[int] = queue.SimpleQueue()
        """Steps of which chunks are under way that nobody needs."""
        self._usual = QUICK
        """Seconds that a chunk took lately."""
        self._trouble = ""
        self._closing = threading.Event()
        self._wake = threading.Event()
        self._threads = [
            threading.Thread(target=self._keep, name="rules-dask-link", daemon=True),
            threading.Thread(target=self._collect, name="rules-dask-results", daemon=True),
        ]

    def start(self, report: Callable[[Outcome], None]) -> None:
        """Look for the scheduler; it may come later."""
        self._report = report
        for thread in self._threads:
            thread.start()

    def capacity(self) -> dict[str, float]:
        """Of all workers together, where Dask does not count itself; nothing is counted while none is known."""
        link = self._link
        return {} if link is None else link.capacity()

    def refusal(self, needs: Mapping[str, float]) -> str:
        """Judged by the largest worker, where there are any; more of them may come."""
        link = self._link
        return "" if link is None else link.refusal(needs)

    def room(self) -> int:
        """Some more chunks than there are threads."""
        with self._turn:
            if self._link is None or not self._link.up:
                return 0
            depth = max(2, min(DEEPEST, int(QUICK / max(self._usual, 1e-6))))
            return max(0, max(DEMAND, depth * self._link.threads()) - len(self._out))

    def expect(self, coming: Coming) -> None:
        """Workers that are there get ready."""
        self._awaited.put(msgspec.msgpack.encode(coming))
        self._wake.set()

    def submit(self, setup: Setup, work: Work) -> None:
        """To Dask, which chooses the worker."""
        lease = work.lease
        key = f"beamloom-{self._token}-{lease.step}-{lease.chunk}-{lease.attempt}"
        with self._turn:
            if self._link is None:
                self._report(Returned(lease))
                return
            try:
                future = self._link.client.submit(
                    seats.work_off,
                    *(self._token, msgspec.msgpack.encode(setup), msgspec.msgpack.encode(work)),
                    key=key,
                    priority=setup.priority,
                    **self._link.placed(setup.spec),
                )
            except Exception as error:  # noqa: BLE001 - a client whose scheduler goes at this moment raises anything
                self._trouble = f"Dask takes no chunks now: {error}; it is tried again"
                self._report(Returned(lease))
                return
            self._out[key] = lease, future
        future.add_done_callback(functools.partial(self._came, key))

    def look(self) -> str:
        """What is wrong with the cluster; everything else is done by a thread of its own."""
        return self._trouble

    def drop(self, step: int) -> None:
        """Let Dask forget them, and end those that have begun."""
        with self._turn:
            gone = {key: taken for key, taken in self._out.items() if taken[0].step == step}
            for key, (_, future) in gone.items():
                del self._out[key]
                with contextlib.suppress(Exception):  # the scheduler may be gone, and them with it
                    future.release()
        if gone:
            self._unneeded.put(step)
            self._wake.set()

    def close(self) -> None:
        """End what is under way, and leave the cluster; one that was made here is ended."""
        self._closing.set()
        self._wake.set()
        self._finished.put(None)
        for thread in self._threads:
            if thread.is_alive():
                thread.join()

    # The thread that keeps the link

    def _keep(self) -> None:
        while not self._closing.is_set():
            try:
                self._see_to(self._link or self._open())
            except Exception as error:  # noqa: BLE001 - whatever a cluster or its network does; it is told, and tried again
                self._lose(str(error) or type(error).__name__)
            self._wake.wait(LOOK)
            self._wake.clear()
        link, self._link = self._link, None
        if link is not None:
            link.leave(seats.end, self._token)

    def _see_to(self, link: Link) -> None:
        """Chunks are handed out only when the workers, and what they declare, are known."""
        try:
            link.look()
        except BaseException:
            if self._link is None:
                link.abandon()
            raise
        self._link = link
        self._end_unneeded(link)
        self._tell_of_coming(link)
        self._trouble = link.trouble()

    def _end_unneeded(self, link: Link) -> None:
        with contextlib.suppress(queue.Empty):
            while True:
                link.everywhere(seats.end, self._token, self._unneeded.get_nowait())

    def _tell_of_coming(self, link: Link) -> None:
        with contextlib.suppress(queue.Empty):
            while link.workers:
                link.everywhere(seats.expect, self._token, self._awaited.get_nowait())

    def _lose(self, sentence: str) -> None:
        with self._turn:
            link, self._link = self._link, None
            out, self._out = self._out, {}
            self._trouble = f"the Dask scheduler is not there: {sentence}; it is looked for again"
        for lease, _ in out.values():
            self._report(Returned(lease))
        if link is not None:
            link.abandon()

    # The thread that takes results

    def _came(self, key: str, future: Future) -> None:
        self._finished.put((key, future))

    def _collect(self) -> None:
        while True:
            batch = [self._finished.get()]
            with contextlib.suppress(queue.Empty):
                while True:
                    batch.append(self._finished.get_nowait())
            if None in batch:
                return
            with self._turn:
                wanted = {
                    key: (self._out[key][0], future)
                    for key, future in filter(None, batch)
                    if key in self._out
                }
            for key, outcome in zip(wanted, outcomes(list(wanted.values())), strict=True):
                with self._turn:
                    taken = self._out.pop(key, None)
                if taken is not None:
                    self._take(outcome)

    def _take(self, outcome: Outcome) -> None:
        if isinstance(outcome, Done):
            self._usual += 0.2 * (outcome.seconds - self._usual)
        self._report(outcome)
