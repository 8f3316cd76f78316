"""Ports that are given to one test only: to no other test of this process, of another worker, or of another run on this machine.

A port that was free a moment ago may be taken by the time a process binds it, mostly by another test that was told the same. So each port
that is given has its byte in one file of the user locked, which the system undoes when this process ends, however that is. They come from
below those that ``placement.ports`` chooses from, and from below those that the system gives to outgoing connections.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import random
import socket
import tempfile
from collections import deque
from pathlib import Path

PORTS = range(10_000, 20_000)
KEPT = 500
"""So many of those given last are kept from others; those before belong to tests that are over."""

_LOCKS = Path(tempfile.gettempdir()) / f"beamloom-test-ports-{os.getuid()}"
_ATTEMPTS = 2000


class _Given:
    """The ports that this process has been given."""

    def __init__(self) -> None:
        self._pid = 0
        self._file = -1
        self._ports: deque[int] = deque()

    def one_more(self) -> int:
        if self._pid != os.getpid():
            # Locks are not inherited.
            self._pid, self._ports = os.getpid(), deque()
            self._file = os.open(_LOCKS, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        # Not by the generator that hypothesis sets to the same state in every process.
        for port in random.SystemRandom().sample(PORTS, _ATTEMPTS):
            if port not in self._ports and self._locked(port) and _is_free(port):
                self._ports.append(port)
                if len(self._ports) > KEPT:
                    fcntl.lockf(self._file, fcntl.LOCK_UN, 1, self._ports.popleft())
                return port
        raise OSError(f"none of {_ATTEMPTS} ports is free; look who listens there: ss -ltnp")

    def _locked(self, port: int) -> bool:
        with contextlib.suppress(OSError):
            fcntl.lockf(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, port)
            return True
        return False


_given = _Given()


def quiet_port() -> int:
    """A free port of this machine's loopback that stays free until the test uses it, and is its own until it ends."""
    return _given.one_more()


def quiet_address() -> str:
    """The same as ``127.0.0.1:<port>``."""
    return f"127.0.0.1:{quiet_port()}"


def _is_free(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", port)):
        return True
    return False
