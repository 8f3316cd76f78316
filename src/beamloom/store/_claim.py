"""Who has what only one controller can have, as it is written down there for the others."""

from __future__ import annotations

import os
import secrets
import socket
import time

import msgspec


class Claim(msgspec.Struct, frozen=True):
    """That of one process."""

    name: str
    pid: int
    host: str
    since: float = 0.0
    """Unix time."""
    token: str = ""
    """No other claim has it."""

    def __str__(self) -> str:
        return f"the controller {self.name!r}, process {self.pid} on {self.host}"


def own_claim(name: str) -> bytes:
    """That of this process, as it is written down."""
    return msgspec.json.encode(
        Claim(name, os.getpid(), socket.gethostname(), time.time(), secrets.token_hex(8))
    )


def read_claim(written: bytes) -> Claim | str:
    """Whose it is; where it cannot be read, at least that it is not ours."""
    try:
        return msgspec.json.decode(written, type=Claim)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return "another controller"
