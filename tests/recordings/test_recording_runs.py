"""Reading by columns, by heads and by the general decoder: all give the same records."""

from __future__ import annotations

import gzip
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import cbor2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from beamloom.events import Packet, frame_bytes, in_memory
from beamloom.recordings import finds, source, walk
from beamloom.recordings.finds import Finds
from beamloom.recordings.format import CorruptRecording, Record, decode_record
from beamloom.recordings.reader import RecordingReader
from beamloom.recordings.runs import AlikeRun, RecordRun, records_of
from beamloom.recordings.source import ItemSequence
from beamloom.recordings.writer import RecordingWriter

BEGAN = datetime(2026, 11, 21, 9, 30, 0, 250_000, UTC)

layouts = st.tuples(
    st.dictionaries(
        st.sampled_from(["xrd", "panda", "λ"]),
        st.tuples(st.sampled_from(["STINS", "PCAP"]), st.lists(st.integers(0, 90), max_size=3)),
        max_size=3,
    ),
    st.integers(1, 12),
    st.integers(1, 3),
    st.sampled_from([None, BEGAN, BEGAN.replace(microsecond=0)]),
)
"""Streams with the sizes of their frames, how many such records follow each other, the step from event to event, the time."""


def series(stretches: list[Any], first: int) -> Iterator[Record]:
    """Records of these layouts whose frames are all different."""
    event = first
    for streams, count, step, began in stretches:
        for _ in range(count):
            packets = {
                name: Packet(typ, [bytes([(event + place) % 256]) * size for place, size in enumerate(sizes)])
                for name, (typ, sizes) in streams.items()
            }
            moment = None if began is None else began + timedelta(seconds=event % 1000)
            yield Record(event, packets, moment)
            event += step


@pytest.fixture
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """Read in so small pieces that every record lies across a border, and pass over frames of some bytes already."""
    monkeypatch.setattr(source, "READ_SIZE", 256)
    monkeypatch.setattr(source, "HEADS_SIZE", 16)
    monkeypatch.setattr(walk, "LARGE_FRAME", 60)


