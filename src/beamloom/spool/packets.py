"""The packets of one stream of one run on disk, by event.

Policy: what is written can be read by the next process that opens the folder, whenever this one dies. The spool is bounded: past its limit,
by what was read at once, it takes nothing more until something is settled. A disk that fails is tried again every second; until then
it takes nothing, and says why. What cannot be read back is named, and never taken for something else.
"""

from __future__ import annotations

import logging
import time
import zlib
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import msgspec

from beamloom.engine.ranges import Range, RangeSet
from beamloom.engine.streams.packet_rows import PacketRow
from beamloom.events import Packet
from beamloom.journal import DiskAnswers
from beamloom.spool.segments import Segment, Segments
from beamloom.transport.messages import PacketBlock
from beamloom.transport.packing import pack, unpack

logger = logging.getLogger(__name__)

RECORD_BYTES = 256 << 10
"""Packets are joined in records up to about this size, and read back by the record."""
MOST_SEGMENT_BYTES = 256 << 20
RETRY_SECONDS = 1.0
"""After which a disk that failed is tried again."""


class RecordHead(msgspec.Struct, array_like=True):
    """What stands before the frames of a record; with a checksum of its own, as it is read without the rest."""

    first: int
    wanted: int
    block: PacketBlock

    def encode(self) -> bytes:
        """The first frame of the record."""
        body = _encoder.encode(self)
        return zlib.crc32(body).to_bytes(4, "little") + body

    @classmethod
    def decode(cls, frame: bytes) -> RecordHead | None:
        """What ``encode`` made; None where it is damaged, or of a version that wrote something else."""
        body = frame[4:]
        if frame[:4] != zlib.crc32(body).to_bytes(4, "little"):
            return None
        try:
            return _decoder.decode(body)
        except msgspec.DecodeError:
            return None


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(RecordHead)


class _Entry:
    """A record, by its events."""

    __slots__ = ("begin", "first", "left", "segment", "stop")

    def __init__(self, first: int, stop: int, segment: Segment, begin: int) -> None:
        self.first = first
        self.stop = stop
        self.segment = segment
        self.begin = begin
        self.left = stop - first


