"""The key of a pipeline: whoever holds it takes part, nobody else does, and nobody else can read what is said.

Policy: one pair of CURVE keys for the whole pipeline, in one file that its owner alone may read. Each mailbox presents it as its own, and
each process that sends presents the same, so that there is nothing to hand out but one file. A key tells members from strangers; it does
not tell one member from another.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import zmq

from beamloom.errors import UsageError
from beamloom.secret_files import read_secret, write_secret

DOMAIN = b"beamloom"
"""The ZAP domain of mailboxes: whom they let in is asked of the doorkeeper of their context."""


class KeyFileError(UsageError):
    """A key file that cannot be used; the sentence never holds a key."""


class _Written(msgspec.Struct, forbid_unknown_fields=True):
    public: str
    secret: str


class Keys(msgspec.Struct, frozen=True):
    """The pair of keys of one pipeline."""

    public: bytes
    secret: bytes
    origin: str = ""
    """The file that they were read from, for sentences."""

    def __repr__(self) -> str:
        return f"Keys({self.origin or 'of no file'})"

    def guard(self, mailbox: zmq.Socket[Any]) -> None:
        """Have a socket that is about to listen ask for the key."""
        mailbox.set(zmq.CURVE_SERVER, 1)
        mailbox.set(zmq.CURVE_PUBLICKEY, self.public)
        mailbox.set(zmq.CURVE_SECRETKEY, self.secret)
        mailbox.set(zmq.ZAP_DOMAIN, DOMAIN)

    def present(self, socket: zmq.Socket[Any]) -> None:
        """Have a socket that is about to connect to a mailbox show the key, and see that the mailbox has it, too."""
        socket.set(zmq.CURVE_PUBLICKEY, self.public)
        socket.set(zmq.CURVE_SECRETKEY, self.secret)
        socket.set(zmq.CURVE_SERVERKEY, self.public)


def new_keys() -> Keys:
    """A pair that nobody has seen before. Raises KeyFileError where ZeroMQ was built without CURVE."""
    _check_curve()
    return Keys(*zmq.curve_keypair())


def write_keys(path: Path, keys: Keys) -> None:
    """Write a file that only its owner may read, whole or not at all. Raises KeyFileError where there is one already, or it cannot be."""
    written = _Written(keys.public.decode("ascii"), keys.secret.decode("ascii"))
    write_secret(
        path, written, refusal=KeyFileError, others="every process of the pipeline needs the new one"
    )


def read_keys(path: Path) -> Keys:
    """The keys in a file. Raises KeyFileError, also where others than its owner may read it."""
    _check_curve()
    content = read_secret(path, refusal=KeyFileError, what="the keys")
    try:
        written = msgspec.json.decode(content, type=_Written)
        keys = Keys(written.public.encode("ascii"), written.secret.encode("ascii"), str(path))
        pair_fits = zmq.curve_public(keys.secret) == keys.public
    except (msgspec.DecodeError, UnicodeError, ValueError, zmq.ZMQError):
        # The error of the decoder may show some of the text.
        pair_fits = False
    if not pair_fits:
        raise KeyFileError(
            f"{path} holds no pair of keys, or only a part; copy the whole file from where 'beamloom keys' wrote it"
        )
    return keys


def _check_curve() -> None:
    if not zmq.has("curve"):
        raise KeyFileError(
            "the ZeroMQ library of this Python was built without CURVE, so that it cannot use keys; install pyzmq from its wheels: "
            "pip install --force-reinstall --only-binary :all: pyzmq"
        )
