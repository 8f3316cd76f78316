"""How a process opens its mailbox: on loopback for this machine, beyond it with the key of the pipeline, without one only on purpose.

Whoever reaches a mailbox without keys can take part in the pipeline: register as a worker, and have results taken.

A process tells others one address of its own. Where it listens on all, that is the one from which it reaches the controller; on the machine
of the controller, and for the controller itself, the one by which the machine reaches the world.
"""

from __future__ import annotations

import ipaddress
import logging
from pathlib import Path

from beamloom.errors import UsageError
from beamloom.services.shell.membership import first_of
from beamloom.settings import (
    ControllerSettings,
    DebugWorkerSettings,
    ProcessSettings,
    ReducerSettings,
    ServiceSettings,
    ShadowWorkerSettings,
    port_range,
)
from beamloom.transport.interfaces import ANYWHERE, address_at, address_towards, leads_away
from beamloom.transport.keys import Keys, read_keys
from beamloom.transport.zeromq import LARGEST_FRAME, ZmqChannel

logger = logging.getLogger(__name__)

THE_WORLD = "tcp://198.51.100.1:9"
"""An address of nobody (RFC 5737): the way to it is the way to whatever is not near."""


class MailboxError(UsageError):
    """Settings by which a mailbox would be open to more people than is meant."""


def keys_of(settings: ProcessSettings) -> Keys | None:
    """The keys that the settings name. Raises KeyFileError; MailboxError where there are none, and other machines would be let in."""
    if settings.keys:
        return read_keys(Path(settings.keys))
    if not settings.mailbox_open and not _is_loopback(address_at(settings.bind)):
        raise MailboxError(
            f"the mailbox on {settings.bind} can be reached by other machines, and there are no keys, so that anybody could take part; "
            "make some with 'beamloom keys' and name their file with --keys, listen on 127.0.0.1, "
            "or say --mailbox-open if that is meant"
        )
    return None


def open_mailbox(
    settings: ServiceSettings | ControllerSettings,
    keys: Keys | None,
    peer: str,
    largest_frame: int = LARGEST_FRAME,
) -> ZmqChannel:
    """The mailbox of this process, which listens from now on.

    Raises CannotBind where it cannot, UserError where ``bind`` or ``advertise`` mean nothing here.
    """
    bind = address_at(settings.bind)
    if isinstance(settings, ServiceSettings) and _is_loopback(bind):
        _tell_of_loopback(first_of(settings.controller))
    return ZmqChannel(
        peer,
        bind,
        settings.data_port if isinstance(settings, ServiceSettings) else settings.mailbox_port,
        known_as(settings),
        keys=keys,
        largest_frame=largest_frame,
        ports=port_range(settings.ports),
    )


def _tell_of_loopback(controller: str) -> None:
    if leads_away(controller):
        logger.warning(
            "the controller at %s is on another machine, and this process listens on 127.0.0.1 alone, where no other machine reaches it; "
            "start it with --bind and an address, interface or network that they reach, such as --bind 10.1.0.0/16",
            controller,
        )


def known_as(settings: ProcessSettings) -> str:
    """The host of the address that others are told; empty: the one that is listened on. Raises UserError."""
    if settings.advertise:
        return address_at(settings.advertise)
    if settings.bind in ANYWHERE:
        ways = [first_of(settings.controller)] if isinstance(settings, ServiceSettings) else []
        found = [address for way in (*ways, THE_WORLD) if (address := address_towards(way)) is not None]
        beyond = [address for address in found if not _is_loopback(address)]
        return (beyond or found or ["127.0.0.1"])[0]
    return ""


def http_known_as(settings: ReducerSettings | DebugWorkerSettings | ShadowWorkerSettings) -> str:
    """The same for what is served over HTTP."""
    if settings.advertise:
        return known_as(settings)
    if address_at(settings.http_host) not in ANYWHERE:
        return ""
    known = known_as(settings) or address_at(settings.bind)
    # Where the mailboxes are on loopback, clients put the name by which they know the controller in place of "anywhere".
    return "" if _is_loopback(known) else known


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
