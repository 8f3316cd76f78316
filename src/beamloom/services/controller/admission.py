"""Who is taken in by the controller, and who is told that it is not known.

Policy: each member costs a socket and some memory, so that their number is bounded; and so is the number of answers to those who are
none, who name the address for them themselves. Signs of life come again: who is not answered now will be.
"""

from __future__ import annotations

import logging

from beamloom.services.controller.ensemble import Ensemble
from beamloom.transport.channel import Channel
from beamloom.transport.messages import Register, Unknown

logger = logging.getLogger(__name__)

ANSWERS_A_SECOND = 100
"""To processes that are not known; each has a socket for a moment."""


class Admission:
    """The door of a pipeline without walls."""

    def __init__(self, ensemble: Ensemble, channel: Channel, limit: int) -> None:
        self.turned_away = 0
        """Attempts to register that were refused."""
        self._ensemble = ensemble
        self._channel = channel
        self._limit = limit
        self._second = 0.0
        self._answers = 0

    def admits(self, peer: str, register: Register) -> bool:
        """Whether there is room for this process; who takes part already, or takes the place of one, always has it."""
        members = list(self._ensemble)
        if len(members) < self._limit or peer in self._ensemble:
            return True
        if any((one.name, one.role) == (register.name, register.role) for one in members):
            return True
        self.turned_away += 1
        if len(str(self.turned_away)) > len(str(self.turned_away - 1)) or self.turned_away == 1:
            logger.warning(
                "%.100s %.100s is not taken in, as %d processes take part already (%d attempts); raise max_processes if all of them are "
                "meant, or give the pipeline keys ('beamloom keys')",
                register.role,
                register.name,
                len(members),
                self.turned_away,
            )
        return False

    def disown(self, peer: str, address: str, now: float) -> None:
        """Tell somebody who is not known to register."""
        if now - self._second >= 1.0:
            self._second, self._answers = now, 0
        if self._answers >= ANSWERS_A_SECOND:
            return
        self._answers += 1
        self._channel.connect(peer, address)
        self._channel.send(peer, Unknown(peer))
        self._channel.disconnect(peer)
