"""The way to one Dask cluster: a client, the workers as they were last seen, and how chunks are placed on them."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

from beamloom.rules.errors import RuleRefused
from beamloom.rules.executors.dask_loop import Loop
from beamloom.rules.executors.executor import too_much
from beamloom.rules.needs import need
from beamloom.rules.spec import StepSpec

CONNECT: Final = 5.0
"""Seconds in which a scheduler answers, or is taken to be away."""
CLOSE: Final = 10.0
"""Seconds in which a cluster that was made here ends; one whose scheduler was lost may take much longer, which nobody waits for."""
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

    def __init__(self, client: Any, loop: Loop, cluster: Any = None) -> None:
        """``cluster``: where it was made for this link, and ends with it."""
        self.client = client
        self._address = str(client.scheduler.address)
        self._loop = loop
        self._cluster = cluster
        self.workers: list[Worker] = []
        self._nobody_since = time.monotonic()

    @property
    def up(self) -> bool:
        """The scheduler is there."""
        return bool(self.client.status == "running")

    def look(self) -> None:
        """Ask for the workers. Raises OSError, TimeoutError where the scheduler does not answer."""
        if not self.up:
            raise ConnectionError(f"the connection with {self._address} was lost")
        told = self.client.sync(self.client.scheduler.identity, callback_timeout=CONNECT)
        self.workers = [_worker(one) for one in told["workers"].values()]
        if self.workers:
            self._nobody_since = time.monotonic()

    def trouble(self) -> str:
        """What holds everything up, or nothing."""
        if self.workers or time.monotonic() - self._nobody_since < NOBODY:
            return ""
        address = self._address
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
        self.client.run(function, *arguments, on_error="ignore", callback_timeout=CONNECT)

    def leave(self, function: Callable[..., None], *arguments: Any) -> None:
        """Call it on all workers as the last thing, and go."""
        with contextlib.suppress(Exception):
            if self.up:
                self.everywhere(function, *arguments)
        self.abandon()

    def abandon(self) -> None:
        """Go without a word."""
        with contextlib.suppress(Exception):
            self.client.close(timeout=1.0)
        self._loop.stop()
        if self._cluster is not None:
            closing = threading.Thread(target=self._close_cluster, name="rules-dask-closing", daemon=True)
            closing.start()
            closing.join(CLOSE)

    def _close_cluster(self) -> None:
        with contextlib.suppress(Exception):
            self._cluster.close()


Opener = Callable[[], Link]


def opener(cluster: Any, options: Mapping[str, Any]) -> Opener:
    """A function that connects with the cluster; see ``DaskExecutor``. Raises RuleRefused."""
    distributed = need("distributed", "rules on Dask", "dask")

    def connect(where: dict[str, Any], made: Any = None) -> Link:
        loop = Loop()
        try:
            told = {**where, **options}
            client = distributed.Client(**told, loop=loop.loop, timeout=CONNECT, set_as_default=False)
            return Link(client, loop, made)
        except BaseException:
            loop.stop()
            raise

    if isinstance(cluster, str):
        _see_to_address(cluster)
        return lambda: connect({"address": cluster})
    if isinstance(cluster, Path):
        return lambda: connect({"scheduler_file": str(cluster)})
    if hasattr(cluster, "scheduler_address"):
        return lambda: connect(_way(cluster))
    if callable(cluster):

        def make() -> Link:
            made = cluster()
            try:
                return connect(_way(made), made)
            except BaseException:
                made.close()
                raise

        return make
    raise RuleRefused(
        f"a Dask cluster is the address of its scheduler (tcp://host:8786), the Path of its scheduler file, a cluster object, or a "
        f"function that makes one, and not {cluster!r}"
    )


def _way(cluster: Any) -> dict[str, Any]:
    return {"address": cluster.scheduler_address, "security": getattr(cluster, "security", None)}


def _see_to_address(address: str) -> None:
    from distributed.comm.addressing import parse_address
    from distributed.comm.registry import backends

    try:
        scheme, place = parse_address(address, strict=True)
    except ValueError as error:
        raise RuleRefused(
            f"{address!r} is no address of a Dask scheduler, which is tcp://host:8786"
        ) from error
    if scheme not in backends or not place:
        raise RuleRefused(
            f"{address!r} is no address of a Dask scheduler, which is tcp://host:8786 (or: {', '.join(sorted(backends))})"
        )


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
