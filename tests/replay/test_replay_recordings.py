"""Recordings without a trigger map beside them: everything in them is replayed."""

from __future__ import annotations

import gzip
import json
import os
import shutil
from pathlib import Path

import pytest

from beamloom import Event, Packet
from beamloom.errors import UsageError
from beamloom.recordings import CorruptRecording, NotARecording, Record, RecordingReader, RecordingWriter
from beamloom.replay import replay
from replay.material import RUN, Echo, Gather, deliveries, seen, write, write_run


def test_a_real_recording_of_three_streams_is_woven_into_events(shared_data: Path) -> None:
    files = sorted((shared_data / "recordings").glob("*.cbors"))
    report = replay(Echo, Gather, files)

    assert (report.counts.total, report.counts.reduced) == (13, 13)
    recorded = {record.event_number: record.streams for path in files for record in RecordingReader(path)}
    assert sorted(recorded) == list(range(13))
    for _, _, payload in deliveries(report):
        assert payload.keys() == {"orca", "pcap_rot", "sardana"}
    frames = {
        (record.event_number, stream): packet.frames[-1]
        for path in files
        for record in RecordingReader(path)
        for stream, packet in record.streams.items()
    }
    assert {(e, s): frame for e, _, payload in deliveries(report) for s, frame in payload.items()} == frames


def test_the_first_event_and_the_one_that_closes_the_series_go_to_all_workers_and_the_others_to_one(
    shared_data: Path,
) -> None:
    report = replay(Echo, Gather, [shared_data / "captures" / "dump_xrd.cbors"], workers=3)

    workers = seen(report)
    assert list(workers) == list(range(11))
    assert workers[0] == workers[10] == [f"replay-worker-{number}" for number in range(3)]
    assert all(len(workers[event]) == 1 for event in range(1, 10))


def test_without_a_parser_the_last_event_is_one_like_the_others(tmp_path: Path) -> None:
    workers = seen(replay(Echo, Gather, [write(tmp_path / "a.cbors", {"a": range(5)})]))
    assert [len(some) for some in workers.values()] == [2, 1, 1, 1, 1]


def test_all_workers_take_part(tmp_path: Path) -> None:
    workers = seen(replay(Echo, Gather, [write(tmp_path / "a.cbors", {"a": range(300)})], workers=3))
    assert all(len(some) == 1 for event, some in workers.items() if event)
    assert len({some[0] for event, some in workers.items() if event}) == 3


def test_one_worker_gets_everything(tmp_path: Path) -> None:
    report = replay(Echo, Gather, [write(tmp_path / "a.cbors", {"a": range(100)})], workers=1)
    assert [event for event, _, _ in deliveries(report)] == list(range(100))


def test_files_of_different_length_are_read_to_their_ends(tmp_path: Path) -> None:
    short = write(tmp_path / "short.cbors", {"short": range(3)})
    long = write(tmp_path / "long.cbors", {"long": range(2000)})

    report = replay(Echo, Gather, [short, long])

    streams = {event: sorted(payload) for event, _, payload in deliveries(report)}
    assert streams == {event: ["long", "short"] if event < 3 else ["long"] for event in range(2000)}
    assert report.counts.reduced == 2000


def test_a_stream_may_be_sparse_and_an_event_empty(tmp_path: Path) -> None:
    report = replay(Echo, Gather, [write(tmp_path / "a.cbors", {"fast": [0, 1, 2, 5, 6], "slow": [2, 6]})])
    streams = {event: sorted(payload) for event, _, payload in deliveries(report)}
    assert streams == {0: ["fast"], 1: ["fast"], 2: ["fast", "slow"], 5: ["fast"], 6: ["fast", "slow"]}
    assert (report.counts.total, report.counts.lost) == (7, 0)


def test_the_files_of_a_stream_are_put_in_order(tmp_path: Path) -> None:
    second = write(tmp_path / "1.cbors", {"a": range(4, 9)})
    first = write(tmp_path / "2.cbors", {"a": range(4)})
    report = replay(Echo, Gather, [second, first], workers=1)
    assert [event for event, _, _ in deliveries(report)] == list(range(9))
    assert report.remarks == []


def test_a_file_that_is_named_twice_counts_once(tmp_path: Path) -> None:
    path = write(tmp_path / "a.cbors", {"a": range(4)})
    assert replay(Echo, Gather, [path, path]).remarks == []


def test_of_several_runs_in_one_file_the_first_is_replayed_and_the_rest_is_told(tmp_path: Path) -> None:
    first, second = write(tmp_path / "1", {"a": range(4)}), write(tmp_path / "2", {"a": range(3)})
    both = tmp_path / "both.cbors"
    both.write_bytes(first.read_bytes() + second.read_bytes())

    report = replay(Echo, Gather, [both], workers=1)

    assert [event for event, _, _ in deliveries(report)] == [0, 1, 2, 3]
    assert report.remarks == [
        "3 packets of stream 'a' left out: their events are not in the trigger map, or came a second time "
        "because the file holds several runs"
    ]


