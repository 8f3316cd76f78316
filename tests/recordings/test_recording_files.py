"""Recordings as files: temporary names, compression, broken-off and damaged files, other kinds of file."""

from __future__ import annotations

import gzip
import itertools
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import zmq

from beamloom.events import Packet
from beamloom.recordings.format import CorruptRecording, NotARecording, Record
from beamloom.recordings.reader import RecordingReader
from beamloom.recordings.writer import RecordingExists, RecordingWriter

NAMES = ("scan.cbors", "scan.cbors.gz")


def series(count: int, start: int = 0) -> Iterator[Record]:
    for number in range(start, start + count):
        image = np.full(1000, number, dtype="<u2").tobytes()
        yield Record(number, {"eiger": Packet("STINS", [b'{"frame": %d}' % number, image])})


def numbers(path: Path) -> list[int]:
    return [record.event_number for record in RecordingReader(path)]


def write(path: Path, count: int) -> Path:
    with RecordingWriter(path) as writer:
        for record in series(count):
            writer.write(record)
    return path


@pytest.mark.parametrize("name", NAMES)
def test_a_recording_has_its_name_only_when_it_is_whole(tmp_path: Path, name: str) -> None:
    with RecordingWriter(tmp_path / name) as writer:
        for record in series(5):
            writer.write(record)
        assert os.listdir(tmp_path) == [name + ".part"]
    assert os.listdir(tmp_path) == [name]
    assert list(RecordingReader(tmp_path / name)) == list(series(5))


def test_only_a_name_that_ends_in_gz_is_compressed(tmp_path: Path) -> None:
    plain, compressed = (write(tmp_path / name, 3) for name in NAMES)
    assert gzip.decompress(compressed.read_bytes()) == plain.read_bytes()


@pytest.mark.parametrize("name", NAMES)
def test_an_exception_leaves_the_part_file_readable(tmp_path: Path, name: str) -> None:
    def record_until_the_beam_is_lost() -> None:
        with RecordingWriter(tmp_path / name) as writer:
            for record in series(4):
                writer.write(record)
            raise RuntimeError("beam lost")

    with pytest.raises(RuntimeError, match="beam lost"):
        record_until_the_beam_is_lost()
    assert os.listdir(tmp_path) == [name + ".part"]
    assert numbers(tmp_path / (name + ".part")) == [0, 1, 2, 3]


KILLED = """
import sys
from pathlib import Path
from beamloom.events import Packet
from beamloom.recordings.format import Record
from beamloom.recordings.writer import RecordingWriter
writer = RecordingWriter(Path(sys.argv[1]))
for number in range(10):
    writer.write(Record(number, {"eiger": Packet("STINS", [bytes(3000)])}))
writer.flush()
print("flushed", flush=True)
number = 10
while True:
    writer.write(Record(number, {"eiger": Packet("STINS", [bytes(3000)])}))
"""


@pytest.mark.parametrize("name", NAMES)
def test_a_killed_writer_leaves_all_that_it_has_flushed(tmp_path: Path, name: str) -> None:
    process = subprocess.Popen([sys.executable, "-c", KILLED, tmp_path / name], stdout=subprocess.PIPE)
    with process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"flushed\n"
        process.send_signal(signal.SIGKILL)
    read = numbers(tmp_path / (name + ".part"))
    assert read[:10] == list(range(10))

    with RecordingWriter(tmp_path / name, resume=True) as writer:
        writer.write(Record(77, {}))
    assert numbers(tmp_path / name) == [*read, 77]


