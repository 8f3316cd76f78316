"""The supervisor's side of a Dask cluster: one thread that keeps the way to it, asks for processes, and hears what they do.

Policy: what Dask has may be lost at any moment. When the scheduler is gone, everything is asked for anew as soon as there is one; when a
worker of Dask is, Dask begins what it had elsewhere. Jobs of a queue, and workers of a local cluster, are as many as the processes need.
"""

from __future__ import annotations

import contextlib
import queue
import secrets
import threading
import time
from collections import Counter
from collections.abc import Callable
from types import TracebackType
from typing import Any, Final

import msgspec

from beamloom.dask_clusters import ClusterRefused, Connection
from beamloom.pipeline_file import Dask
from beamloom.placement.children import ProcessSpec
from beamloom.placement.dask.child import DaskChild
from beamloom.placement.dask.holding import send_signals
from beamloom.placement.dask.placed import Action, Forget, Placed, Signal, Submit
from beamloom.placement.dask.rooms import Workers, has_room, why_waiting
from beamloom.placement.dask.sizing import Sizing
from beamloom.placement.dask.tasks import Tasks
from beamloom.placement.dask.which import cluster_of
from beamloom.placement.dask.words import TOPIC, Said
from beamloom.transport.interfaces import address_towards

UNUSED: Final = 1.5
"""Seconds that there is room, and Dask does not use it, until what waits is asked for anew."""
LOOK: Final = 0.5
"""Seconds between two looks at the scheduler and its workers."""
SILENCE: Final = 30.0
"""Seconds in which a scheduler to which there still is a connection may fail to answer: processes work without it, and would be ended."""
SOON: Final = 3.0
"""Seconds in which Dask usually begins what it was asked for; after that it is told why it does not."""
_SAID: msgspec.msgpack.Decoder[Said] = msgspec.msgpack.Decoder(Said)


