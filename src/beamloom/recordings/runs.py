"""Records of consecutive events with the same streams, as columns: what a replay works with.

Invariant: the records of a run have the same streams, with packets of the same types and numbers of frames, and events that count up by
one. Large frames of which nobody asks are not read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from itertools import chain
from struct import Struct
from typing import Any, Protocol

from beamloom.engine.streams.later_frames import LaterFrames
from beamloom.engine.streams.packet_rows import PacketRow
from beamloom.events import LaterFrame, Packet, PacketKind, frame_bytes, in_memory
from beamloom.recordings.alike import Layout
from beamloom.recordings.format import Record
from beamloom.recordings.source import HeldFile
from beamloom.recordings.walk import Walked, moment

RUN_BYTES = 1 << 20
"""Bytes of frames in memory with which a run that is gathered record by record is handed on; one of a larger record is that record."""
RUN_RECORDS = 1 << 10
"""Most records of such a run."""


class RecordRun(Protocol):
    """Records of consecutive events that have the same streams."""

    first: int
    """The first event."""
    count: int

    @property
    def streams(self) -> Sequence[str]:
        """The streams of each of these records."""

    def rows(self) -> dict[str, PacketRow]:
        """The packets of each stream; of large frames some may be a LaterFrame."""

    def packet(self, stream: str, at: int) -> Packet:
        """The packet of the event ``at``, counted from 0. Raises OSError where it cannot be read."""

    def times(self) -> Sequence[datetime | None]:
        """When each was recorded, where that is known. Raises ValueError for what is no time."""


def records_of(run: RecordRun) -> Iterator[Record]:
    """The records one by one, large frames each with its record. Raises OSError, CorruptRecording where they cannot be read."""
    streams = [_named(name, row) for name, row in run.rows().items()]
    events = range(run.first, run.first + run.count)
    if not streams:
        return map(Record, events, ({} for _ in events), run.times())
    return map(Record, events, map(dict, zip(*streams, strict=True)), run.times())


def _named(name: str, row: PacketRow) -> Iterator[tuple[str, Packet]]:
    for packet in row:
        packet.frames = in_memory(packet.frames)
        yield name, packet


class AlikeRun:
    """Records that lie one behind the other as a layout says, in memory or in their file."""

    def __init__(
        self,
        layout: Layout,
        first: int,
        count: int,
        offset: int,
        held: HeldFile | None,
        table: memoryview | None,
    ) -> None:
        """``offset`` is where in the content they begin; without a ``table`` they are read from there in the file that is ``held``."""
        self.first = first
        self.count = count
        self._layout = layout
        self._offset = offset
        self._held = held
        self._table = table

    def left(self) -> AlikeRun | None:
        """The same without their bytes in memory; None where they cannot be read again."""
        if self._held is None:
            return None
        return AlikeRun(self._layout, self.first, self.count, self._offset, self._held, None)

    def with_next(self, run: AlikeRun) -> AlikeRun | None:
        """These and those of ``run`` as one, where both were left in the file, and ``run`` follows these."""
        if (
            run._layout is not self._layout
            or run.first != self.first + self.count
            or run._offset != self._offset + self.count * self._layout.length
        ):
            return None
        return AlikeRun(self._layout, self.first, self.count + run.count, self._offset, self._held, None)

    def _tables(self, begin: int, end: int) -> Iterator[memoryview | bytes]:
        """The records in the places [begin, end); those in a file are read about a megabyte at a time."""
        length = self._layout.length
        if self._table is not None:
            yield self._table[begin * length : end * length]
        elif self._held is not None:
            step = max(1, RUN_BYTES // length)
            for at in range(begin, end, step):
                yield self._held.read(self._offset + at * length, (min(at + step, end) - at) * length)

    @property
    def streams(self) -> Sequence[str]:
        """As of a RecordRun."""
        return [name for name, *_ in self._layout.streams]

    def rows(self) -> dict[str, PacketRow]:
        """As of a RecordRun."""
        return {
            name: PacketRow(
                typ,
                PacketKind.DATA,
                None,
                self.count,
                len(sizes),
                LaterFrames(len(sizes), [(_Cut(self._tables, columns), 0, self.count)]) if sizes else [],
                sizes,
            )
            for name, typ, sizes, columns in self._layout.streams
        }

    def packet(self, stream: str, at: int) -> Packet:
        """As of a RecordRun."""
        typ, columns = next((t, columns) for name, t, _, columns in self._layout.streams if name == stream)
        (table,) = self._tables(at, at + 1)
        return Packet(typ, list(columns.unpack(table)))

    def times(self) -> Sequence[datetime | None]:
        """As of a RecordRun."""
        if self._layout.time is None:
            return [None] * self.count
        time = self._layout.time
        return [moment(text) for table in self._tables(0, self.count) for (text,) in time.iter_unpack(table)]


class _Cut:
    """The packets of one stream of such records."""

    __slots__ = ("_columns", "_tables")

    def __init__(self, tables: Callable[[int, int], Iterator[memoryview | bytes]], columns: Struct) -> None:
        self._tables = tables
        self._columns = columns

    def packets(self, begin: int, end: int) -> Iterator[tuple[bytes, ...]]:
        """As of what can be cut."""
        return chain.from_iterable(map(self._columns.iter_unpack, self._tables(begin, end)))


class GatheredRun:
    """Records that were found one by one."""

    def __init__(self, first: int, alike: tuple[tuple[str, str, int], ...]) -> None:
        """``alike``: of each stream the name, the type of its packets and how many frames they have."""
        self.first = first
        self.count = 0
        self.nbytes = 0
        """Bytes of the frames that are in memory."""
        self.alike = alike
        self._frames: list[list[Any]] = [[] for _ in alike]
        self._sizes: list[list[int]] = [[] for _ in alike]
        self._times: list[bytes | datetime | None] = []

    def add(self, packets: Sequence[tuple[list[Any], list[int]]], time: bytes | datetime | None) -> None:
        """One more record: of each stream the frames of its packet and their bytes."""
        self.count += 1
        self._times.append(time)
        for (frames, sizes), of_stream, of_sizes in zip(packets, self._frames, self._sizes, strict=True):
            of_stream += frames
            of_sizes += sizes
            for frame, size in zip(frames, sizes, strict=True):
                if not isinstance(frame, LaterFrame):
                    self.nbytes += size

    @property
    def streams(self) -> Sequence[str]:
        """As of a RecordRun."""
        return [name for name, _, _ in self.alike]

    def rows(self) -> dict[str, PacketRow]:
        """As of a RecordRun."""
        return {
            name: PacketRow(typ, PacketKind.DATA, None, self.count, each, list(frames), sizes)
            for (name, typ, each), frames, sizes in zip(self.alike, self._frames, self._sizes, strict=True)
        }

    @property
    def frame_count(self) -> int:
        """Frames of all packets."""
        return sum(map(len, self._frames))

    def packet(self, stream: str, at: int) -> Packet:
        """As of a RecordRun."""
        _, typ, each = next(one for one in self.alike if one[0] == stream)
        frames = self._frames[self.streams.index(stream)]
        return Packet(typ, in_memory(frames[at * each : (at + 1) * each]))

    def times(self) -> Sequence[datetime | None]:
        """As of a RecordRun."""
        return [moment(time) if isinstance(time, bytes) else time for time in self._times]


class Gathering:
    """Puts records that come one by one together into runs."""

    def __init__(self) -> None:
        self._run: GatheredRun | None = None

    def add_walked(self, record: Walked, buffer: bytes) -> GatheredRun | None:
        """One more record, which was found in ``buffer``; returns the run before it if that is over by this."""
        alike = tuple([(one.name, one.typ, len(one.frames)) for one in record.streams])
        time = None if record.time is None else buffer[record.time[0] : record.time[1]]
        return self._add(record.event, alike, [(one.frames, one.sizes) for one in record.streams], time)

    def add(self, event: int, streams: dict[str, Packet], time: datetime | None = None) -> GatheredRun | None:
        """The same of a record that was made otherwise."""
        alike = tuple([(name, packet.typ, len(packet.frames)) for name, packet in streams.items()])
        packets = [(packet.frames, list(map(frame_bytes, packet.frames))) for packet in streams.values()]
        return self._add(event, alike, packets, time)

    def _add(
        self,
        event: int,
        alike: tuple[tuple[str, str, int], ...],
        packets: Sequence[tuple[list[Any], list[int]]],
        time: bytes | datetime | None,
    ) -> GatheredRun | None:
        run, over = self._run, None
        if (
            run is None
            or event != run.first + run.count
            or alike != run.alike
            or run.nbytes >= RUN_BYTES
            or run.count >= RUN_RECORDS
        ):
            over, run = run, GatheredRun(event, alike)
            self._run = run
        run.add(packets, time)
        return over

    def take(self) -> GatheredRun | None:
        """What has been gathered and not been returned."""
        run, self._run = self._run, None
        return run


def gathered(records: Iterable[tuple[int, dict[str, Packet]]]) -> Iterator[RecordRun]:
    """Records that are made otherwise, as their events and streams."""
    gathering = Gathering()
    for event, streams in records:
        if (run := gathering.add(event, streams)) is not None:
            yield run
    if (run := gathering.take()) is not None:
        yield run
