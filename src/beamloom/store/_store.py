"""What a store has to do, whatever it is made of."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import msgspec


class StoreError(Exception):
    """Something could not be written or read; the text says what, in a sentence without its end."""


class Overtaken(StoreError):
    """Another controller has taken over: this one is not to write any more, and not to decide."""


class Stored(msgspec.Struct, frozen=True):
    """What a store holds."""

    state: bytes | None
    """The latest checkpoint; None in a new store."""
    batches: list[bytes]
    """What was appended since, oldest first."""
    kept: dict[str, bytes]
    """What is kept by name, oldest first."""
    noted: int = 0
    """The number of the last batch that is in it, where they are numbered."""


class Store(Protocol):
    """Durable state of one controller. Each call either happens whole or not at all, and raises StoreError then.

    All calls come from one thread at a time. What was appended when the call returns survives the death of this process; what survives
    that of the machine is the store's own policy.
    """

    @property
    def remedy(self) -> str:
        """What somebody can do when it fails, as the end of a sentence."""

    @property
    def generation(self) -> int:
        """How many controllers this store has had, this one included."""

    @property
    def pipeline(self) -> str:
        """A name that no other store has."""

    def load(self) -> Stored:
        """All that is there."""

    def append(self, *batches: bytes, noted: int = 0) -> None:
        """Add to what has happened since the checkpoint. Raises Overtaken where another controller has taken over.

        ``noted`` is the number of the last of them, here and below.
        """

    def checkpoint(self, state: bytes, keep: Mapping[str, bytes], most: int, noted: int = 0) -> None:
        """``state`` takes the place of all that was appended; at most ``most`` are kept by name, the latest of them."""

    def close(self) -> None:
        """Release it. May be called twice."""
