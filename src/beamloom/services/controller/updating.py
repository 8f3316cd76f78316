"""Workers with newer code take over from others while a run goes on: a rolling update.

Policy: which edition of the code a worker has is a number that it is started with (setting ``edition``), so that it is the same after a
restart, of the worker or of the controller. Newer workers join a run and wait; from the event on at which their edition begins, older ones
are given nothing, and when all events before it are settled they are asked to leave. What is to be done follows from the run and from who
is there: another controller goes on with it.
"""

from __future__ import annotations

import logging

from beamloom.engine.scheduling.editions import EVERY, Edition
from beamloom.errors import UserError
from beamloom.services.controller.active_run import ActiveRun
from beamloom.services.controller.draining import Departures
from beamloom.services.controller.ensemble import Ensemble, Member
from beamloom.transport.channel import Channel
from beamloom.triggermap import TriggerMapError

logger = logging.getLogger(__name__)

ASK_EVERY = 1.0
"""Seconds after which a worker that is to leave is asked once more."""


class UpdateRefused(UserError):
    """Newer code cannot take over; the text says why."""


def edition_of(workers: list[Member], number: int) -> Edition:
    """What is known of an edition of the code, by those of these workers that have it."""
    registers = [worker.register for worker in workers if worker.edition == number]
    return Edition(
        number,
        sorted({one.analysis for one in registers} - {""}),
        next((one.digest for one in registers if one.digest), ""),
        next((one.code for one in registers if one.code), {}),
    )


def first_edition(ensemble: Ensemble) -> Edition:
    """That with which a run begins: the oldest that is there."""
    workers = with_code(ensemble)
    return edition_of(workers, min((worker.edition for worker in workers), default=0))


def with_code(ensemble: Ensemble) -> list[Member]:
    """The workers that stay and have code of the analysis: all but debug workers."""
    return [worker for worker in ensemble.staying if worker.edition != EVERY]


class Updates:
    """The editions of a pipeline."""

    def __init__(self, ensemble: Ensemble, channel: Channel, drain_timeout: float) -> None:
        self._ensemble = ensemble
        self.departures = Departures(ensemble, channel, drain_timeout)
        """Of workers that leave, for this reason or another."""
        self._current = 0
        """The edition that was begun last, where no run says it."""
        self._next_question = 0.0

    def newest(self) -> int:
        """The highest edition of a worker that is there."""
        return max((worker.edition for worker in with_code(self._ensemble)), default=0)

    def waited_for(self, names: list[str], active: ActiveRun | None) -> list[str]:
        """Those of these workers that are not ready to take over. Raises UpdateRefused where one never will be."""
        there = {worker.name: worker for worker in self._ensemble.staying}
        for name in names:
            if name in there and there[name].register.fault:
                fault = there[name].register.fault
                raise UpdateRefused(f"{name} cannot take over, so the others go on: {fault}")
        goes_on = active is not None and not active.finished
        part = set(active.run.workers) if active is not None and goes_on else set()
        return [name for name in names if name not in there or (goes_on and there[name].peer not in part)]

    def check_digest(self, names: list[str], digest: str) -> None:
        """Raises UpdateRefused where one of these workers has other code than that."""
        for worker in self._ensemble.staying:
            if worker.name in names and worker.register.digest not in ("", digest):
                raise UpdateRefused(
                    f"the files of {worker.register.analysis} have changed since the shadow was started; start it again, look at what it "
                    "makes of them, and promote that"
                )

    def begin(self, number: int, active: ActiveRun | None) -> int | None:
        """The edition takes over from the next event on that is not given out: returns that, None where no run goes on.

        Raises UpdateRefused where its workers are not there, or do not suffice for the run.
        """
        newer = [worker for worker in with_code(self._ensemble) if worker.edition >= number]
        if not newer:
            raise UpdateRefused(
                f"no worker of edition {number} takes part; start them with 'beamloom worker --edition {number}'"
            )
        first = None
        if active is not None and not active.finished:
            latest = active.run.editions.latest
            if latest is not None and latest.edition.number >= number:
                raise UpdateRefused(
                    f"edition {latest.edition.number} holds already, from event {latest.first_event} on"
                )
            if active.run.lives is not None or any(worker.register.stateful for worker in newer):
                raise UpdateRefused(
                    "the class says that it is stateful, and code with states is not changed within a run; let the run end or stop it, "
                    "update, and arm another one"
                )
            try:
                tags = [
                    worker.register.tags
                    for worker in self._ensemble.staying
                    if worker.edition >= number and worker.peer in active.run.workers
                ]
                active.run.trigger_map.check(list(active.run.layouts), tags)
            except TriggerMapError as error:
                raise UpdateRefused(
                    f"the workers of edition {number} do not suffice for the run: {error}"
                ) from None
            first = active.run.begin_edition(edition_of(newer, number))
            logger.info("run %s: edition %d of the code from event %d on", active.run.run_id, number, first)
        self._current = max(self._current, number)
        return first

    def turn(self, active: ActiveRun | None, now: float) -> None:
        """Ask those to leave whose code is older than what holds, when they have nothing to do any more."""
        if now < self._next_question:
            return
        self._next_question = now + ASK_EVERY
        current = self._current
        if active is not None and active.run.editions.latest is not None:
            latest = active.run.editions.latest
            if not active.finished and active.run.ledger.settled_until < latest.first_event:
                return
            current = max(current, latest.edition.number)
        for worker in self._ensemble.staying:
            if worker.edition < current:
                self.departures.ask(worker.name, f"edition {current} of the code has taken over")
