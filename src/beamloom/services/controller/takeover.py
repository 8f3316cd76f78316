"""How a new controller goes on with the run of one that died: it asks the others how they stand, and tells them what is so.

Policy: nothing is leased meanwhile; what is leased goes on. The workers and ingesters are asked first and the reducer last (see
``engine/runs/stock.py``). Who does not answer is lost by its silence, as always.
"""

from __future__ import annotations

from beamloom.engine.runs.stock import Resync, Stock
from beamloom.services.controller.ensemble import Ensemble
from beamloom.services.shell.membership import name_of
from beamloom.transport.messages import AnyMessage, Fence, Joined, Orders, Stands, TakeStock, Welcome


class Takeover:
    """One run while it is taken over."""

    def __init__(self, run: str, ensemble: Ensemble, workers: set[str], ingesters: set[str]) -> None:
        """``workers`` and ``ingesters`` are the peer ids of those that take part in the run."""
        self.stock = Stock()
        self._run = run
        self._ensemble = ensemble
        self._workers = workers
        self._awaited = workers | ingesters
        self._reducer: str | None = None
        self._reducer_answered = False

    def questions(self) -> list[tuple[str, AnyMessage]]:
        """To be sent at once, each to a peer."""
        reducer = self._ensemble.reducer
        questions: list[tuple[str, AnyMessage]] = [
            (member.peer, TakeStock(self._run if member.peer in self._awaited else None))
            for member in self._ensemble
            if reducer is None or member.peer != reducer.peer
        ]
        # It is asked last; that there is a new controller it is to know at once.
        return questions if reducer is None else [*questions, (reducer.peer, Welcome())]

    def hear(self, sender: str, stands: Stands) -> None:
        """A process has answered."""
        self._awaited.discard(sender)
        if sender in self._workers:
            self.stock.held[sender] = stands.held
        if sender == self._reducer:
            self._reducer_answered = True
            self.stock.taken, self.stock.reduced = stands.taken, stands.reduced

    def next_question(self) -> tuple[str, AnyMessage] | None:
        """To be sent now, when all others have answered."""
        self._awaited = {peer for peer in self._awaited if peer in self._ensemble}
        reducer = self._ensemble.reducer
        if self._awaited or reducer is None or self._reducer is not None:
            return None
        self._reducer = reducer.peer
        return reducer.peer, TakeStock(self._run)

    @property
    def done(self) -> bool:
        """Whether all who live have answered."""
        return self._reducer_answered

    @property
    def vain(self) -> bool:
        """Whether there is no reducer that could answer any more."""
        return not self._awaited and (
            self._ensemble.reducer is None or self._reducer not in (None, self._ensemble.reducer.peer)
        )

    @property
    def waits_for(self) -> list[str]:
        """Who has not answered yet, by name."""
        left = self._awaited or ({self._reducer} if self._reducer else set())
        return sorted(name_of(peer) for peer in left)

    def answers(self, resync: Resync) -> list[tuple[str, AnyMessage]]:
        """What all are to be told at the end, each under its peer, before anything else."""
        told: list[tuple[str, AnyMessage]] = []
        reducer = self._ensemble.reducer
        others = [*self._ensemble.ingesters, *([] if reducer is None else [reducer])]
        for worker in self._ensemble.workers:
            if worker.peer in self._workers:
                told += [
                    (one.peer, Joined(self._run, worker.peer, worker.register.address)) for one in others
                ]
        orders = Orders(
            self._run,
            resync.spans,
            resync.settled,
            close_at=resync.close_at,
            stop_sources=resync.stop_sources,
            origins=resync.origins,
            resync=True,
            spare=resync.spare,
        )
        told += [(ingester.peer, orders) for ingester in self._ensemble.ingesters]
        told += [
            (peer, Orders(self._run, dropped=resync.dropped.get(peer, []), over=resync.over))
            for peer in sorted(self._workers)
            if resync.over or peer in resync.dropped
        ]
        if reducer is not None:
            told += [(reducer.peer, Fence(self._run, worker)) for worker in resync.fence]
        return told