def test_compressed_recordings_are_read(shared_data: Path, tmp_path: Path) -> None:
    plain = shared_data / "captures" / "dump_xrd.cbors"
    packed = tmp_path / "dump_xrd.cbors.gz"
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    assert deliveries(replay(Echo, Gather, [packed])) == deliveries(replay(Echo, Gather, [plain]))


def test_what_a_killed_writer_left_is_replayed_up_to_its_last_record_and_that_is_said(
    shared_data: Path, tmp_path: Path
) -> None:
    whole = (shared_data / "captures" / "dump_xrd.cbors").read_bytes()
    part = tmp_path / "dump_xrd.cbors.part"
    part.write_bytes(whole[:-10])

    report = replay(Echo, Gather, [part], workers=1)

    assert [event for event, _, _ in deliveries(report)] == list(range(10))
    assert len(report.remarks) == 1
    assert "dump_xrd.cbors.part breaks off inside a record" in report.remarks[0]
    assert "the 10 whole records before it were read" in report.remarks[0]
    with pytest.raises(
        UsageError, match=r"there is no recording .*xrd.cbors, only .*xrd.cbors.part: name that one"
    ):
        replay(Echo, Gather, [tmp_path / "dump_xrd.cbors"])


def test_recordings_of_two_runs_do_not_belong_together(tmp_path: Path) -> None:
    other = RUN.replace("7", "8")
    files = [write(tmp_path / f"{run}-{run}.cbors", {"a": range(3)}) for run in (RUN, other)]
    with pytest.raises(
        UsageError, match=f"of 2 different runs \\({RUN}, {other}\\); name the files of one run"
    ):
        replay(Echo, Gather, files)


def test_a_file_without_a_run_in_its_name_goes_with_any_run(tmp_path: Path) -> None:
    files = write_run(tmp_path, {"a": range(3)})
    shutil.copy(write(tmp_path / "b.cbors", {"b": range(3)}), tmp_path / "copy.cbors")
    report = replay(Echo, Gather, [tmp_path / "copy.cbors", *files])
    assert {stream for _, _, payload in deliveries(report) for stream in payload} == {"a", "b"}


def test_what_is_no_recording_is_refused_in_a_sentence(tmp_path: Path) -> None:
    empty = tmp_path / "empty.cbors"
    empty.touch()
    text = tmp_path / "mapping.json"
    text.write_text(json.dumps({"a": 1}))
    write(tmp_path / "scan.cbors", {"a": range(3)})
    negative = write(tmp_path / "negative.cbors", {"a": range(3)})
    negative.write_bytes(negative.read_bytes().replace(b"\x83\x00\xa1", b"\x83\x20\xa1"))

    with pytest.raises(
        UsageError, match=r"nothing to replay: .*empty.cbors held no packets; name other recordings"
    ):
        replay(Echo, Gather, [empty])
    with pytest.raises(NotARecording, match="is not a recording"):
        replay(Echo, Gather, [text])
    with pytest.raises(
        UsageError, match=r"there is no recording .*scam.cbors \(did you mean 'scan.cbors'\?\)"
    ):
        replay(Echo, Gather, [tmp_path / "scam.cbors"])
    with pytest.raises(UsageError, match="is a folder; name the recordings in it"):
        replay(Echo, Gather, [tmp_path])
    with pytest.raises(UsageError, match="has an event -1; events are counted from 0"):
        replay(Echo, Gather, [negative])
    with pytest.raises(UsageError, match="name recordings with -f, or a source with -s"):
        replay(Echo, Gather)
    with pytest.raises(UsageError, match="--nworkers is 0; give it at least one"):
        replay(Echo, Gather, [empty], workers=0)


def test_a_damaged_recording_is_refused_with_the_place_of_the_damage(tmp_path: Path) -> None:
    path = write(tmp_path / "a.cbors", {"a": range(3)})
    path.write_bytes(path.read_bytes() + b"\xff\xff")
    with pytest.raises(CorruptRecording, match=r"is damaged at byte \d+, after 3 records"):
        replay(Echo, Gather, [path])


def test_a_recording_that_becomes_shorter_while_it_is_replayed_ends_the_replay_with_a_sentence(
    tmp_path: Path,
) -> None:
    path = tmp_path / "a.cbors"
    with RecordingWriter(path) as writer:
        for event in range(20):
            writer.write(Record(event, {"a": Packet("x", [bytes(1 << 17)])}))

    class Shortens:
        def process_event(self, event: Event) -> int:
            if event.event_number == 3:
                os.truncate(path, path.stat().st_size // 2)
            return len(event.streams["a"].frames[0])

    with pytest.raises(CorruptRecording, match=r"a\.cbors has become shorter while it was read"):
        replay(Shortens, Gather, [path])


def test_events_that_were_kept_have_their_packets_though_nobody_looked_at_them_in_their_call(
    tmp_path: Path,
) -> None:
    kept: list[Event] = []

    class Keeps:
        def process_event(self, event: Event) -> None:
            kept.append(event)

    path = tmp_path / "a.cbors"
    with RecordingWriter(path) as writer:
        for number in range(20):
            writer.write(Record(number, {"a": Packet("raw", [b"%d" % number])}))
    replay(Keeps, None, [path])
    assert {event.event_number: event.streams["a"].frames[0] for event in kept} == {
        number: b"%d" % number for number in range(20)
    }
