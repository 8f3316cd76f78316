"""Free TCP ports on this machine."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Sequence


def free_ports(hosts: Sequence[str]) -> list[int]:
    """One free port for each host, all different; somebody else may take one before it is used, which is rare.

    Raises OSError for a host that is not an address of this machine.
    """
    with contextlib.ExitStack() as stack:
        held = [stack.enter_context(socket.socket()) for _ in hosts]
        for holder, host in zip(held, hosts, strict=True):
            holder.bind((host, 0))
        return [holder.getsockname()[1] for holder in held]
