"""Messages between the pool and its workers: a length, and MessagePack. Nothing is pickled."""

from __future__ import annotations

import struct
from typing import BinaryIO, Final

import msgspec

from beamloom.rules.spec import Coming, Done, Failed, Setup, Work

LENGTH: Final = struct.Struct("<Q")


class Ready(msgspec.Struct, frozen=True, tag="ready"):
    """The worker has started."""


class Alive(msgspec.Struct, frozen=True, tag="alive"):
    """The worker is there, whatever its task does."""


class Forget(msgspec.Struct, frozen=True, tag="forget"):
    """No more chunks of this step."""

    step: int


ToWorker = Coming | Setup | Work | Forget
FromWorker = Ready | Alive | Done | Failed


def send(pipe: BinaryIO, message: ToWorker | FromWorker) -> None:
    """Raises OSError where nobody reads any more."""
    body = msgspec.msgpack.encode(message)
    pipe.write(LENGTH.pack(len(body)) + body)
    pipe.flush()


def receive(pipe: BinaryIO) -> bytes | None:
    """The next message as it came; None at the end."""
    head = pipe.read(LENGTH.size)
    if len(head) < LENGTH.size:
        return None
    (length,) = LENGTH.unpack(head)
    body = pipe.read(length)
    return body if len(body) == length else None
