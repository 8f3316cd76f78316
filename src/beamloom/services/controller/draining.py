"""Workers that are about to leave, as the controller sees them.

Policy: whoever says that it drains gets nothing more, be it of this run or of the next, and is not waited for. What it holds stays its own
until it is gone: then the reducer has said what it has of it, and the rest goes to others. One that takes too long counts as dead, and the
events that it holds are under suspicion as at any other death. Asking a worker to leave changes nothing by itself: it may never hear it.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator

from beamloom.services.controller.active_run import ActiveRun
from beamloom.services.controller.arming import Arming, why_needed
from beamloom.services.controller.ensemble import Ensemble, Member
from beamloom.transport.channel import Channel
from beamloom.transport.messages import Drain

logger = logging.getLogger(__name__)


class Departures:
    """Asks workers to leave, and hears that they do."""

    def __init__(self, ensemble: Ensemble, channel: Channel, timeout: float) -> None:
        """``timeout``: seconds from the word that a worker leaves to its end."""
        self._ensemble = ensemble
        self._channel = channel
        self._timeout = timeout
        self._leaving: list[Member] = []
        """Those that have said so, as far as they are still here: this is looked at in each turn, and they are few among many."""

    def ask(self, name: str, reason: str) -> bool:
        """Ask the workers of this name to leave, for this reason; whether there is one."""
        found = [worker for worker in self._ensemble.workers if worker.name == name]
        for worker in found:
            self._channel.send(worker.peer, Drain(reason))
        return bool(found)

    def begin(
        self, worker: Member, reason: str, now: float, arming: Arming | None, active: ActiveRun | None
    ) -> None:
        """A worker says that it is about to leave, maybe again."""
        if worker.drains is not None or not worker.is_worker:
            return
        worker.drains, worker.drains_since = reason, now
        self._leaving.append(worker)
        logger.info("%s drains: %s", worker.name, reason)
        if arming is not None:
            arming.lose(worker.peer, why_needed(arming.run, worker, self._ensemble))
        if active is not None and not active.finished:
            active.drain(worker)

    def overdue(self, now: float) -> Iterator[tuple[Member, str]]:
        """The workers that should have left by now, each with that as the cause of its end."""
        self._leaving = [worker for worker in self._leaving if self._ensemble.get(worker.peer) is worker]
        for worker in self._leaving:
            if now - worker.drains_since > self._timeout:
                yield worker, f"it was to leave and is still here after drain_timeout ({self._timeout:g} s)"
