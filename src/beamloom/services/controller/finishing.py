"""The end of a run: the finish hooks of all processes.

Policy: workers first, then the reducer and the ingesters: what a finish hook of the map leaves, the reduce may still see. Who does not
answer in time is not waited for.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable

from beamloom.services.controller.ensemble import Ensemble
from beamloom.services.shell.membership import name_of
from beamloom.transport.messages import AnyMessage, Finish

logger = logging.getLogger(__name__)

FINISH_TIMEOUT = 30.0
"""Seconds that the finish hooks of user code may take before the run is over without them."""


class Finishing:
    """Asks the processes of one run to finish, and waits for their answers."""

    def __init__(self, run: str, ensemble: Ensemble, send: Callable[[str, AnyMessage], None]) -> None:
        self._run = run
        self._ensemble = ensemble
        self._send = send
        self._awaited: set[str] = set()
        self._by = 0.0
        self.workers_asked = False
        self.others_asked = False

    def ask_workers(self, peers: Iterable[str], now: float) -> None:
        """The first step."""
        self.workers_asked = True
        self._ask(peers, now)

    def ask_others(self, peers: Iterable[str], now: float) -> None:
        """The second step: reducer and ingesters."""
        self.others_asked = True
        self._awaited.clear()
        self._ask(peers, now)

    def ask_reducer_again(self, peer: str, now: float) -> None:
        """Another reducer has taken the place of the one that was asked, if one was asked already."""
        if self.others_asked:
            self._ask([peer], now)

    def _ask(self, peers: Iterable[str], now: float) -> None:
        asked = set(peers)
        self._awaited |= asked
        self._by = now + FINISH_TIMEOUT
        for peer in asked:
            self._send(peer, Finish(self._run))

    def answered(self, peer: str) -> None:
        """A process has finished, or is gone."""
        self._awaited.discard(peer)

    def waits(self, now: float) -> bool:
        """Whether some of those who were asked may still answer."""
        waiting = {peer for peer in self._awaited if peer in self._ensemble}
        if waiting and now < self._by:
            return True
        if waiting:
            logger.warning("run %s: no answer to finish from %s", self._run, ", ".join(map(name_of, waiting)))
        return False
