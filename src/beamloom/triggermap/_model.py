"""The words of a trigger map: virtual workers, cells, repeats, and what may be wrong with them."""

from __future__ import annotations

from enum import IntEnum

import msgspec

RESERVED_PART = "reserved_start_end"
"""Name of the one-event part that is put in front of and behind a wrapped map."""


class TriggerMapError(ValueError):
    """A trigger map that cannot be run; its text is one sentence that says what is wrong, where, and what to do."""


class CellKind(IntEnum):
    """What a stream does at one event."""

    NONE = 0
    """The device sends no packet for this event."""
    DISCARD = 1
    """A packet arrives and nobody wants it."""
    WANTED = 2
    """A packet arrives for at least one virtual worker."""


class VirtualWorker(msgspec.Struct, frozen=True):
    """Whom a packet is for.

    With a ``constraint``: the one real worker that this integer is bound to, within one occurrence of the part. Without:
    every worker that has all ``tags``. The tags are kept sorted and without doubles; no tags at all match any worker.
    """

    tags: tuple[str, ...] = ("generic",)
    constraint: int | None = None

    def __post_init__(self) -> None:
        if len(self.tags) != 1:
            msgspec.structs.force_setattr(self, "tags", tuple(sorted(set(self.tags))))


Cell = tuple[VirtualWorker, ...] | None
"""One stream at one event. None: no packet; (): a packet arrives and nobody wants it."""


class Repeat(msgspec.Struct, frozen=True):
    """One entry of a sequence: a part, ``times`` times in a row; None means until told to stop."""

    part: str
    times: int | None = 1
