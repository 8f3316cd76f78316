"""How a process opens its mailbox: on loopback for this machine, beyond it with the key of the pipeline, without one only on purpose.

Whoever reaches a mailbox without keys can take part in the pipeline: register as a worker, and have results taken.
"""

from __future__ import annotations

import ipaddress
from pathlib import Path

from beamloom.errors import UsageError
from beamloom.settings import ProcessSettings
from beamloom.transport.keys import Keys, read_keys
from beamloom.transport.zeromq import LARGEST_FRAME, ZmqChannel


class MailboxError(UsageError):
    """Settings by which a mailbox would be open to more people than is meant."""


def keys_of(settings: ProcessSettings) -> Keys | None:
    """The keys that the settings name. Raises KeyFileError; MailboxError where there are none, and other machines would be let in."""
    if settings.keys:
        return read_keys(Path(settings.keys))
    if not settings.mailbox_open and not _is_loopback(settings.bind):
        raise MailboxError(
            f"the mailbox on {settings.bind} can be reached by other machines, and there are no keys, so that anybody could take part; "
            "make some with 'beamloom keys' and name their file with --keys, listen on 127.0.0.1, "
            "or say --mailbox-open if that is meant"
        )
    return None


def open_mailbox(
    settings: ProcessSettings, keys: Keys | None, peer: str, port: int = 0, largest_frame: int = LARGEST_FRAME
) -> ZmqChannel:
    """The mailbox of this process, which listens from now on. Raises OSError with a sentence where it cannot."""
    return ZmqChannel(peer, settings.bind, port, settings.advertise, keys=keys, largest_frame=largest_frame)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
