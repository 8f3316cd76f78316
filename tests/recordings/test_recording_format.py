"""The recording format, against real recordings and against the bytes that dranspose documents."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import cbor2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from beamloom.events import Packet
from beamloom.recordings.format import IncompleteItem, Record, decode_record, item_end
from beamloom.recordings.reader import RecordingReader
from beamloom.recordings.writer import RecordingWriter

GOLDEN = bytes.fromhex(
    "d9d9f7 d9a77d 83 03 a1 656569676572 d9a77e 82 655354494e53 82 427b7d 420102"
    "c0 781b 323032362d31312d32305432313a35323a31392e3739303931335a"
)
"""Event 3, stream eiger, frames ``{}`` and 01 02, with its time (facts of dranspose's format)."""
GOLDEN_RECORD = Record(
    3,
    {"eiger": Packet("STINS", [b"{}", b"\x01\x02"])},
    datetime(2026, 11, 20, 21, 52, 19, 790913, UTC),
)

REAL = {
    "recordings/dumporca-ingester-70b3ce40-6e3e-4931-8dbc-245334e26eae.cbors": ("orca", "STINS", 13),
    "recordings/dumppcap_rotRAW-ingester-70b3ce40-6e3e-4931-8dbc-245334e26eae.cbors": (
        "pcap_rot",
        "PCAP_RAW",
        13,
    ),
    "recordings/dumpsardana-ingester-70b3ce40-6e3e-4931-8dbc-245334e26eae.cbors": ("sardana", "sardana", 13),
    "captures/dump_xrd.cbors": ("xrd", "STINS", 11),
}

frames = st.lists(st.binary(max_size=300), max_size=4)
packets = st.builds(Packet, st.text(max_size=40), frames)
times = st.datetimes(
    timezones=st.sampled_from([UTC, timezone(timedelta(hours=1)), timezone(timedelta(hours=-9, minutes=-30))])
)
records = st.builds(
    Record,
    st.integers(0, 2**64 - 1),
    st.dictionaries(st.text(max_size=300), packets, max_size=4),
    st.none() | times,
)


def write(path: Path, *written: Record, self_described: bool = True) -> bytes:
    with RecordingWriter(path, self_described=self_described) as writer:
        for record in written:
            writer.write(record)
    return path.read_bytes()


@pytest.mark.parametrize("name", REAL)
def test_a_real_recording_is_read_to_its_end(shared_data: Path, name: str) -> None:
    stream, typ, count = REAL[name]
    reader = RecordingReader(shared_data / name)
    read = list(reader)
    assert [record.event_number for record in read] == list(range(count))
    assert {record.streams[stream].typ for record in read} == {typ}
    assert all(type(frame) is bytes for record in read for frame in record.streams[stream].frames)
    assert reader.truncation is None


@pytest.mark.parametrize("name", REAL)
def test_a_real_recording_that_is_written_again_has_the_same_bytes(
    shared_data: Path, tmp_path: Path, name: str
) -> None:
    original = shared_data / name
    self_described = original.read_bytes().startswith(b"\xd9\xd9\xf7")
    again = write(tmp_path / "again.cbors", *RecordingReader(original), self_described=self_described)
    assert again == original.read_bytes()


def test_a_record_with_its_time_has_the_bytes_that_dranspose_writes(tmp_path: Path) -> None:
    assert write(tmp_path / "one.cbors", GOLDEN_RECORD) == GOLDEN
    assert decode_record(GOLDEN) == GOLDEN_RECORD


def test_the_camera_of_the_real_recording_gives_its_frames_in_order(shared_data: Path) -> None:
    name = next(name for name in REAL if "orca" in name)
    records_ = list(RecordingReader(shared_data / name))
    headers = [json.loads(record.streams["orca"].frames[0]) for record in records_]
    assert headers[0]["htype"] == "header"
    assert headers[-1]["htype"] == "series_end"
    assert [header["frame"] for header in headers[1:-1]] == list(range(1, 12))


@given(record=records)
def test_what_is_written_is_what_cbor2_would_write_and_reads_the_same(
    record: Record, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("any") / "any.cbors"
    encoded = write(path, record)
    streams = {
        name: cbor2.CBORTag(42878, [packet.typ, list(packet.frames)])
        for name, packet in record.streams.items()
    }
    body: list[object] = [record.event_number, streams]
    if record.created_at is not None:
        body.append(record.created_at)
    assert encoded == cbor2.dumps(cbor2.CBORTag(55799, cbor2.CBORTag(42877, body)))
    assert list(RecordingReader(path)) == [record]


@given(record=records, cut=st.integers(min_value=0))
def test_the_end_of_an_item_is_found_or_known_to_be_missing(
    record: Record, cut: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    encoded = write(tmp_path_factory.mktemp("cut") / "any.cbors", record)
    assert item_end(encoded + b"\x01more", 0) == len(encoded)
    shorter = encoded[: cut % len(encoded)]
    with pytest.raises(IncompleteItem) as caught:
        item_end(shorter, 0)
    assert len(shorter) < caught.value.needed <= len(encoded)


def test_items_of_indefinite_length_end_where_their_break_stands() -> None:
    item = bytes.fromhex("9f 5f 4101 4102 ff bf 6161 9f 01 ff ff 82 f9 7e00 f6 ff")
    assert cbor2.loads(item) is not None
    assert item_end(item + b"\x00", 0) == len(item)


def test_a_byte_that_starts_no_item_is_named() -> None:
    with pytest.raises(ValueError, match="0x1c at 1 does not start a CBOR item"):
        item_end(b"\x82\x1c\x00", 0)
    with pytest.raises(ValueError, match="0xff at 0"):
        item_end(b"\xff", 0)


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        (cbor2.CBORTag(42877, [1]), "holds an array of 1 items instead of an event number"),
        (cbor2.CBORTag(42877, ["1", {}]), "it has a str where the event number belongs"),
        (cbor2.CBORTag(42877, [1, []]), "where the streams belong"),
        (cbor2.CBORTag(42877, [1, {"a": [b"x"]}]), "its stream 'a' is an array of byte strings"),
        (cbor2.CBORTag(42877, [1, {"a": cbor2.CBORTag(42878, ["t", ["x"]])}]), "instead of a packet"),
        (cbor2.CBORTag(42877, [1, {}, 5]), "it has a int where the time belongs"),
        ([b"x"], "an array of byte strings \\(a raw capture of a device's messages\\)"),
        (cbor2.CBORTag(7, 1), "an item with the tag 7"),
    ],
)
def test_what_is_no_record_is_described(value: object, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        decode_record(cbor2.dumps(value))


def test_a_time_without_zone_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="needs a time zone"):
        write(tmp_path / "x.cbors", Record(0, {}, datetime(2026, 1, 1)))  # noqa: DTZ001
