"""A reducer that dies and is started again: its lives, one after the other, on a bench."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from beamloom.events import Malformed, Packet
from beamloom.services.reducer.leaves.links import LeafDied
from beamloom.services.reducer.safekeeping import Safekeeping
from beamloom.services.shell.loop import Service
from beamloom.settings import ReducerSettings
from beamloom.transport.channel import Received
from services.bench import Bench, Died, Doubling, Feed, Gathering, series
from services.leaves_here import LeafHere

FRAMES = 10
EVENTS = FRAMES + 2
"""With the start and the end, which go to both workers."""


class Slow(Feed):
    """A device whose packets come one at a time, so that results do, too."""

    def read(self, limit: int) -> list[Packet | Malformed]:
        return super().read(min(limit, 1))


class Mortal:
    """A reducer that dies at a moment of its life, given as the number of things that it still does."""

    def __init__(
        self, service: Any, journal: Safekeeping | None, left: int, victim: LeafHere | None = None
    ) -> None:
        """``victim``: the leaf that dies in its place."""
        self._service = service
        self._journal = journal
        self._victim = victim
        self.left = left

    def receive(self, received: Received, now: float) -> None:
        self._live()
        self._with_leaves(lambda: self._service.receive(received, now))
        self._live()

    def turn(self, now: float) -> None:
        self._with_leaves(lambda: self._service.turn(now))

    def _with_leaves(self, work: Callable[[], None]) -> None:
        try:
            work()
        except LeafDied:
            self._die()

    def _live(self) -> None:
        self.left -= 1
        if self.left < 0 and self._victim is not None:
            self._victim.dead = True
        elif self.left < 0:
            self._die()

    def _die(self) -> None:
        bury(self._journal)
        raise Died

    def __getattr__(self, name: str) -> Any:
        return getattr(self._service, name)


def bury(journal: Safekeeping | None) -> None:
    """What the system does with the files of a process that is killed: what waited for the disk is never told."""
    if journal is None:
        return
    if journal._writer is not None:
        journal._writer._done.clear()
    journal.close(remove=False)


class Pipeline:
    """A bench with a reducer that has a journal, and that is started again when it dies."""

    def __init__(
        self,
        bench: Bench,
        folder: Path | None,
        reducer: type = Gathering,
        *,
        leaves: int = 0,
        victim: int | None = None,
        **settings: Any,
    ) -> None:
        """``victim``: the number of the leaf that dies, from 0, where it is not the reducer itself."""
        self.bench = bench
        self.deaths = 0
        self._folder = folder
        self._reducer = reducer
        self._settings = ReducerSettings(**settings)
        self.journal: Safekeeping | None = None
        self.count = leaves
        self._victim = victim
        self.leaves: list[LeafHere] = []

    def begin_life(self, left: int = 1_000_000) -> None:
        self.journal = Safekeeping(self._folder, self._settings, threaded=False) if self._folder else None
        self.leaves = [LeafHere(self._reducer, f"leaf-{number}") for number in range(self.count)]
        service = self.bench.add_reducer(self._reducer, self.journal, self._settings, self.leaves)
        victim = None if self._victim is None else self.leaves[self._victim]
        mortal: Service = Mortal(service, self.journal, left, victim)
        self.bench.services["reducer"] = mortal

    def kill(self) -> None:
        bury(self.journal)
        self.bench.kill("reducer")

    def until(self, reached: Callable[[], bool], left: int = 1_000_000) -> None:
        """Step on; a reducer that dies is started again, with ``left`` things to do."""

        def look() -> bool:
            if "reducer" not in self.bench.services:
                self.deaths += 1
                self.begin_life(left)
            return reached()

        self.bench.until(look)


@contextmanager
def pipeline(
    folder: Path | None,
    feed: Feed | None = None,
    *,
    worker: type = Doubling,
    reducer: type = Gathering,
    left: int = 1_000_000,
    leaves: int = 0,
    victim: int | None = None,
    **settings: Any,
) -> Iterator[Pipeline]:
    with Bench({"eiger": feed or Slow(series(FRAMES))}, worker, None) as bench:
        found = Pipeline(bench, folder, reducer, leaves=leaves, victim=victim, **settings)
        found.begin_life(left)
        bench.until(bench.everyone_known)
        yield found
