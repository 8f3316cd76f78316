"""The source of a stream that another ingester has had before, in the middle of a run."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from beamloom.devices.device import (
    EndlessSource,
    RereadableSource,
    ResumableSource,
    Source,
    TriggeredSource,
)
from beamloom.devices.sources.at_hand import AtHand
from beamloom.engine.streams.rejoining import Rejoin
from beamloom.engine.streams.streamplan import StreamLayout, StreamPlan, items_before
from beamloom.events import Malformed, Packet

REFUSAL = "stream {!r} cannot be taken up by another ingester in the middle of a run"


class NothingMore(AtHand):
    """The source of a stream of which all has come: its device may be about another run."""

    @property
    def pollable(self) -> int:
        """Never to be waited for."""
        raise RuntimeError("all has come of this stream, there is nothing to wait for")

    def read(self, limit: int) -> Sequence[Packet | Malformed]:
        """Nothing."""
        return ()


class Resumption(msgspec.Struct, frozen=True):
    """How a source goes on where another one was."""

    source: Source
    rejoin: Rejoin | None = None
    """What the router is to know of it; None where the source gives all that anybody may need."""
    series_start: int = 0
    """The item from which the numbers of its packets count."""
    needed_from: int = 0
    """The items before this one, but for the first, are left out."""
    dead_end: str | None = None
    """Why nothing comes but what the former one has left on disk."""


def resumption(
    stream: str, layout: StreamLayout, source: Source, rejoin: Rejoin, *, one_series: bool, on_disk: bool
) -> Resumption:
    """Have a source that is not open yet go on where another one was; ``on_disk``: that one has left packets there.

    Where nobody could know for which events its packets are, what is on disk is all there is. Raises ValueError with a sentence where
    there is not even that.
    """
    if isinstance(source, RereadableSource):
        needed_from = items_before(layout, rejoin.needed_from)
        last_item = StreamPlan(layout).last_item
        if last_item is not None and needed_from > last_item:
            return Resumption(NothingMore(), rejoin)
        if rejoin.seen:
            try:
                source.reread(rejoin.bearing, needed_from)
            except ValueError as why:
                raise ValueError(f"{REFUSAL.format(stream)}: {why}") from None
        return Resumption(source, needed_from=needed_from)
    if rejoin.over:
        return Resumption(NothingMore(), rejoin)
    try:
        return Resumption(source, rejoin, resume_source(stream, source, rejoin, one_series=one_series))
    except ValueError as why:
        if not on_disk:
            raise
        return Resumption(NothingMore(), rejoin, dead_end=str(why))


def resume_source(stream: str, source: Source, rejoin: Rejoin, *, one_series: bool) -> int:
    """Have a source that is not open yet go on where another one was; returns the item from which its numbers count.

    Raises ValueError with a sentence where nobody could know for which events its packets are.
    """
    refusal = REFUSAL.format(stream)
    if isinstance(source, EndlessSource | TriggeredSource):
        raise ValueError(f"{refusal}: its device makes packets when it is asked to, and counts them anew")
    if rejoin.bearing is None:
        if rejoin.seen:
            raise ValueError(
                f"{refusal}: its packets have no numbers of their own that would tell their events"
            )
        # Its series has not begun.
        return 0
    if not isinstance(source, ResumableSource):
        raise ValueError(f"{refusal}: its device is another one than before")
    try:
        return source.resume(rejoin.bearing, one_series=one_series)
    except ValueError as why:
        raise ValueError(f"{refusal}: {why}") from None
