"""The old pickled format, and files whose name lies about it."""

from __future__ import annotations

import gzip
import os
import pickle
import sys
import types
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pydantic
import pytest

from beamloom.events import Packet
from beamloom.recordings.format import CorruptRecording, NotARecording, Record
from beamloom.recordings.reader import RecordingReader
from beamloom.recordings.writer import RecordingWriter


class StreamData(pydantic.BaseModel):
    typ: str
    frames: list[bytes]


class InternalWorkerMessage(pydantic.BaseModel):
    event_number: int
    streams: dict[str, StreamData] = {}
    created_at: datetime


MOMENT = datetime(2024, 10, 28, 15, 2, 41, tzinfo=UTC)


@pytest.fixture
def old_classes(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The two classes under the names that dranspose's pickles refer to, while the pickles are made."""
    module = types.ModuleType("dranspose.event")
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "dranspose.event", module)
        for cls in (StreamData, InternalWorkerMessage):
            patch.setattr(cls, "__module__", "dranspose.event")
            setattr(module, cls.__name__, cls)
        yield


def pickled(count: int, protocol: int = 4) -> list[bytes]:
    return [
        pickle.dumps(
            InternalWorkerMessage(
                event_number=number,
                streams={"xrd": StreamData(typ="STINS", frames=[b"{}", bytes([number])])},
                created_at=MOMENT,
            ),
            protocol,
        )
        for number in range(count)
    ]


def expected(count: int) -> list[Record]:
    return [
        Record(number, {"xrd": Packet("STINS", [b"{}", bytes([number])])}, MOMENT) for number in range(count)
    ]


@pytest.mark.usefixtures("old_classes")
@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
@pytest.mark.parametrize("name", ["old.pkls", "old.pkls.gz"])
def test_pickled_records_are_read_when_that_is_allowed(tmp_path: Path, name: str, protocol: int) -> None:
    content = b"".join(pickled(3, protocol))
    path = tmp_path / name
    path.write_bytes(gzip.compress(content) if name.endswith("gz") else content)
    reader = RecordingReader(path, allow_pickle=True)
    assert list(reader) == expected(3)
    assert reader.truncation is None


@pytest.mark.usefixtures("old_classes")
def test_pickled_records_are_refused_unless_allowed(tmp_path: Path) -> None:
    path = tmp_path / "old.pkls"
    path.write_bytes(b"".join(pickled(1)))
    with pytest.raises(NotARecording, match="allow it with --allow-pickle"):
        RecordingReader(path)


@pytest.mark.usefixtures("old_classes")
def test_a_broken_off_pickle_gives_its_whole_records(tmp_path: Path) -> None:
    first, second = pickled(2)
    path = tmp_path / "old.pkls"
    for kept in (1, len(second) // 2, len(second) - 1):
        path.write_bytes(first + second[:kept])
        reader = RecordingReader(path, allow_pickle=True)
        assert list(reader) == expected(1)
        assert reader.truncation is not None
        assert reader.truncation.offset == len(first)


class Harmful:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, ("harm",)


def test_a_pickle_cannot_run_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "harmful.pkls"
    path.write_bytes(pickle.dumps(Harmful()))
    with pytest.raises(CorruptRecording, match=r"it holds a posix.mkdir, which is not part of a record"):
        list(RecordingReader(path, allow_pickle=True))
    assert not (tmp_path / "harm").exists()


def test_a_pickle_of_something_else_is_told(tmp_path: Path) -> None:
    path = tmp_path / "list.pkls"
    path.write_bytes(pickle.dumps([1, 2]))
    with pytest.raises(CorruptRecording, match="it holds a list instead of a record"):
        list(RecordingReader(path, allow_pickle=True))


def test_a_cbor_recording_named_pkls_is_read_as_what_it_is(tmp_path: Path) -> None:
    path = tmp_path / "trap.pkls"
    with RecordingWriter(path) as writer:
        writer.write(Record(0, {}))
    assert list(RecordingReader(path)) == [Record(0, {})]
