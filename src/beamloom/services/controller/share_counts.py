"""The reports of several ingesters of one stream, at the same time or one after the other, as one report of the whole stream."""

from __future__ import annotations

from collections.abc import Collection

from beamloom.engine.streams.losses import StreamCounts
from beamloom.engine.streams.shares import Shares
from beamloom.transport.messages import Progress


def joined(stream: str, shares: Shares, reports: Collection[Progress]) -> Progress:
    """What all ``reports`` say together; what is missing, double or late among them, ``shares`` knows. At least one report."""
    counts = StreamCounts()
    for name in StreamCounts.__struct_fields__:
        setattr(counts, name, sum(getattr(report.counts, name) for report in reports))
    counts.packets -= shares.duplicates + shares.late
    counts.gaps += shares.gaps
    counts.duplicates += shares.duplicates
    counts.late += shares.late
    return Progress(
        next(iter(reports)).run,
        stream,
        shares.complete_until,
        shares.seen_until,
        shares.ended,
        [],
        counts,
        shares.stopped,
        shares.blocked,
        _total([report.discarded_before_start for report in reports]),
        _total([report.reconnects for report in reports]),
    )


def _total(numbers: Collection[int | None]) -> int | None:
    known = [number for number in numbers if number is not None]
    return sum(known) if known else None


def sum_of(one: StreamCounts, other: StreamCounts) -> StreamCounts:
    """What two lives of one stream have counted together."""
    return StreamCounts(
        **{name: getattr(one, name) + getattr(other, name) for name in StreamCounts.__struct_fields__}
    )