@pytest.mark.usefixtures("small_pieces")
@given(
    stretches=st.lists(layouts, max_size=6),
    first=st.sampled_from([0, 20, 250, 65_530, 2**32 - 3]),
    self_described=st.booleans(),
    compressed=st.booleans(),
    cut=st.none() | st.integers(0, 2**20),
)
def test_the_records_are_those_of_the_general_decoder(
    stretches: list[Any], first: int, self_described: bool, compressed: bool, cut: int | None
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "any.cbors"
        with RecordingWriter(path, self_described=self_described) as writer:
            for record in series(stretches, first):
                writer.write(record)
        content = path.read_bytes()
        if cut is not None:
            content = content[: max(1, cut % (len(content) + 1))]
        path.write_bytes(gzip.compress(content) if compressed else content)

        with ItemSequence(path) as items:
            expected = [decode_record(item) for item in items]
            broken_off = items.broken_off
        reader = RecordingReader(path)
        assert list(reader) == expected
        assert (reader.truncation is not None) == broken_off
        if reader.truncation is not None:
            assert (reader.truncation.offset, reader.truncation.records) == (items.position, len(expected))
        runs = list(reader.runs())
        assert [(run.first + place) for run in runs for place in range(run.count)] == [
            record.event_number for record in expected
        ]
        at = 0
        for run in runs:
            at += run.count
            rows = run.rows()
            assert list(run.streams) == list(rows) == list(expected[at - 1].streams)
            for name, row in rows.items():
                last = row[run.count - 1]
                last.frames = in_memory(last.frames)
                assert run.packet(name, run.count - 1) == last == expected[at - 1].streams[name]
                assert run.packet(name, 0) == expected[at - run.count].streams[name]
                assert row.packet_sizes() == [
                    sum(map(frame_bytes, in_memory(packet.frames))) for packet in row
                ]
        kept = kept_of(reader)
        if kept is not None:
            assert [record for run in kept for record in records_of(run)] == expected


def kept_of(reader: RecordingReader) -> list[RecordRun] | None:
    found = Finds()
    for run in reader.runs():
        found.add(run)
    return found.runs


def test_a_long_recording_of_alike_records_is_kept_as_places(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "x.cbors"
    with RecordingWriter(path) as writer:
        for record in series([({"xrd": ("STINS", [100, 900])}, 5000, 1, BEGAN)], 1000):
            writer.write(record)
    kept = kept_of(RecordingReader(path))
    assert kept is not None
    assert [run.count for run in kept] == [2, 4998]
    lengths: list[int] = []
    read = source.HeldFile.read

    def noted(file: source.HeldFile, offset: int, length: int) -> bytes:
        lengths.append(length)
        return read(file, offset, length)

    monkeypatch.setattr(source.HeldFile, "read", noted)
    assert sum(1 for _ in records_of(kept[1])) == 4998
    # Once for the times, once for the frames, and never the whole file.
    assert sum(lengths) <= 2 * path.stat().st_size
    assert max(lengths) <= 1 << 20
    assert kept[1].packet("xrd", 4997) == list(RecordingReader(path))[4999].streams["xrd"]


def test_a_recording_is_not_kept_where_each_record_is_another_or_it_is_compressed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "x.cbors"
    with RecordingWriter(path) as writer:
        for event in range(200):
            writer.write(Record(event, {"xrd": Packet("STINS", [bytes(event)])}))
    assert kept_of(RecordingReader(path)) is not None
    monkeypatch.setattr(finds, "MOST_BYTES", 10_000)
    assert kept_of(RecordingReader(path)) is None
    monkeypatch.undo()
    path = tmp_path / "y.cbors"
    with RecordingWriter(path) as writer:
        for record in series([({"xrd": ("STINS", [20])}, 50, 1, BEGAN)], 1000):
            writer.write(record)
    path.write_bytes(gzip.compress(path.read_bytes()))
    assert kept_of(RecordingReader(path)) is None


def written(path: Path, *items: Any) -> Path:
    path.write_bytes(b"".join(cbor2.dumps(item) for item in items))
    return path


def test_what_is_written_otherwise_than_usual_is_read_all_the_same(tmp_path: Path) -> None:
    usual = cbor2.CBORTag(42877, [1, {"a": cbor2.CBORTag(42878, ["t", [b"x"]])}])
    path = tmp_path / "x.cbors"
    indefinite = bytes.fromhex("d9a77d 9f 02 bf 6161 d9a77e 82 6174 9f 5f 4178 4179 ff ff ff ff")
    wide = bytes.fromhex("d9a77d 82 1800 a1 6161 d9a77e 82 6174 9800")
    shifted = cbor2.CBORTag(42877, [3, {}, cbor2.CBORTag(0, "2026-11-21T10:30:00.1234567+01:00")])
    path.write_bytes(cbor2.dumps(usual) + indefinite + wide + cbor2.dumps(shifted) + cbor2.dumps(usual))
    read = list(RecordingReader(path))
    assert [record.event_number for record in read] == [1, 2, 0, 3, 1]
    assert read[1].streams == {"a": Packet("t", [b"xy"])}
    assert read[2].streams == {"a": Packet("t", [])}
    assert read[3].created_at == datetime(2026, 11, 21, 9, 30, 0, 123_456, UTC)


def test_records_of_one_layout_are_read_as_a_table(tmp_path: Path) -> None:
    with RecordingWriter(tmp_path / "x.cbors") as writer:
        for record in series([({"xrd": ("STINS", [20, 90])}, 500, 1, BEGAN)], 300):
            writer.write(record)
    runs = list(RecordingReader(tmp_path / "x.cbors").runs())
    tables = [run for run in runs if isinstance(run, AlikeRun)]
    assert sum(run.count for run in tables) == 498
    assert len(tables) <= 2


def test_events_that_do_not_follow_each_other_are_in_runs_of_their_own(tmp_path: Path) -> None:
    with RecordingWriter(tmp_path / "x.cbors") as writer:
        for record in series([({"xrd": ("STINS", [20])}, 4, 2, None)], 30):
            writer.write(record)
    assert [(run.first, run.count) for run in RecordingReader(tmp_path / "x.cbors").runs()] == [
        (30, 1),
        (32, 1),
        (34, 1),
        (36, 1),
    ]


def test_damage_behind_a_table_is_told_with_its_place(tmp_path: Path) -> None:
    path = tmp_path / "x.cbors"
    with RecordingWriter(path) as writer:
        for record in series([({"xrd": ("STINS", [20, 90])}, 50, 1, BEGAN)], 300):
            writer.write(record)
    end = path.stat().st_size
    path.write_bytes(path.read_bytes() + b"\xa1\x01\x02" + path.read_bytes())
    records = iter(RecordingReader(path))
    assert [next(records).event_number for _ in range(50)] == list(range(300, 350))
    with pytest.raises(CorruptRecording, match=f"damaged at byte {end}, after 50 records: it is a dict"):
        next(records)


def test_a_time_that_is_none_is_told_with_its_event(tmp_path: Path) -> None:
    path = tmp_path / "x.cbors"
    with RecordingWriter(path) as writer:
        for record in series([({"xrd": ("STINS", [20])}, 5, 1, BEGAN)], 300):
            writer.write(record)
    content = path.read_bytes()
    path.write_bytes(content.replace(b"2026-11-21T09:35:04", b"2026-99-21T09:35:04"))
    with pytest.raises(CorruptRecording, match=r"one of the events 30[0-9] to 304 has no readable time"):
        list(RecordingReader(path))


def test_frames_that_were_passed_over_can_be_read_when_the_file_is_closed(tmp_path: Path) -> None:
    path = tmp_path / "x.cbors"
    large = [bytes([number]) * (1 << 17) for number in range(3)]
    with RecordingWriter(path) as writer:
        for number, frame in enumerate(large):
            writer.write(Record(number, {"xrd": Packet("STINS", [b"{}", frame])}))
    (run,) = RecordingReader(path).runs()
    assert run.packet("xrd", 2).frames == [b"{}", large[2]]
    assert in_memory(packet.frames[1] for packet in run.rows()["xrd"]) == large


def test_a_file_that_becomes_shorter_while_it_is_read_is_told(tmp_path: Path) -> None:
    path = tmp_path / "x.cbors"
    with RecordingWriter(path) as writer:
        writer.write(Record(0, {"xrd": Packet("STINS", [bytes(1 << 17)])}))
    (run,) = RecordingReader(path).runs()
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(CorruptRecording, match="has become shorter while it was read"):
        list(records_of(run))
