"""Who listens on a TCP port of this machine, as far as the system tells its user."""

from __future__ import annotations

import contextlib
import errno
import socket
from collections.abc import Iterator
from pathlib import Path

LISTENING = "0A"
"""The state of a socket that listens, in the tables of Linux."""


def is_taken(host: str, port: int) -> bool:
    """Whether somebody listens there already. Raises OSError for a host that is not an address of this machine."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                return True
            raise
    return False


def holder(port: int) -> str | None:
    """The process that listens, as ``process 123 (python -m http.server)``; None where that cannot be found out."""
    inodes = set(_inodes(port))
    for process in Path("/proc").glob("[0-9]*") if inodes else ():
        # Processes end while we look, and those of others are closed to us.
        with contextlib.suppress(OSError):
            if any(_inode_of(link) in inodes for link in (process / "fd").iterdir()):
                words = (
                    (process / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").split()
                )
                return f"process {process.name} ({' '.join(words)[:80]})"
    return None


def _inode_of(link: Path) -> str:
    return str(link.readlink()).removeprefix("socket:[").removesuffix("]")


def _inodes(port: int) -> Iterator[str]:
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        with contextlib.suppress(OSError):
            for line in Path(table).read_text().splitlines()[1:]:
                fields = line.split()
                if fields[3] == LISTENING and int(fields[1].rpartition(":")[2], 16) == port:
                    yield fields[9]
