"""Which Dask cluster is meant, and the way to it: a client with a thread of its own."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from beamloom.dask_clusters.loop import Loop
from beamloom.dask_clusters.refusal import ClusterRefused
from beamloom.libraries import library

CONNECT: Final = 5.0
"""Seconds in which a scheduler answers, or is taken to be away."""
CLOSE: Final = 10.0
"""Seconds in which a cluster that was made here ends; one whose scheduler was lost may take much longer, which nobody waits for."""


class Connection:
    """See the module. One thread calls its methods."""

    def __init__(self, client: Any, loop: Loop, cluster: Any = None) -> None:
        """``cluster``: where it was made for this connection, and ends with it."""
        self.client = client
        self.address = str(client.scheduler.address)
        """Of the scheduler."""
        self.cluster = cluster
        self._loop = loop

    @property
    def up(self) -> bool:
        """The scheduler is there."""
        return bool(self.client.status == "running")

    def workers(self) -> dict[str, dict[str, Any]]:
        """What the scheduler knows of each worker, by its address. Raises OSError, TimeoutError where the scheduler does not answer."""
        if not self.up:
            raise ConnectionError(f"the connection with {self.address} was lost")
        told = self.client.sync(self.client.scheduler.identity, callback_timeout=CONNECT)
        return dict(told["workers"])

    def call(
        self, function: Callable[..., None], *arguments: Any, workers: Sequence[str] | None = None
    ) -> None:
        """Call it on all workers, or on those at these addresses; those that do not answer have other sorrows."""
        self.client.run(function, *arguments, workers=workers, on_error="ignore", callback_timeout=CONNECT)

    def abandon(self) -> None:
        """Go without a word; a cluster that was made here ends."""
        with contextlib.suppress(Exception):
            self.client.close(timeout=1.0)
        self._loop.stop()
        if self.cluster is not None:
            closing = threading.Thread(target=self._close_cluster, name="dask-closing", daemon=True)
            closing.start()
            closing.join(CLOSE)

    def _close_cluster(self) -> None:
        with contextlib.suppress(Exception):
            self.cluster.close()


Opener = Callable[[], Connection]


def opener(cluster: Any, options: Mapping[str, Any], what: str) -> Opener:
    """A function that connects with the cluster, for ``what``; ``options`` are of ``distributed.Client``.

    A cluster is the address of its scheduler (``tcp://host:8786``), the ``Path`` of its scheduler file, an object (``LocalCluster``,
    ``SLURMCluster``, ``KubeCluster``), or a function that makes one, which then ends with the connection.
    Raises ClusterRefused for what is none of these, MissingLibrary.
    """
    distributed = library("distributed", what, "dask")

    def connect(where: dict[str, Any], made: Any = None) -> Connection:
        loop = Loop()
        try:
            told = {**where, **options}
            client = distributed.Client(**told, loop=loop.loop, timeout=CONNECT, set_as_default=False)
            return Connection(client, loop, made)
        except BaseException:
            loop.stop()
            raise

    if isinstance(cluster, str):
        see_to_address(cluster)
        return lambda: connect({"address": cluster})
    if isinstance(cluster, Path):
        return lambda: connect({"scheduler_file": str(_there(cluster))})
    if hasattr(cluster, "scheduler_address"):
        return lambda: connect(_way(cluster))
    if callable(cluster):

        def make() -> Connection:
            made = cluster()
            try:
                return connect(_way(made), made)
            except BaseException:
                made.close()
                raise

        return make
    raise ClusterRefused(
        f"a Dask cluster is the address of its scheduler (tcp://host:8786), the Path of its scheduler file, a cluster object, or a "
        f"function that makes one, and not {cluster!r}"
    )


def _there(file: Path) -> Path:
    # The library waits for it for ever.
    if not file.exists():
        raise ConnectionError(f"there is no scheduler file {file}")
    return file


def _way(cluster: Any) -> dict[str, Any]:
    return {"address": cluster.scheduler_address, "security": getattr(cluster, "security", None)}


def see_to_address(address: str) -> None:
    """Raises ClusterRefused for what cannot be the address of a scheduler."""
    from distributed.comm.addressing import parse_address
    from distributed.comm.registry import backends

    try:
        scheme, place = parse_address(address, strict=True)
    except ValueError as error:
        raise ClusterRefused(
            f"{address!r} is no address of a Dask scheduler, which is tcp://host:8786"
        ) from error
    if scheme not in backends or not place:
        raise ClusterRefused(
            f"{address!r} is no address of a Dask scheduler, which is tcp://host:8786 (or: {', '.join(sorted(backends))})"
        )
