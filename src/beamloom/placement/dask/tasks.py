"""What Dask has of one supervisor: a task for each process that was asked for, and what becomes of tasks that cannot run."""

from __future__ import annotations

import contextlib
from typing import Any

import msgspec

from beamloom.dask_clusters import CONNECT, Connection
from beamloom.placement.dask.child import DaskChild
from beamloom.placement.dask.holding import hold
from beamloom.placement.dask.words import Order
from beamloom.version import VERSION


class Tasks:
    """See the module; of one thread."""

    def __init__(self, token: str) -> None:
        """``token`` of the supervisor."""
        self._token = token
        self._futures: dict[str, tuple[DaskChild, Any]] = {}
        """By Dask's key."""
        self._finished: set[str] = set()
        """Keys of tasks that had ended at the last look."""

    def ask(self, connection: Connection, child: DaskChild, key: str, needs: dict[str, float]) -> None:
        """Ask Dask for a process, unless that is what somebody wanted before."""
        if not child.asks(key):
            return
        spec = child.spec
        order = Order(token=self._token, key=key, argv=spec.argv, env=spec.env, version=VERSION)
        future = connection.client.submit(
            hold, msgspec.msgpack.encode(order), key=key, pure=False, resources=needs
        )
        self._futures[key] = child, future

    def forget(self, key: str) -> None:
        """Take a task back."""
        _, future = self._futures.pop(key, (None, None))
        if future is not None:
            with contextlib.suppress(Exception):  # the scheduler may be gone, and it with that
                future.release()

    def forget_all(self) -> None:
        """Their scheduler is gone."""
        self._futures = {}

    def child(self, key: str) -> DaskChild | None:
        """For whom a task is."""
        return self._futures[key][0] if key in self._futures else None

    def look(self) -> None:
        """Tell of tasks that Dask cannot run, or has dropped. Raises TimeoutError where that cannot be found out now."""
        finished, self._finished = self._finished, set()
        for key, (child, future) in list(self._futures.items()):
            match future.status:
                case "error":
                    sentence, hopeless = _why_it_failed(future)
                    self._ends(child, key, sentence, hopeless=hopeless)
                case "cancelled" | "lost":
                    del self._futures[key]
                    child.consider(lambda placed: placed.task_vanished(key))  # noqa: B023 - called at once
                case "finished" if key in finished:
                    # Usually who has held it has told how before.
                    self._ends(child, key, "ended, and nobody has told how", hopeless=False)
                case "finished":
                    self._finished.add(key)

    def _ends(self, child: DaskChild, key: str, sentence: str, *, hopeless: bool) -> None:
        child.consider(lambda placed: placed.task_failed(key, sentence, hopeless=hopeless))


def _why_it_failed(future: Any) -> tuple[str, bool]:
    """How a task failed that Dask could not run, as what goes behind its name; and whether to try again is useless."""
    from distributed.scheduler import KilledWorker

    error = future.exception(timeout=CONNECT)
    if isinstance(error, KilledWorker):
        return "was lost with several Dask workers, one after the other", False
    if isinstance(error, ImportError):
        return (
            f"cannot run on the cluster ({error}); install the same Beamloom for the Dask scheduler and its workers as here",
            True,
        )
    return f"could not be begun by Dask ({type(error).__name__}: {error})", False
