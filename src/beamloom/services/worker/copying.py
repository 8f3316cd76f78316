"""Copies of what a worker works on, for a shadow worker: another analysis that looks on.

Policy: a copy is sent when the worker's own class is through with the event, and never waits. So many may be under way; what comes beyond
that is not sent, and counted. A shadow worker that is slow, hangs or is gone so costs its copies and nothing else. What a worker keeps for
one that comes later is the start event alone, which describes all others.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import Any, NamedTuple

from beamloom.engine.assembling.ready import ReadyRun
from beamloom.engine.streams.packet_rows import PacketRow
from beamloom.events import Packet, frame_bytes
from beamloom.transport.channel import Channel
from beamloom.transport.messages import Copied, LastCopy, Mirror, PacketBlock
from beamloom.transport.packing import pack
from beamloom.transport.shared_memory import Borrowing, StaleFrame

COPIES_UNDER_WAY = 256
BYTES_UNDER_WAY = 64 << 20
"""One copy may be under way however large it is."""
START_BYTES = 64 << 20
"""A larger start event is not kept."""


class _Copy(NamedTuple):
    event: int
    epoch: int
    blocks: dict[str, PacketBlock]
    buffers: list[Any]

    @property
    def nbytes(self) -> int:
        return sum(map(frame_bytes, self.buffers))


class Copying:
    """What one worker sends to a shadow worker."""

    def __init__(self, channel: Channel, borrowing: Borrowing) -> None:
        """``borrowing``: the memories of others in which frames may lie."""
        self._channel = channel
        self._borrowing = borrowing
        self._told = Mirror()
        self._run = ""
        self._start: list[_Copy] = []
        """The start event of the run, with the packets of each delivery of it."""
        self._number = 0
        self._under_way: deque[tuple[int, int]] = deque()
        """Number and bytes of copies that are not known to be done with."""
        self._bytes = 0
        self._lost = 0
        self.sent = 0
        """Copies, over all runs."""
        self.lost = 0
        """Copies that were not sent."""

    # ---- messages -------------------------------------------------------------------------------------------------------

    def follow(self, told: Mirror) -> None:
        """The controller says who gets copies from now on."""
        if told.peer != self._told.peer:
            if self._told.peer:
                self._channel.disconnect(self._told.peer)
            self._number = self._lost = self._bytes = 0
            self._under_way.clear()
        news = bool(told.peer) and told != self._told
        self._told = told
        if news:
            self._channel.connect(told.peer, told.address)
            for copy in self._start:
                self._send(copy)

    def taken(self, shadow: str, number: int) -> None:
        """A shadow worker is done with all copies up to this number."""
        if shadow != self._told.peer:
            return
        while self._under_way and self._under_way[0][0] <= number:
            self._bytes -= self._under_way.popleft()[1]

    def begin_run(self, run: str) -> None:
        """What is copied from now on is of this run."""
        self._run, self._start, self._lost = run, [], 0

    def end_run(self) -> None:
        """There are no more copies of the run."""
        self._start = []
        if self._told.peer and self._run:
            self._channel.send(self._told.peer, LastCopy(self._run, self._lost))
        self._run = ""

    # ---- events ---------------------------------------------------------------------------------------------------------

    def wants(self, run: ReadyRun) -> bool:
        """Whether copies of some of these events may be wanted; cheap where there is no shadow worker."""
        return (bool(self._told.peer) or run.first == 0) and not run.is_rehearsal

    def take(self, run: ReadyRun, stop: int) -> None:
        """The worker's own class is through with the events of ``run`` before ``stop``."""
        sample = self._told.sample
        for event in range(run.first, stop):
            if event in sample:
                self._take(event, run.epoch, run.streams(event - run.first))

    def _take(self, event: int, epoch: int, streams: Mapping[str, Packet]) -> None:
        if event > 0 and self._full:
            self._lose()
            return
        if self._borrowing.active:
            copied = {name: packet.get_bytes() for name, packet in streams.items()}
            try:
                self._borrowing.check(streams.values())
            except StaleFrame:
                # This worker was given up, and who has its event instead sends the copy.
                return
            streams = copied
        copy = _copy_of(event, epoch, streams)
        if event == 0 and copy.nbytes <= START_BYTES:
            self._start.append(copy)
        if self._told.peer:
            self._send(copy)

    @property
    def _full(self) -> bool:
        return len(self._under_way) >= COPIES_UNDER_WAY or self._bytes >= BYTES_UNDER_WAY

    def _send(self, copy: _Copy) -> None:
        self._number += 1
        self.sent += 1
        nbytes = copy.nbytes
        self._under_way.append((self._number, nbytes))
        self._bytes += nbytes
        self._channel.send(
            self._told.peer,
            Copied(
                self._run,
                self._number,
                copy.event,
                copy.epoch,
                copy.blocks,
                self._channel.address,
                self._lost,
            ),
            copy.buffers,
        )

    def _lose(self) -> None:
        self._lost += 1
        self.lost += 1

    def figures(self) -> dict[str, float]:
        """Counters; none where there never was a shadow worker."""
        if not self.sent and not self.lost:
            return {}
        return {"copies_sent": self.sent, "copies_lost": self.lost}


def _copy_of(event: int, epoch: int, streams: Mapping[str, Packet]) -> _Copy:
    blocks: dict[str, PacketBlock] = {}
    buffers: list[Any] = []
    for name, packet in streams.items():
        frames = packet.frames
        sizes = list(map(frame_bytes, frames))
        row = PacketRow(packet.typ, packet.kind, packet.number, 1, len(frames), list(frames), sizes)
        blocks[name], own = pack(row)
        buffers += own
    return _Copy(event, epoch, blocks, buffers)
