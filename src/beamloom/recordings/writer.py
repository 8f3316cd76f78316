"""Writing a recording.

A recording is written beside its place under the name ``<name>.part`` and takes its own name when it is closed: a file with
a recording's name is whole. What a crashed writer leaves is a ``.part`` file that can be read up to its last whole record,
or continued.
"""

from __future__ import annotations

import gzip
import io
import os
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self, cast

from beamloom.errors import UsageError
from beamloom.recordings.format import (
    ARRAY,
    BYTES,
    MAP,
    RECORD_HEAD,
    SELF_DESCRIBED,
    Record,
    head,
    packet_head,
    time_item,
)
from beamloom.recordings.source import ItemSequence

BUFFER_SIZE = 1 << 20
"""Bytes gathered before they are written; a larger frame goes to the file directly, without another copy."""
LARGE_FRAME = 1 << 16
"""Bytes from which on a frame is not worth a copy to be written in one piece with the others."""
COMPRESSION_LEVEL = 1
"""An ingester compresses while the device sends: the fastest level."""


class RecordingExists(UsageError):
    """There is a recording of that name already."""


class RecordingWriter:
    """Writes records to ``path``; compressed when its name ends in ``.gz``.

    ``resume``: continue the recording of that name, finished or broken off, after its last whole record; for a process that
    is started again within a run. Otherwise nothing that exists is touched: RecordingExists.
    ``self_described``: open each record with tag 55799.

    As a context manager it closes at the end of the block; after an exception the file keeps its ``.part`` name.
    Raises OSError where the file cannot be written; after that, the writer takes no more records.
    """

    def __init__(self, path: str | Path, *, resume: bool = False, self_described: bool = True) -> None:
        self.path = Path(path)
        self.part = self.path.with_name(self.path.name + ".part")
        self.records = 0
        """Number of records written by this writer."""
        self._record_head = SELF_DESCRIBED + RECORD_HEAD if self_described else RECORD_HEAD
        self._heads = _PacketHeads()
        self._raw: BinaryIO = self._continue() if resume else self._create()
        self._file: BinaryIO = self._raw
        self._compressor: gzip.GzipFile | None = None
        if self.path.name.endswith(".gz"):
            self._compressor = gzip.GzipFile("", "wb", COMPRESSION_LEVEL, self._raw, mtime=0)
            self._file = cast(BinaryIO, io.BufferedWriter(cast(Any, self._compressor), BUFFER_SIZE))
        self._intact = True
        self._end = self.part.stat().st_size
        self._whole = self._end
        self._ends: list[int] = []
        """Where the records end that may not be in the file yet."""

    def write(self, record: Record) -> None:
        """Append one record. Frames are anything with the buffer protocol; they are not kept."""
        if not self._intact:
            raise OSError(
                f"{self.part} takes no more records: it is closed, or writing to it has failed before."
            )
        created_at = record.created_at
        pieces: list[Any] = [
            self._record_head,
            _SMALL_ARRAY[2 if created_at is None else 3],
            head(0, record.event_number),
            head(MAP, len(record.streams)),
        ]
        large = False
        for stream, packet in record.streams.items():
            frames = packet.frames
            pieces += (self._heads[stream, packet.typ], head(ARRAY, len(frames)))
            for frame in frames:
                if type(frame) is not bytes:
                    frame = _flat(frame)
                length = len(frame)
                large |= length >= LARGE_FRAME
                pieces += (head(BYTES, length), frame)
        if created_at is not None:
            pieces.append(time_item(created_at))
        self._intact = False
        if large:
            self._file.writelines(pieces)
        else:
            self._file.write(b"".join(pieces))
        self._intact = True
        self.records += 1
        self._end += sum(map(len, pieces))
        self._ends.append(self._end)

    def flush(self) -> None:
        """Hand what is gathered to the operating system: after this, killing the process loses none of it."""
        intact, self._intact = self._intact, False
        self._file.flush()
        if self._compressor is not None:
            self._compressor.flush()
        self._intact = intact
        self._whole = self._end
        self._ends.clear()

    def recover(self) -> int:
        """After writing has failed: go on behind the last record that is whole; returns how many of ``records`` are not in the file.

        Raises OSError as long as that cannot be, which is for good where the recording is compressed.
        """
        if self._compressor is not None:
            raise OSError(f"{self.part} is compressed and cannot be continued.")
        # What is in its buffer goes with it: a part of that is written already.
        with suppress(OSError):
            self._raw.close()
        size = self.part.stat().st_size
        before = len(self._ends)
        self._ends = [end for end in self._ends if end <= size]
        missing = before - len(self._ends)
        if self._ends:
            self._whole = self._ends[-1]
        os.truncate(self.part, self._whole)
        self._raw = self._file = self.part.open("ab", buffering=BUFFER_SIZE)
        self._end, self._ends, self._intact = self._whole, [], True
        self.records -= missing
        return missing

    def close(self) -> None:
        """Finish the file and give it its name. May be called twice."""
        if not self._raw.closed:
            self._finish()
            os.replace(self.part, self.path)

    def abandon(self) -> None:
        """Finish the file under its ``.part`` name: the recording is not whole. May be called twice."""
        if not self._raw.closed:
            self._finish()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            self.close()
        else:
            self.abandon()

    def _finish(self) -> None:
        self._intact = False
        try:
            if self._file is not self._raw:
                self._file.close()
        finally:
            self._raw.close()

    def _create(self) -> BinaryIO:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        if self.path.exists():
            raise RecordingExists(
                f"{self.path} exists already and is not overwritten; move it away or choose another name."
            )
        try:
            return self.part.open("xb", buffering=BUFFER_SIZE)
        except FileExistsError:
            raise RecordingExists(
                f"{self.part} is there already, left by a writer that crashed or still being written; "
                "move it away or choose another name."
            ) from None

    def _continue(self) -> BinaryIO:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        if self.path.exists() and not self.part.exists():
            os.replace(self.path, self.part)
        elif self.path.exists():
            raise RecordingExists(
                f"{self.path} and {self.part} are both there, so that it is unclear which of them to continue; "
                "move one away."
            )
        if self.part.exists():
            _drop_broken_tail(self.part)
        return self.part.open("ab", buffering=BUFFER_SIZE)


class _PacketHeads(dict[tuple[str, str], bytes]):
    """Packet heads by stream and type; each is made once."""

    def __missing__(self, key: tuple[str, str]) -> bytes:
        made = self[key] = packet_head(*key)
        return made


_SMALL_ARRAY = tuple(head(ARRAY, length) for length in range(4))


def _flat(frame: Any) -> memoryview:
    """The bytes of any buffer; copied only where they do not lie one after the other or are no plain numbers."""
    view = memoryview(frame)
    if not view.c_contiguous or len(view.format) > 1:
        return memoryview(view.tobytes())
    return view.cast("B") if view.nbytes else memoryview(b"")


def _drop_broken_tail(part: Path) -> None:
    """Leave only whole records in ``part``; a crash while doing so leaves either the old file or the new one."""
    with ItemSequence(part) as items:
        if items.compressed:
            _rewrite(part, items)
            return
        for _ in items:
            pass
    os.truncate(part, items.position)


def _rewrite(part: Path, items: ItemSequence) -> None:
    """A broken gzip member can be read but not continued."""
    rewritten = part.with_name(part.name + ".rewritten")
    with gzip.GzipFile(rewritten, "wb", COMPRESSION_LEVEL) as file:
        for item in items:
            file.write(item)
    os.replace(rewritten, part)
