"""How a process takes part in a pipeline: it registers with the controller, and again when the controller does not know it any more."""

from __future__ import annotations

import logging
import os
import secrets
import socket
from typing import Any

import msgspec

from beamloom.transport.channel import Channel
from beamloom.transport.messages import CONTROLLER, Leaving, Register
from beamloom.version import VERSION

logger = logging.getLogger(__name__)

REGISTER_EVERY = 0.25
"""Seconds between attempts to register."""
ATTEMPTS_EACH = 4
"""So many at one address, where several are known."""
LONGEST_GENERATION = 18
"""Digits of the number of a controller; whoever gives more is none."""


def new_peer_id(name: str) -> str:
    """A name for one life of a process: what a former life of the same name sent is never mistaken for it."""
    return f"{name}@{secrets.token_hex(4)}"


def name_of(peer: str) -> str:
    """The name that people gave to a process."""
    return peer.partition("@")[0]


def first_of(addresses: str) -> str:
    """The first address of several with commas between."""
    return addresses.partition(",")[0]


class Membership:
    """One process' place in the pipeline."""

    def __init__(self, channel: Channel, controller: str, name: str, role: str, **what: Any) -> None:
        """``controller``: its address, or those of several of which one is at work, with commas between."""
        self.welcome = False
        """Whether the controller knows this process."""
        self.controller = first_of(controller)
        """Where the controller is to be reached."""
        self.sought: str | None = None
        """Where somebody else says that it is; may be set by any thread."""
        self.ended: str | None = None
        """Why this process has to end, when it has to."""
        self._was_welcome = False
        self._channel = channel
        self._generation = 0
        self._name = name
        self._next_attempt = 0.0
        self._attempts = 0
        self._given = controller.split(",")
        self._told: list[str] = []
        """Where the latest controller said that it is, unless that was given."""
        self._register = Register(
            name,
            role,
            channel.address,
            host=socket.gethostname(),
            pid=os.getpid(),
            version=VERSION,
            **what,
        )
        channel.connect(CONTROLLER, self.controller)

    @property
    def code(self) -> dict[str, str]:
        """The version of the analysis that this process runs, in plain words."""
        return self._register.code

    def heeds(self, sender: str) -> bool:
        """Whether a message of ``sender`` counts: not that of a controller whose place another one has taken."""
        name, mark, number = sender.partition("#")
        if name != CONTROLLER or not mark:
            return True
        if not (number.isascii() and number.isdecimal() and len(number) <= LONGEST_GENERATION):
            return False
        generation = int(number)
        self._generation = max(self._generation, generation)
        return generation == self._generation

    def update(self, **what: Any) -> None:
        """What this process says of itself when it registers next."""
        self._register = msgspec.structs.replace(self._register, **what)

    def amend(self, **what: Any) -> None:
        """Register again, with something else to say of this process from now on."""
        self.update(**what)
        self.welcome, self._next_attempt = False, 0.0

    def turn(self, now: float) -> None:
        """Register, until the controller welcomes us; end where it never lets us in."""
        if not self._was_welcome and self.ended is None:
            self.ended = self._channel.refusal()
        if not self.welcome and now >= self._next_attempt:
            self._next_attempt = now + REGISTER_EVERY
            self._attempts += 1
            if self._attempts % ATTEMPTS_EACH == 0:
                sought = self.sought
                known = [*self._given, *self._told, *([sought] if sought else [])]
                self._reach(known[self._attempts // ATTEMPTS_EACH % len(known)])
            self._channel.send(CONTROLLER, self._register)

    def wait(self, now: float) -> float:
        """Seconds until the next attempt to register."""
        return 1.0 if self.welcome else max(0.0, self._next_attempt - now)

    def follow(self, address: str) -> None:
        """The controller says that it is to be reached here from now on."""
        self._told = [address] if address not in self._given else []
        self._reach(address)

    def _reach(self, address: str) -> None:
        if address != self.controller:
            self.controller = address
            self._channel.connect(CONTROLLER, address)

    def welcomed(self) -> None:
        """The controller knows us."""
        if not self.welcome:
            logger.info("%s takes part as %s", self._name, self._channel.peer)
        self.welcome = self._was_welcome = True

    def unknown(self, replaced_by: str | None) -> None:
        """The controller does not know us, or does not trust us any more: come back as a new peer, or make way for a namesake."""
        self.welcome = False
        if replaced_by is not None:
            self.ended = f"another process called {self._name!r} has registered ({replaced_by}); give each its own name"
            return
        self._channel.rename(new_peer_id(self._name))
        self._next_attempt = 0.0

    def leave(self, reason: str, *, failed: bool = False) -> None:
        """Tell the controller that this process ends; ``failed``: by an error that nobody has foreseen."""
        self._channel.send(CONTROLLER, Leaving(reason, failed))
