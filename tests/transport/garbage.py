"""What somebody may send who speaks no ZeroMQ, or half of it."""

from __future__ import annotations

import random

_CHANCE = random.Random(7)
GREETING = b"\xff" + bytes(8) + b"\x7f\x03\x00" + b"NULL".ljust(20, b"\x00") + bytes(32)
_READY = b"\x04\x1c\x05READY\x0bSocket-Type\x00\x00\x00\x06DEALER"
GARBAGE = [
    b"",
    b"\x00",
    b"GET / HTTP/1.1\r\n\r\n",
    _CHANCE.randbytes(10_000),
    GREETING[:1],
    GREETING[:11],
    GREETING,
    GREETING.replace(b"NULL", b"CURV"),
    GREETING + _CHANCE.randbytes(1000),
    GREETING + b"\x06" + b"\xff" * 8,
    GREETING + _READY + b"\x02" + b"\xff" * 8,
    GREETING + _READY + b"\x02" + (2**33).to_bytes(8, "big") + bytes(1000),
    GREETING + _READY + b"\x02" + (2**32).to_bytes(8, "big") + bytes(1000),
    GREETING + _READY + b"\x00\x05hello",
    GREETING + _READY + b"\x01\x00" * 1000,
]
"""The last ones are a DEALER socket by all rules, until it sends. One announces as much as is just allowed, and does not send it."""