class DaskSite:
    """See the module; a context manager, in which the cluster is reached. What it was asked for is to be over before that ends."""

    def __init__(self, dask: Dask) -> None:
        """Raises ClusterRefused for what cannot be, MissingLibrary."""
        self._dask = dask
        self._where = cluster_of(dask)
        self._token = secrets.token_hex(16)
        self._inbox: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._connection: Connection | None = None
        self._host = ""
        self._sizing = Sizing(self._where.room)
        self._children: list[DaskChild] = []
        self._tasks = Tasks(self._token)
        self._signals: list[Signal] = []
        self._waiting_since: float | None = None
        self._room_since: float | None = None
        self._closing = False
        self._thread = threading.Thread(target=self._work, name="placement-dask", daemon=True)

    def __enter__(self) -> DaskSite:
        """Connect. Raises ClusterRefused where nobody answers."""
        try:
            self._connect()
            self._host = _own_address(self._there().address)
        except (OSError, TimeoutError, RuntimeError) as error:
            self._abandon()
            raise ClusterRefused(
                f"{self._where.name} cannot be reached ({error}); see that it runs (dask scheduler), and that 'dask' in the pipeline file "
                "says where"
            ) from error
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closing = True
        self._inbox.put(lambda: None)
        self._thread.join()
        self._abandon()

    @property
    def host(self) -> str:
        """The address by which this machine is reached from the cluster."""
        return self._host

    @property
    def places(self) -> frozenset[str]:
        """What runs there, as the pipeline file calls it."""
        return frozenset(self._dask.place)

    @property
    def queued(self) -> bool:
        """What waits for the cluster may have to do so for hours."""
        return self._where.queued

    def ground(self, spec: ProcessSpec) -> DaskChild:
        """Ask for a process."""
        child = DaskChild(spec, lambda: f"beamloom-{spec.name}-{secrets.token_hex(8)}", self._act)
        self._inbox.put(lambda: self._take_in(child))
        return child

    def _act(self, child: DaskChild, action: Action) -> None:
        self._inbox.put(lambda: self._do(child, action))

    # All below is called by the thread of this site

    def _work(self) -> None:
        next_look, failing_since = 0.0, None
        while not self._closing:
            try:
                self._follow(max(next_look - time.monotonic(), 0.0))
                if time.monotonic() >= next_look:
                    next_look = time.monotonic() + LOOK
                    self._look()
                failing_since = None
            except Exception as error:  # noqa: BLE001 - whatever a cluster or its network does; it is told, and tried again
                failing_since = failing_since or time.monotonic()
                if not self._is_there() or time.monotonic() - failing_since > SILENCE:
                    self._lose(str(error) or type(error).__name__)

    def _follow(self, patience: float) -> None:
        """Do what is in the inbox, and what comes into it within ``patience`` seconds."""
        with contextlib.suppress(queue.Empty):
            work = self._inbox.get(timeout=patience)
            while True:
                work()
                work = self._inbox.get_nowait()
        self._send_signals()

    def _is_there(self) -> bool:
        return self._connection is not None and self._connection.up

    def _connect(self) -> None:
        self._connection = self._where.open()
        self._connection.client.subscribe_topic(TOPIC, self._hear)

    def _there(self) -> Connection:
        if self._connection is None:
            raise ConnectionError("the Dask scheduler is not there")
        return self._connection

    def _take_in(self, child: DaskChild) -> None:
        self._children.append(child)
        if self._connection is not None:
            child.consider(Placed.ask)

    def _do(self, child: DaskChild, action: Action) -> None:
        match action:
            case Submit(key) if self._connection is not None:
                self._tasks.ask(self._connection, child, key, self._needs(child.spec))
            case Forget(key):
                self._tasks.forget(key)
            case Signal():
                self._signals.append(action)

    def _hear(self, event: tuple[float, Any]) -> None:
        """Called by the thread of the client."""
        token, said = event[1]
        if token == self._token:
            self._inbox.put(lambda: self._pass_on(_SAID.decode(said)))

    def _pass_on(self, said: Said) -> None:
        child = self._tasks.child(said.key)
        if child is not None:
            child.consider(lambda placed: placed.hear(said))

    def _send_signals(self) -> None:
        if self._signals and self._connection is not None:
            told = [(one.key, one.number) for one in self._signals]
            places = sorted({one.where for one in self._signals})
            # Those that a scheduler in trouble does not pass on are sent once more.
            self._connection.call(send_signals, told, workers=places)
            self._signals = []

    def _look(self) -> None:
        self._children = [child for child in self._children if not child.over]
        if self._connection is None:
            self._connect()
            for child in self._children:
                child.consider(Placed.ask)
        connection = self._there()
        workers = connection.workers()
        for child in self._children:
            child.consider(lambda placed: placed.worker_left(workers))
        self._tasks.look()
        self._sizing.see_to(connection, workers, self._children)
        self._see_to_waiting(connection, workers)

    def _see_to_waiting(self, connection: Connection, workers: Workers) -> None:
        now = time.monotonic()
        waiting = [child for child in self._children if child.waits]
        held = Counter(child.where for child in self._children)
        room = [child for child in waiting if has_room(workers, held, self._needs(child.spec))]
        self._waiting_since = (self._waiting_since or now) if waiting else None
        self._room_since = (self._room_since or now) if room else None
        if self._room_since is not None and now - self._room_since > UNUSED:
            self._room_since = None
            for child in room:
                child.consider(Placed.ask_anew)
        elif self._waiting_since is not None and now - self._waiting_since > SOON and not room:
            for child in waiting:
                sentence = why_waiting(workers, self._where, connection.address, self._needs(child.spec))
                child.consider(lambda placed: placed.wait_for(sentence))  # noqa: B023 - called at once

    def _needs(self, spec: ProcessSpec) -> dict[str, float]:
        return self._dask.needs if spec.is_worker else {}

    def _lose(self, sentence: str) -> None:
        self._tasks.forget_all()
        self._signals = []
        for child in self._children:
            child.consider(
                lambda placed: placed.scheduler_left(
                    f"the Dask scheduler is not there ({sentence}); it is looked for again"
                )
            )
        self._abandon()

    def _abandon(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.abandon()


def _own_address(scheduler: str) -> str:
    """The address by which this machine is reached from where it reaches a scheduler."""
    found = address_towards(scheduler)
    if found is None:
        raise OSError(f"there is no way to {scheduler}")
    return found
