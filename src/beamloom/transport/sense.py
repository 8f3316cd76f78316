"""Whether a message fits the frames that came with it, and asks for no more work than a process of a pipeline would.

Types are checked as a message is decoded; here its columns are held against each other, so that nobody who reaches a mailbox without keys
can have a service read beyond what came, or count to 2**60. What does not fit is dropped and counted like what cannot be decoded.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

from beamloom.engine.accounts.ledger import LedgerNews
from beamloom.engine.ranges import Range
from beamloom.events import PacketKind, frame_bytes
from beamloom.transport.messages import (
    AnyMessage,
    Arm,
    Coverage,
    Failed,
    PacketBlock,
    Packets,
    Register,
    Results,
)
from beamloom.transport.packing import INLINE_BYTES

MOST_PACKETS = 1 << 20
"""In one message."""
MOST_RESULTS = 1 << 20
"""In one message."""
MOST_FRAMES = 1 << 22
"""Of the packets in one message."""
MOST_MERGED = 1 << 24
"""Events whose results, or whose failure, travel as one."""
MOST_EVENTS = 1 << 53
"""Of a run."""
MOST_LETTERS = 1000
"""Of a name or an address."""
RUN_ID = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}")
"""It names files and folders: nothing in it may lead out of theirs."""
_KINDS = frozenset(int(kind) for kind in PacketKind)


def makes_sense(message: AnyMessage, buffers: Sequence[Any]) -> bool:
    """Whether a service can take this message with these frames."""
    match message:
        case Packets(block=block, memory=memory, places=places):
            return _packets_fit(block, buffers, places if memory else ())
        case Results() as results:
            return _results_fit(results, buffers)
        case Failed(combined=combined):
            return _can_be_counted(combined)
        case Arm(run=run):
            return RUN_ID.fullmatch(run) is not None
        case Register() as register:
            return (
                max(map(len, (register.name, register.role, register.address, register.host))) <= MOST_LETTERS
            )
        case Coverage(news=news):
            return _news_can_be(news)
        case _:
            return True


def _packets_fit(block: PacketBlock, buffers: Sequence[Any], places: Sequence[tuple[int, int, int]]) -> bool:
    count, frames, sizes = block.count, block.frames, block.sizes
    if not buffers or not 0 < count <= MOST_PACKETS or not 0 <= frames * count <= MOST_FRAMES:
        return False
    if len(sizes) not in (frames, frames * count) or block.kind not in _KINDS:
        return False
    times = count if len(sizes) == frames else 1
    inline = [size for size in sizes if size < INLINE_BYTES]
    alone = (len(sizes) - len(inline)) * times
    elsewhere = sum(generation != 0 for _, _, generation in places)
    return (
        min(sizes, default=0) >= 0
        and sum(inline) * times == frame_bytes(buffers[0])
        and len(places) in (0, alone)
        and alone == len(buffers) - 1 + elsewhere
    )


def _results_fit(results: Results, buffers: Sequence[Any]) -> bool:
    count = sum(stop - first for _, _, first, stop in results.spans)
    if not buffers or count > MOST_RESULTS or any(first >= stop for _, _, first, stop in results.spans):
        return False
    if len(results.sizes) not in (1, count) or min(results.sizes, default=0) < 0:
        return False
    if any(len(column) not in (0, count) for column in (results.buffers, results.combined)):
        return False
    size = results.sizes[0] * count if len(results.sizes) == 1 else sum(results.sizes)
    return (
        size == frame_bytes(buffers[0])
        and min(results.buffers, default=0) >= 0
        and sum(results.buffers) == len(buffers) - 1
        and all(map(_can_be_counted, results.combined))
    )


def _news_can_be(news: LedgerNews) -> bool:
    """Whether all of it lies within the longest run."""
    lost = [(loss.first, loss.stop) for loss in news.losses]
    return (news.total is None or 0 <= news.total <= MOST_EVENTS) and all(
        0 <= first <= stop <= MOST_EVENTS for first, stop in (*news.reduced, *news.failed, *lost)
    )


def _can_be_counted(ranges: Iterable[Range]) -> bool:
    return (
        all(first <= stop for first, stop in ranges)
        and sum(stop - first for first, stop in ranges) <= MOST_MERGED
    )
