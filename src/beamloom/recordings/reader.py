"""Reading a recording to its end."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from beamloom.recordings.format import (
    RECORD_HEAD,
    SELF_DESCRIBED,
    CorruptRecording,
    NotARecording,
    Record,
)
from beamloom.recordings.found import next_record, runs_of
from beamloom.recordings.pickled import is_pickle, read_pickled
from beamloom.recordings.runs import Gathering, RecordRun, records_of
from beamloom.recordings.source import Content

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Truncation:
    """A recording that breaks off inside a record: its writer was killed, or the disk was full."""

    path: Path
    offset: int
    """Where the incomplete record starts, in bytes of the uncompressed content."""
    records: int
    """Number of whole records before it."""

    def __str__(self) -> str:
        return (
            f"{self.path} breaks off inside a record at byte {self.offset}; the {self.records} whole records before it "
            "were read."
        )


class RecordingReader:
    """The records of one file, in the order in which they were written.

    Compression and format are found from the content, never from the name: ``.gz`` files, the ``.part`` file of a crashed
    writer and a CBOR recording that somebody named ``.pkls`` are all read. Each iteration starts at the beginning and holds
    at most about a megabyte, or one record, in memory.

    ``allow_pickle``: also read the old format of pickled records, by an unpickler that knows records only.

    Raises NotARecording when the file is something else, FileNotFoundError when there is none; while iterating,
    CorruptRecording for an item that is not a record.
    """

    def __init__(self, path: str | Path, *, allow_pickle: bool = False) -> None:
        self.path = Path(path)
        self.truncation: Truncation | None = None
        """Set by an iteration that has come to the end of a recording that breaks off."""
        with Content(self.path) as content:
            try:
                start = content.peek(len(RECORD_HEAD))
                self._pickled = is_pickle(start[:2])
                if not self._pickled:
                    _check_first(start, content)
            except ValueError as error:
                raise NotARecording(
                    f"{self.path} is not a recording: {error}. Recordings are the .cbors files that ingesters write."
                ) from error
        if self._pickled and not allow_pickle:
            raise NotARecording(
                f"{self.path} holds pickled records, and unpickling a file can run code that is hidden in it; "
                "allow it with --allow-pickle (allow_pickle=True in Python) if you trust where the file comes from."
            )

    def __iter__(self) -> Iterator[Record]:
        for run in self.runs():
            try:
                yield from records_of(run)
            except ValueError as error:
                raise CorruptRecording(
                    f"{self.path} is damaged: one of the events {run.first} to {run.first + run.count - 1} has no readable time ({error}). "
                    "It can be replayed all the same."
                ) from error

    def runs(self) -> Iterator[RecordRun]:
        """The same records as runs of consecutive events, which is much faster where nobody wants them one by one."""
        self.truncation = None
        return self._unpickle() if self._pickled else self._decode()

    def _decode(self) -> Iterator[RecordRun]:
        with Content(self.path) as content:
            records = 0
            try:
                for run in runs_of(content):
                    records += run.count
                    yield run
            except ValueError as error:
                raise CorruptRecording(
                    f"{self.path} is damaged at byte {content.position}, after {records} records: {error}. "
                    "What precedes this place can be used."
                ) from error
            if content.broken_off:
                self._report(content.position, records)

    def _unpickle(self) -> Iterator[RecordRun]:
        records = 0
        start = 0
        gathering = Gathering()
        fault: EOFError | ValueError | None = None
        try:
            for record, end in read_pickled(self.path):
                if (run := gathering.add(record.event_number, record.streams, record.created_at)) is not None:
                    yield run
                start = end
                records += 1
        except (EOFError, ValueError) as error:
            fault = error
        if (run := gathering.take()) is not None:
            yield run
        if isinstance(fault, ValueError):
            raise CorruptRecording(
                f"{self.path} cannot be unpickled at byte {start}, after {records} records: {fault}. "
                "Convert it with the version of dranspose that wrote it."
            ) from fault
        if fault is not None:
            self._report(start, records)

    def _report(self, offset: int, records: int) -> None:
        self.truncation = Truncation(self.path, offset, records)
        logger.warning("%s", self.truncation)


def _check_first(start: bytes, content: Content) -> None:
    """Raises ValueError with a phrase when ``content``, which begins with ``start``, cannot be records."""
    if next_record(content, {}) is None and not any(
        tag.startswith(start[: len(tag)]) for tag in (SELF_DESCRIBED, RECORD_HEAD)
    ):
        raise ValueError("it does not begin as one")