class DiskSpool:
    """Packets of one stream; what another process has left in ``folder`` is there from the start."""

    def __init__(self, folder: Path, limit: int, clock: Callable[[], float] = time.monotonic) -> None:
        """``limit``: bytes that it may have. Whoever makes one is alone in the folder. Raises OSError."""
        self.problem: str | None = None
        """Why nothing can be written, as long as that is so."""
        self.refused = 0
        """Packets that it was given and did not take."""
        self.disk = DiskAnswers()
        """How the disk answers."""
        self._limit = limit
        self._clock = clock
        self._segments = Segments(folder, max(1, min(MOST_SEGMENT_BYTES, limit // 8)))
        self._live = RangeSet()
        self._firsts: list[int] = []
        self._entries: list[_Entry] = []
        self._unreadable: list[Range] = []
        self._retry_at = 0.0
        self._read_entry: _Entry | None = None
        self._read_packets: tuple[Sequence[Packet], int] = ([], 0)
        for segment in self._segments.left:
            self._take_up(segment)

    def _take_up(self, segment: Segment) -> None:
        end = 0
        try:
            for one in segment.outlines():
                end = one.end
                head = RecordHead.decode(one.first_frame)
                if head is None:
                    logger.warning(
                        "a record in %s is damaged, or of another version, and left out", segment.path
                    )
                    continue
                stop = head.first + head.block.count
                if not self._live.within(head.first, stop):
                    segment.records += 1
                    self._enter(_Entry(head.first, stop, segment, one.begin))
        except OSError as error:
            logger.warning("a part of the spool %s cannot be read: %s", segment.path, error)
            return
        if segment.records == 0:
            self._segments.discard(segment)
        elif torn := self._segments.cut(segment, end):
            logger.info("%d bytes at the end of %s were not whole and are cut off", torn, segment.path)

    def _enter(self, entry: _Entry) -> None:
        at = bisect_left(self._firsts, entry.first)
        self._firsts.insert(at, entry.first)
        self._entries.insert(at, entry)
        self._live.add(entry.first, entry.stop)

    # ---- what it has ----------------------------------------------------------------------------------------------------------

    @property
    def folder(self) -> Path:
        """Where it is."""
        return self._segments.folder

    @property
    def nbytes(self) -> int:
        """Bytes of its files."""
        return self._segments.size

    def __len__(self) -> int:
        """How many packets it has."""
        return len(self._live)

    @property
    def events(self) -> list[Range]:
        """The events whose packets it has."""
        return list(self._live)

    @property
    def full(self) -> bool:
        """Whether it has as many bytes as it may have."""
        return self.nbytes >= self._limit

    @property
    def ready(self) -> bool:
        """Whether it may take packets now."""
        return not self.full and (self.problem is None or self._clock() >= self._retry_at)

    def packets(self) -> Iterator[tuple[int, Packet, int]]:
        """All that it has, in the order of the events: event, packet, and from how many streams packets of the event are wanted."""
        for first, stop in list(self._live):
            yield from self.within(first, stop)

    # ---- writing --------------------------------------------------------------------------------------------------------------

    def write(self, first: int, row: PacketRow, wanted: int) -> int:
        """Keep packets of consecutive events; returns how many of them, from the first on, it has now, not keeping any twice."""
        stop = first + row.count
        there = first
        for begin, end in self._live.missing(first, stop):
            new = row.part(begin - first, end - first)
            for low, high in _records(new):
                if not self._write(begin + low, new.part(low, high), wanted):
                    self.refused += stop - there
                    return there - first
                there = begin + high
        return stop - first

    def _write(self, first: int, row: PacketRow, wanted: int) -> bool:
        if not self.ready:
            return False
        block, buffers = pack(row)
        try:
            with self.disk.asked():
                segment, begin = self._segments.append([RecordHead(first, wanted, block).encode(), *buffers])
        except (OSError, MemoryError) as error:
            if self.problem is None:
                logger.warning("packets cannot be kept in %s: %s", self.folder, error)
            self.problem = str(error)
            self._retry_at = self._clock() + RETRY_SECONDS
            return False
        if self.problem is not None:
            logger.info("packets are kept again in %s", self.folder)
            self.problem = None
        self._enter(_Entry(first, first + row.count, segment, begin))
        return True

    def release(self, first: int, stop: int) -> None:
        """[first, stop) are settled: what is only of them is removed."""
        for begin, end in self._live.remove(first, stop):
            self._forget(begin, end)

    def _forget(self, begin: int, end: int) -> None:
        low = max(0, bisect_right(self._firsts, begin) - 1)
        high = bisect_left(self._firsts, end)
        kept: list[_Entry] = []
        for entry in self._entries[low:high]:
            entry.left -= max(0, min(entry.stop, end) - max(entry.first, begin))
            if entry.left > 0:
                kept.append(entry)
                continue
            self._segments.forget(entry.segment)
            if entry is self._read_entry:
                self._read_entry, self._read_packets = None, ([], 0)
        self._entries[low:high] = kept
        self._firsts[low:high] = [entry.first for entry in kept]

    # ---- reading --------------------------------------------------------------------------------------------------------------

    def within(self, first: int, stop: int) -> Iterator[tuple[int, Packet, int]]:
        """Event, packet and ``wanted`` of what it has of [first, stop), in order."""
        for begin, end in self._live.within(first, stop):
            at = begin
            while at < end:
                entry = self._entries[bisect_right(self._firsts, at) - 1]
                until = min(end, entry.stop)
                packets, wanted = self._read(entry)
                if packets:
                    for event in range(at, until):
                        yield event, packets[event - entry.first], wanted
                at = until

    def _read(self, entry: _Entry) -> tuple[Sequence[Packet], int]:
        if entry is not self._read_entry:
            try:
                with self.disk.asked():
                    record = entry.segment.read(entry.begin)
            except OSError as error:
                logger.warning("%s cannot be read: %s", entry.segment.path, error)
                record = None
            head = None if record is None else RecordHead.decode(record.frames[0])
            if record is None or head is None:
                self._give_up(entry)
                return [], 0
            self._read_entry, self._read_packets = entry, (unpack(head.block, record.frames[1:]), head.wanted)
        return self._read_packets

    def _give_up(self, entry: _Entry) -> None:
        gone = self._live.remove(entry.first, entry.stop)
        logger.error(
            "packets of the events from %d to %d cannot be read back from %s",
            entry.first,
            entry.stop - 1,
            entry.segment.path,
        )
        self._unreadable += gone
        for begin, end in gone:
            self._forget(begin, end)

    def take_unreadable(self) -> list[Range]:
        """The events that it had and could not read back, since the last call."""
        unreadable, self._unreadable = self._unreadable, []
        return unreadable

    # ---- the end --------------------------------------------------------------------------------------------------------------

    def close(self) -> None:
        """Write no more; what it has stays, for the next life."""
        self._segments.close()


def _records(row: PacketRow) -> Iterator[Range]:
    """Where the records begin and end in which these are kept."""
    begin, size = 0, 0
    for place, nbytes in enumerate(row.packet_sizes()):
        size += nbytes
        if size >= RECORD_BYTES:
            yield begin, place + 1
            begin, size = place + 1, 0
    if begin < row.count:
        yield begin, row.count
