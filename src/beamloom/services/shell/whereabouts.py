"""How a process finds the controller that its settings do not name: the store of the controllers says where the one is that is at work.

Policy: it is asked at the start, until there is one, and again whenever the controller does not know this process; never while all is well.
Addresses that were given are tried as well.
"""

from __future__ import annotations

import logging
import time
from typing import TypeVar

import msgspec

from beamloom.errors import UserError
from beamloom.settings import ProcessSettings, ServiceSettings
from beamloom.store import Link, Unreachable, where_is_it

logger = logging.getLogger(__name__)

S = TypeVar("S", bound=ProcessSettings)
ASK_EVERY = 0.2
"""Seconds between two questions."""


class Whereabouts:
    """Asks the store; to be used by one thread."""

    def __init__(self, settings: ServiceSettings) -> None:
        """Raises UserError where the library for it is missing."""
        self._link = Link(settings.store, settings.pipeline)

    def now(self) -> str | None:
        """Where the controller is; None where there is none, or the store does not answer."""
        try:
            return where_is_it(self._link)
        except Unreachable:
            return None

    def wait(self) -> str:
        """Where the controller is, as soon as there is one."""
        told = None
        while True:
            try:
                if (found := where_is_it(self._link)) is not None:
                    return found
                problem = f"waits for a controller at {self._link}"
            except Unreachable as error:
                problem = (
                    f"the store at {self._link}, which says where the controller is, does not answer ({error}); see whether the server "
                    "runs and can be reached from here, or name the controller with --controller"
                )
            if problem != told:
                logger.info(problem)
                told = problem
            time.sleep(ASK_EVERY)

    def close(self) -> None:
        """Release the connection."""
        self._link.close()


def with_controller(settings: S) -> S:
    """The same settings with the address of the controller, which is waited for where only the store knows it. Raises UserError."""
    if not isinstance(settings, ServiceSettings) or settings.controller:
        return settings
    whereabouts = Whereabouts(settings)
    try:
        return msgspec.structs.replace(settings, controller=whereabouts.wait())
    finally:
        whereabouts.close()


def whereabouts_of(settings: ServiceSettings) -> Whereabouts | None:
    """Who can be asked later; None where there is no store, or nothing to ask it with."""
    if not settings.store:
        return None
    try:
        return Whereabouts(settings)
    except UserError:
        # It was named for others, and this process was told where the controller is.
        return None
