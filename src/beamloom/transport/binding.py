"""How a mailbox gets its port: the one that was asked for, any, or the first free one of several.

Firewalls let through ports that are known before. Where several processes of one machine take theirs of the same range, each begins to look
somewhere else in it, so that those that start together seldom want the same.
"""

from __future__ import annotations

import errno
import random
from collections.abc import Sequence

import zmq

from beamloom.errors import UserError

MOST_WAITING = 1024
"""Connections that may wait on a mailbox until they are taken; the system bounds it by ``net.core.somaxconn``."""


class CannotBind(UserError, OSError):
    """An address that a mailbox cannot have, now or at all."""


def bind_one(socket: zmq.Socket[bytes], host: str, ports: Sequence[int]) -> None:
    """Bind to one of ``ports`` on ``host``; 0 is any. Raises CannotBind where none is to be had."""
    first = random.SystemRandom().randrange(len(ports))
    for port in (*ports[first:], *ports[:first]):
        try:
            socket.bind(f"tcp://{host}:{port or '*'}")
        except zmq.ZMQError as error:
            if error.errno != errno.EADDRINUSE or len(ports) == 1:
                raise CannotBind(_why_not(error, host, port)) from error
        else:
            return
    raise CannotBind(
        f"all ports from {ports[0]} to {ports[-1]} of {host} are taken; give more of them as 'ports', or end what listens there "
        "('ss -ltnp')"
    )


def _why_not(error: zmq.ZMQError, host: str, port: int) -> str:
    if error.errno in (errno.ENODEV, errno.EADDRNOTAVAIL):
        return f"cannot listen at {host}:{port}: {host} is no address and no interface of this machine; 'ip address' shows what it has"
    return f"cannot listen at {host}:{port} ({error}); is another controller or service running there?"
