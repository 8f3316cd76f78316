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
    decode_record,
)
from beamloom.recordings.pickled import is_pickle, read_pickled
from beamloom.recordings.source import ItemSequence

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
        with ItemSequence(self.path) as items:
            try:
                start = items.peek(len(RECORD_HEAD))
                self._pickled = is_pickle(start[:2])
                if not self._pickled:
                    _check_first(start, items)
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
        self.truncation = None
        return self._unpickle() if self._pickled else self._decode()

    def _decode(self) -> Iterator[Record]:
        with ItemSequence(self.path) as items:
            records = 0
            start = 0
            try:
                for item in items:
                    yield decode_record(item)
                    start = items.position
                    records += 1
            except ValueError as error:
                raise CorruptRecording(
                    f"{self.path} is damaged at byte {start}, after {records} records: {error}. "
                    "What precedes this place can be used."
                ) from error
            if items.broken_off:
                self._report(start, records)

    def _unpickle(self) -> Iterator[Record]:
        records = 0
        start = 0
        try:
            for record, end in read_pickled(self.path):
                yield record
                start = end
                records += 1
        except EOFError:
            self._report(start, records)
        except ValueError as error:
            raise CorruptRecording(
                f"{self.path} cannot be unpickled at byte {start}, after {records} records: {error}. "
                "Convert it with the version of dranspose that wrote it."
            ) from error

    def _report(self, offset: int, records: int) -> None:
        self.truncation = Truncation(self.path, offset, records)
        logger.warning("%s", self.truncation)


def _check_first(start: bytes, items: ItemSequence) -> None:
    """Raises ValueError with a phrase when ``items``, which begin with ``start``, cannot be records."""
    first = next(iter(items), None)
    if first is not None:
        decode_record(first)
    elif not any(tag.startswith(start[: len(tag)]) for tag in (SELF_DESCRIBED, RECORD_HEAD)):
        raise ValueError("it does not begin as one")
