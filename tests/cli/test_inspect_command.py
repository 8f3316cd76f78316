"""The command that shows what is in a file: real recordings and captures, broken ones, foreign ones."""

from __future__ import annotations

import gzip
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import cbor2
import pytest

from beamloom.cli import main
from beamloom.devices import pcap, stins
from beamloom.devices.captures import write_capture
from beamloom.devices.registry import find_device
from beamloom.recordings import RecordingNames, write_mapping
from beamloom.recordings.format import TAG_PACKET, TAG_RECORD, TAG_SELF_DESCRIBED

RUN = "70b3ce40-6e3e-4931-8dbc-245334e26eae"
BEGUN = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def record(number: int, streams: dict[str, tuple[str, list[bytes]]]) -> bytes:
    """One record, 10 a second."""
    packets = {name: cbor2.CBORTag(TAG_PACKET, [typ, frames]) for name, (typ, frames) in streams.items()}
    moment = cbor2.CBORTag(0, (BEGUN + timedelta(seconds=number / 10)).isoformat())
    inner = cbor2.CBORTag(TAG_RECORD, [number, packets, moment])
    return cbor2.dumps(cbor2.CBORTag(TAG_SELF_DESCRIBED, inner))


def rows(shown: str) -> list[list[str]]:
    """The cells of the tables, without their headings."""
    lines = [line for line in shown.splitlines() if line.startswith("  ")]
    cells = [[cell.strip() for cell in line.split("  ") if cell.strip()] for line in lines]
    return [row for row in cells if len(row) == 7 and row[0] != "stream"]


