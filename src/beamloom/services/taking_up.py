"""The source of a stream that another ingester has had before, in the middle of a run."""

from __future__ import annotations

from collections.abc import Sequence

from beamloom.devices.device import EndlessSource, ResumableSource, Source, TriggeredSource
from beamloom.engine.rejoining import Rejoin
from beamloom.events import Malformed, Packet


class NothingMore:
    """The source of a stream of which all has come: its device may be about another run."""

    def open(self) -> None:
        """Nothing to open."""

    def connected(self) -> bool:
        """Nothing is missing."""
        return True

    def connection_problem(self) -> str | None:
        """There is none."""
        return None

    @property
    def pollable(self) -> int:
        """Never to be waited for."""
        raise RuntimeError("all has come of this stream, there is nothing to wait for")

    def read(self, limit: int) -> Sequence[Packet | Malformed]:
        """Nothing."""
        return ()

    def close(self) -> None:
        """Nothing to close."""


def resume_source(stream: str, source: Source, rejoin: Rejoin, *, one_series: bool) -> int:
    """Have a source that is not open yet go on where another one was; returns the item from which its numbers count.

    Raises ValueError with a sentence where nobody could know for which events its packets are.
    """
    refusal = f"stream {stream!r} cannot be taken up by another ingester in the middle of a run"
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