def test_a_recording_cut_anywhere_gives_its_whole_records_and_says_where_it_breaks_off(
    tmp_path: Path,
) -> None:
    whole = write(tmp_path / "whole.cbors", 3).read_bytes()
    ends = [len(whole) * part // 3 for part in range(4)]
    cut = tmp_path / "cut.cbors"
    for length in {*range(ends[2] - 5, len(whole), 97), *range(1, 40), *ends[1:]}:
        cut.write_bytes(whole[:length])
        reader = RecordingReader(cut)
        read = list(reader)
        complete = sum(end <= length for end in ends[1:])
        assert read == list(series(complete))
        if length in ends:
            assert reader.truncation is None
        else:
            assert reader.truncation is not None
            assert (reader.truncation.offset, reader.truncation.records) == (ends[complete], complete)
            assert f"breaks off inside a record at byte {ends[complete]}" in str(reader.truncation)


def test_a_compressed_recording_cut_anywhere_gives_what_is_whole_and_says_that_it_breaks_off(
    tmp_path: Path,
) -> None:
    whole = write(tmp_path / "whole.cbors.gz", 200).read_bytes()
    cut = tmp_path / "cut.cbors.gz"
    counts = []
    for length in (20, len(whole) // 2, len(whole) - 9, len(whole) - 1):
        cut.write_bytes(whole[:length])
        reader = RecordingReader(cut)
        counts.append(len(list(reader)))
        assert reader.truncation is not None, length
    assert 0 < counts[1] < 200
    assert counts[2:] == [200, 200]
    assert counts == sorted(counts)


@pytest.mark.parametrize("name", NAMES)
def test_a_finished_recording_is_continued_on_request_only(tmp_path: Path, name: str) -> None:
    path = write(tmp_path / name, 3)
    with pytest.raises(RecordingExists, match="exists already and is not overwritten"):
        RecordingWriter(path)
    with RecordingWriter(path, resume=True) as writer:
        for record in series(2, start=3):
            writer.write(record)
    assert numbers(path) == [0, 1, 2, 3, 4]
    assert os.listdir(tmp_path) == [name]


@pytest.mark.parametrize("name", NAMES)
def test_a_broken_off_recording_is_continued_after_its_last_whole_record(tmp_path: Path, name: str) -> None:
    part = tmp_path / (name + ".part")
    path = write(tmp_path / name, 300)
    part.write_bytes(path.read_bytes()[:-200])
    path.unlink()
    kept = len(numbers(part))
    with pytest.raises(RecordingExists, match="left by a writer that crashed"):
        RecordingWriter(path)
    with RecordingWriter(path, resume=True) as writer:
        writer.write(Record(1000, {}))
    reader = RecordingReader(path)
    assert [record.event_number for record in reader] == [*range(kept), 1000]
    assert reader.truncation is None


def test_resume_starts_a_recording_where_there_is_none(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "new.cbors"
    with RecordingWriter(path, resume=True) as writer:
        writer.write(Record(1, {}))
    assert numbers(path) == [1]


def test_a_closed_writer_takes_no_more(tmp_path: Path) -> None:
    writer = RecordingWriter(tmp_path / "x.cbors")
    writer.close()
    writer.close()
    writer.abandon()
    with pytest.raises(OSError, match="takes no more records"):
        writer.write(Record(0, {}))


@pytest.fixture
def small_disk() -> Iterator[None]:
    """No file may become larger than 100 kB."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.usefixtures("small_disk")
def test_a_full_disk_is_told_and_no_record_follows_the_broken_one(tmp_path: Path) -> None:
    writer = RecordingWriter(tmp_path / "x.cbors")
    large = Record(0, {"eiger": Packet("STINS", [bytes(2 << 20)])})
    with pytest.raises(OSError, match="File too large"):
        writer.write(large)
    with pytest.raises(OSError, match="writing to it has failed before"):
        writer.write(large)
    writer.abandon()
    assert os.listdir(tmp_path) == ["x.cbors.part"]
    reader = RecordingReader(tmp_path / "x.cbors.part")
    assert list(reader) == []
    assert reader.truncation is not None


def test_frames_of_every_kind_of_buffer_are_written_as_their_bytes(tmp_path: Path) -> None:
    image = np.arange(12, dtype=">u2").reshape(3, 4)
    buffers = [
        bytearray(b"ab"),
        memoryview(b"cd"),
        image,
        image[:, ::2],
        np.zeros((0, 5)),
        zmq.Frame(b"zmq"),
        memoryview(bytes(200_000)),
    ]
    with RecordingWriter(tmp_path / "x.cbors") as writer:
        writer.write(Record(0, {"s": Packet("t", buffers)}))
    (record,) = RecordingReader(tmp_path / "x.cbors")
    expected = [b"ab", b"cd", image.tobytes(), image[:, ::2].tobytes(), b"", b"zmq", bytes(200_000)]
    assert record.streams["s"].frames == expected


def test_records_larger_than_a_read_are_put_together(tmp_path: Path) -> None:
    image = np.random.default_rng(1).integers(0, 255, 3 << 20, dtype=np.uint8).tobytes()
    for name in NAMES:
        with RecordingWriter(tmp_path / name) as writer:
            for number in range(3):
                writer.write(Record(number, {"eiger": Packet("STINS", [b"{}", image])}))
        read = list(RecordingReader(tmp_path / name))
        assert [record.event_number for record in read] == [0, 1, 2]
        assert all(record.streams["eiger"].frames[1] == image for record in read)


def test_reading_is_lazy_and_can_start_over(tmp_path: Path) -> None:
    reader = RecordingReader(write(tmp_path / "x.cbors", 10))
    iterator = iter(reader)
    assert [record.event_number for record in itertools.islice(iterator, 2)] == [0, 1]
    iterator.close()  # type: ignore[attr-defined]
    assert len(list(reader)) == 10
    assert len(list(reader)) == 10


def test_an_empty_file_is_a_recording_without_records(tmp_path: Path) -> None:
    for name in NAMES:
        with RecordingWriter(tmp_path / name):
            pass
        reader = RecordingReader(tmp_path / name)
        assert list(reader) == []
        assert reader.truncation is None


def test_a_raw_capture_is_recognised_and_refused(shared_data: Path) -> None:
    with pytest.raises(
        NotARecording, match="not a recording: it is an array of byte strings \\(a raw capture"
    ):
        RecordingReader(shared_data / "captures" / "contrast-dump.cbors")


@pytest.mark.parametrize(
    "content",
    [b"\x89HDF\r\n\x1a\n" + bytes(100), b'{"a": 1}', b"name: x\n", b"\x1f\x8bnot gzip after all", b"\xff"],
)
def test_another_kind_of_file_is_refused_with_a_sentence(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "other.cbors"
    path.write_bytes(content)
    with pytest.raises(NotARecording) as caught:
        list(RecordingReader(path))
    assert str(path) in str(caught.value)


def test_damage_in_the_middle_is_told_with_its_place(tmp_path: Path) -> None:
    path = write(tmp_path / "x.cbors", 2)
    end = path.stat().st_size
    path.write_bytes(path.read_bytes() + b"\xa1\x01\x02" + path.read_bytes())
    records = iter(RecordingReader(path))
    assert [next(records).event_number, next(records).event_number] == [0, 1]
    with pytest.raises(CorruptRecording, match=f"damaged at byte {end}, after 2 records: it is a dict"):
        next(records)


def test_a_missing_file_stays_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        RecordingReader(tmp_path / "none.cbors")
