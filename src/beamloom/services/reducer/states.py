"""The state that a reducer class hands over as ``checkpoint``, in bytes on the disk of this process, and back.

Policy: what a class says of itself never came from a socket, so that it may need pickle whether or not results may (``allow_pickle``).
It is read back only from a folder of this user that strangers cannot write to.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import msgspec

from beamloom.transport.codec import Decoder, Encoded, Encoder


class LeafStates(msgspec.Struct):
    """The states of a class that is split over leaves, each as the frames of its own."""

    states: list[list[bytes]]


def too_few_leaves(count: int) -> str:
    """Why a checkpoint of so many leaves cannot be gone on from with fewer."""
    return f"the checkpoint is of {count} leaves, and there are fewer now; set leaves to {count} until the run is over"


def encode_state(state: Any) -> Encoded:
    """``state`` for the disk; raises what the codec or pickle raises for what neither can write."""
    return Encoder(allow_pickle=True).encode(state)


def decode_state(head: bytes, buffers: Sequence[bytes], packages: Iterable[str]) -> Any:
    """The state that was encoded; its classes may be imported from ``packages``. Raises UndecodableResult."""
    return Decoder(trusted_packages=packages, allow_pickle=True).decode(head, buffers)


def check_own(folder: Path) -> None:
    """Raises OSError with a sentence where somebody else could have written what is in ``folder``; it need not be there."""
    try:
        found = folder.stat()
    except FileNotFoundError:
        return
    if found.st_uid not in (os.geteuid(), 0) or stat.S_IMODE(found.st_mode) & stat.S_IWOTH:
        raise PermissionError(
            f"{folder} belongs to another user or can be written by everybody, so that what is in it is not trusted; "
            "name a folder of your own as state_dir"
        )
