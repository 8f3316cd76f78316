"""The way to one Dask cluster: a client, the workers as they were last seen, and how chunks are placed on them."""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

from beamloom import dask_clusters
from beamloom.dask_clusters import Connection
from beamloom.libraries import MissingLibrary
from beamloom.rules.errors import RuleRefused
from beamloom.rules.executors.executor import too_much
from beamloom.rules.spec import StepSpec

NOBODY: Final = 15.0
"""Seconds without a worker after which that is told."""
EVERYBODYS: Final = ("cpu", "memory")
"""What a worker has also where it does not say so; of everything else one that does not say so has none."""
NAMES: Final = ("cpu", "memory", "gpu")
"""Resources that rules ask for, as Dask workers are told of them: ``--resources "cpu=4 memory=16e9 gpu=1"``."""


class Worker(NamedTuple):
    """A worker as the scheduler knows it."""

    host: str
    threads: int
    has: dict[str, float]
    """All that it has of each resource."""
    declared: frozenset[str]
    """Resources that it was started with, of which Dask keeps account."""


class Link:
    """See the module. One thread calls ``look``, ``everywhere``, ``leave`` and ``abandon``."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.client = connection.client
        self.workers: list[Worker] = []
        self._nobody_since = time.monotonic()

    @property
    def up(self) -> bool:
        """The scheduler is there."""
        return self._connection.up

    def look(self) -> None:
        """Ask for the workers. Raises OSError, TimeoutError where the scheduler does not answer."""
        self.workers = [_worker(one) for one in self._connection.workers().values()]
        if self.workers:
            self._nobody_since = time.monotonic()

    def trouble(self) -> str:
        """What holds everything up, or nothing."""
        if self.workers or time.monotonic() - self._nobody_since < NOBODY:
            return ""
        address = self._connection.address
        return f"the Dask scheduler {address} has no workers; start some: dask worker {address}"

    def threads(self) -> int:
        """Chunks that are worked off at once."""
        return sum(worker.threads for worker in self.workers)

    def capacity(self) -> dict[str, float]:
        """Of all workers together, of what Dask does not keep account of itself."""
        names = {name for worker in self.workers for name in worker.has} - self._declared()
        return {name: sum(worker.has.get(name, 0.0) for worker in self.workers) for name in names}

    def refusal(self, needs: Mapping[str, float]) -> str:
        """Why no worker that is there can ever have such a chunk; empty where one can, or there are none."""
        objections = [too_much(needs, worker.has) for worker in self.workers]
        if not all(objections):
            return ""
        names = {name for worker in self.workers for name in worker.has}
        most = {name: max(worker.has.get(name, 0.0) for worker in self.workers) for name in names}
        return too_much(needs, most) or next(iter(objections), "")

    def _declared(self) -> frozenset[str]:
        return frozenset().union(*(worker.declared for worker in self.workers))

    def placed(self, spec: StepSpec) -> dict[str, Any]:
        """What Dask is told of where a chunk of the step may be worked off."""
        declared = self._declared()
        needs = {"cpu": 1.0, **spec.resources}
        told: dict[str, Any] = {
            "resources": {
                name: need
                for name, need in needs.items()
                if need and (name in declared or name not in EVERYBODYS)
            }
        }
        if spec.near:
            told["workers"] = sorted({place for name in spec.near for place in _places(name)})
            told["allow_other_workers"] = spec.elsewhere
        return told

    def everywhere(self, function: Callable[..., None], *arguments: Any) -> None:
        """Call it on all workers; those that do not answer have other sorrows."""
        self._connection.call(function, *arguments)

    def leave(self, function: Callable[..., None], *arguments: Any) -> None:
        """Call it on all workers as the last thing, and go."""
        with contextlib.suppress(Exception):
            if self.up:
                self.everywhere(function, *arguments)
        self.abandon()

    def abandon(self) -> None:
        """Go without a word."""
        self._connection.abandon()


Opener = Callable[[], Link]


def opener(cluster: Any, options: Mapping[str, Any]) -> Opener:
    """A function that connects with the cluster; see ``DaskExecutor``. Raises RuleRefused."""
    try:
        connect = dask_clusters.opener(cluster, options, "rules on Dask")
    except (dask_clusters.ClusterRefused, MissingLibrary) as error:
        raise RuleRefused(str(error)) from error
    return lambda: Link(connect())


def _worker(told: Mapping[str, Any]) -> Worker:
    declared = {name: float(amount) for name, amount in (told.get("resources") or {}).items()}
    threads = int(told["nthreads"])
    limit = float(told.get("memory_limit") or float("inf"))
    has = {"cpu": float(threads), "memory": limit, "gpu": 0.0} | {
        name: amount for name, amount in declared.items() if name in NAMES
    }
    return Worker(str(told["host"]), threads, has, frozenset(declared))


def _places(name: str) -> list[str]:
    """A name as Dask knows workers: by their own names, or by the numbers of their hosts."""
    if "://" in name:
        return [name]
    try:
        return [name, *sorted({str(found[4][0]) for found in socket.getaddrinfo(name, None)})]
    except OSError:
        return [name]
