"""Free TCP ports on this machine."""

from __future__ import annotations

import contextlib
import random
import socket
from collections.abc import Sequence

QUIET_PORTS = range(20_000, 32_000)
"""Ports that the system does not give to outgoing connections: what is free here stays free until it is used."""
ATTEMPTS = 200


def free_ports(hosts: Sequence[str]) -> list[int]:
    """One free port for each host, all different.

    Raises OSError for a host that is not an address of this machine, and when no port is free.
    """
    with contextlib.ExitStack() as stack:
        return [_hold_free_port(host, stack) for host in hosts]


def _hold_free_port(host: str, stack: contextlib.ExitStack) -> int:
    problem = OSError(f"no free port found on {host}")
    # Whoever seeds the generator of all would be told the same ports each time, as another process that does so.
    for port in random.SystemRandom().sample(QUIET_PORTS, ATTEMPTS):
        holder = socket.socket()
        try:
            holder.bind((host, port))
        except OSError as error:
            holder.close()
            problem = error
            continue
        stack.callback(holder.close)
        return port
    raise problem
