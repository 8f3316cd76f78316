"""A recording is read while it is written: to where it has come, and further on when it has grown."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from beamloom.errors import UsageError
from beamloom.events import Packet
from beamloom.recordings import Record, RecordingWriter
from beamloom.recordings.growing import QUIET_SECONDS, GrowingRecording
from beamloom.recordings.runs import RecordRun, records_of

LARGE = 200_000


def records(first: int, stop: int, size: int = 8) -> list[Record]:
    return [Record(event, {"a": Packet("plain", [bytes([event]) * size])}) for event in range(first, stop)]


def write(writer: RecordingWriter, some: list[Record]) -> None:
    for record in some:
        writer.write(record)
    writer.flush()


def events(found: Iterator[RecordRun | None]) -> list[int]:
    """The events up to where there are no more at this moment."""
    read: list[int] = []
    for run in found:
        if run is None:
            break
        for record in records_of(run):
            (frame,) = record.streams["a"].frames
            assert bytes(frame) == bytes([record.event_number]) * len(frame)
            read.append(record.event_number)
    return read


@pytest.mark.parametrize("size", [8, LARGE])
def test_what_is_written_later_is_read_later_under_whatever_name(tmp_path: Path, size: int) -> None:
    over = False
    writer = RecordingWriter(tmp_path / "a.cbors")
    found = GrowingRecording(writer.part, lambda: over).runs()
    assert events(found) == []
    write(writer, records(0, 5, size))
    assert events(found) == [0, 1, 2, 3, 4]
    assert events(found) == []
    write(writer, records(5, 6, size))
    assert events(found) == [5]
    write(writer, records(6, 9, size))
    writer.close()
    over = True
    assert events(found) == [6, 7, 8]
    assert events(found) == []
    assert next(found, "over") == "over"


def test_half_a_record_waits_for_its_other_half(tmp_path: Path) -> None:
    with RecordingWriter(tmp_path / "whole.cbors") as writer:
        write(writer, records(0, 4))
    content = (tmp_path / "whole.cbors").read_bytes()
    path = tmp_path / "grows.cbors.part"
    for cut in range(0, len(content), 7):
        path.write_bytes(content[:cut])
        found = GrowingRecording(path, lambda: False).runs()
        read = events(found)
        with path.open("ab") as file:
            file.write(content[cut:])
        assert [*read, *events(found)] == [0, 1, 2, 3]
        found.close()  # type: ignore[attr-defined]


def test_one_that_never_gets_its_name_is_over_when_it_has_not_grown_for_a_while(tmp_path: Path) -> None:
    now = 0.0
    with RecordingWriter(tmp_path / "a.cbors") as writer:
        write(writer, records(0, 2))
        found = GrowingRecording(writer.part, lambda: True, lambda: now).runs()
        assert events(found) == [0, 1]
        assert next(found) is None
        now = QUIET_SECONDS + 1
        assert next(found, "over") == "over"


def test_a_compressed_one_is_refused(tmp_path: Path) -> None:
    with RecordingWriter(tmp_path / "a.cbors.gz") as writer:
        write(writer, records(0, 2))
    with pytest.raises(UsageError, match="wait until the run has ended"):
        next(GrowingRecording(tmp_path / "a.cbors.gz", lambda: False).runs())