def test_a_real_recording_shows_its_streams(shared_data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = sorted(map(str, (shared_data / "recordings").glob("*.cbors")))
    assert main(["inspect", *files]) == 0
    shown = capsys.readouterr().out
    assert [row[:5] for row in rows(shown)] == [
        ["orca", "STINS", "13", "0-12", "none"],
        ["pcap_rot", "PCAP_RAW", "13", "0-12", "none"],
        ["sardana", "sardana", "13", "0-12", "none"],
    ]
    assert rows(shown)[0][6] == "4×128 uint16 none"
    assert shown.count(f"run {RUN}; beside it: no map, no parameters") == 3
    assert "recording, 13 records" in shown


@pytest.mark.parametrize(
    ("name", "device", "packets", "first"),
    [
        ("albaem-dump.cbors", "albaem", 6, "version, message_type"),
        ("contrast-dump.cbors", "contrast", 22, "pseudo.x 1 float64"),
        ("eiger-small.cbors", "dectris_v1", 5, "unreadable: the blob of"),
        ("maui-02-sequential-3.cbor.gz", "lecroy", 4, ""),
        ("pcap-zmq.cbors", "pcap", 1502, "message_id"),
        ("xspress3-dump.cbors", "xspress3", 22, "4×4096 uint32"),
        ("xspress3-multipart.cbors", "xspress3", 7, "4×4096 uint32"),
        ("xspress3mini-dump20.cbors", "xspress3", 24, "2×4096 uint32"),
    ],
)
def test_the_device_of_a_real_capture_is_recognised(
    name: str,
    device: str,
    packets: int,
    first: str,
    shared_data: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["inspect", str(shared_data / "captures" / name)]) == 0
    [row] = rows(capsys.readouterr().out)
    assert (row[0], row[2]) == (device, str(packets))
    assert row[6].startswith(first)


def test_rows_of_a_pandabox_are_read_by_the_header_that_came_before_them(
    shared_data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    [file] = (shared_data / "recordings").glob("dumppcap_rot*.cbors")
    assert main(["inspect", str(file)]) == 0
    [row] = rows(capsys.readouterr().out)
    assert row[1:4] == ["PCAP_RAW", "13", "0-12"]
    assert row[6] == "arm_time, values, columns"


def test_a_recording_shows_its_gaps_its_rate_and_the_map_beside_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    names = RecordingNames(f"{tmp_path}/scan_", RUN)
    images = list(stins.generate(frames=30, shape=(3, 5), compression="bslz4"))
    frames = {number: message for number, message in enumerate(images) if number not in (7, 8, 20)}
    file = names.packets("ingester")
    file.write_bytes(b"".join(record(n, {"camera": ("STINS", f)}) for n, f in frames.items()))
    write_mapping(names, b"{}")
    assert main(["inspect", str(file)]) == 0
    shown = capsys.readouterr().out
    [row] = rows(shown)
    assert row[3:5] == ["0-31", "3 missing (7-8, 20)"]
    assert row[6] == "3×5 uint16 bslz4"
    assert f"map scan_mapping-{RUN}.json" in shown
    assert "2026-01-02 03:04:05 UTC to 03:04:08, 3.1 s" in shown


def test_a_recording_that_breaks_off_shows_its_whole_records_and_says_so_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = b"".join(record(number, {"a": ("STINS", [b"{}"])}) for number in range(5))
    file = tmp_path / "broken.cbors"
    file.write_bytes(whole[:-3])
    assert main(["inspect", str(file)]) == 1
    captured = capsys.readouterr()
    assert [row[:4] for row in rows(captured.out)] == [["a", "STINS", "4", "0-3"]]
    assert captured.out.count("breaks off inside a record") == 1
    assert captured.err == ""


@pytest.mark.parametrize("ending", ["", ".gz"])
def test_a_capture_that_breaks_off_shows_its_whole_messages(
    ending: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / f"some.cbors{ending}"
    write_capture(tmp_path / "whole.cbors", stins.generate(frames=4))
    cut = (tmp_path / "whole.cbors").read_bytes()[:-3]
    file.write_bytes(gzip.compress(cut) if ending else cut)
    assert main(["inspect", str(file)]) == 1
    shown = capsys.readouterr().out
    assert [row[:4] for row in rows(shown)] == [["stins", "STINS", "5", "1-4"]]
    assert "cannot be read past message 5" in shown


def test_numbers_that_are_missing_in_a_capture_are_shown(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    messages = list(stins.generate(frames=20))
    write_capture(tmp_path / "some.cbors", messages[:5] + messages[6:])
    assert main(["inspect", str(tmp_path / "some.cbors")]) == 0
    [row] = rows(capsys.readouterr().out)
    assert row[3:5] == ["1-21", "1 missing (5)"]  # the end has a number too


def test_what_no_device_has_sent_is_counted_all_the_same(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_capture(tmp_path / "some.cbors", [[b"\xffnothing"], [b"\xffknown"]])
    assert main(["inspect", str(tmp_path / "some.cbors")]) == 0
    shown = capsys.readouterr().out
    assert "capture, 2 messages, 14 B" in shown
    assert "no installed device can read these messages" in shown


def test_a_file_that_cannot_be_read_does_not_hide_the_others(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "foreign.txt").write_text("something else")
    write_capture(tmp_path / "good.cbors", pcap.generate(rows=10))
    files = [str(tmp_path / name) for name in ("foreign.txt", "absent.cbors", "good.cbors")]
    assert main(["inspect", *files, str(tmp_path)]) == 2
    captured = capsys.readouterr()
    assert [row[0] for row in rows(captured.out)] == ["pcap"]
    said = captured.err.splitlines()
    assert "is not a recording" in said[0]
    assert "No such file" in said[1]
    assert "is a folder" in said[2]


def test_the_device_of_a_capture_can_be_given(
    shared_data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = shutil.copy(shared_data / "captures" / "albaem-dump.cbors", tmp_path / "a.cbors")
    assert main(["inspect", str(file), "--device", "pcap"]) == 0
    assert [row[0] for row in rows(capsys.readouterr().out)] == ["pcap"]
    assert main(["inspect", str(file), "--device", find_device("contrast").name]) == 2
    assert "nothing that the device 'contrast' can read" in capsys.readouterr().err
    assert main(["inspect", str(file), "--device", "contrst"]) == 2
    assert "did you mean 'contrast'" in capsys.readouterr().err
