"""A recording of a run as a rule reads it: the frames of one stream, in the order of their events, each once."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from beamloom import Packet
from beamloom.recordings import Record, RecordingNames, RecordingWriter
from beamloom.rules import FunctionRule, RuleRefused, describe
from beamloom.rules.sources import open_source
from beamloom.rules.sources.recording import GIVEN_UP, Recording
from support.series_writer import RUN, pixels, record, recording

OTHER = RUN.replace("1", "9")


def whole(folder: Path, count: int = 24) -> Path:
    """A closed recording of two ingesters that share the stream ``cam``."""
    recording(folder, pixels(count), iter([slice(0, count)]))
    return folder


def image(event: int) -> Record:
    """An image of one pixel, which is the event."""
    head = b'{"htype": "image", "frame": 0, "shape": [1, 1], "type": "uint8", "compression": "none"}'
    return record(event, "cam", [head, bytes([event])])


def written(
    path: Path, events: Sequence[int], *, close: bool = True, resume: bool = False
) -> RecordingWriter:
    path.parent.mkdir(exist_ok=True)
    writer = RecordingWriter(path, resume=resume)
    for event in events:
        writer.write(image(event))
    writer.flush()
    if close:
        writer.close()
    return writer


def test_frames_of_a_shared_stream_are_in_the_order_of_their_events(tmp_path: Path) -> None:
    source = open_source({"kind": "recording", "path": str(whole(tmp_path / "a")), "stream": "cam"})
    assert isinstance(source, Recording)
    assert (source.closed(), source.count()) == (True, 24)
    assert (source.read(5, 20) == pixels(24)[5:20]).all()
    # Every fifth event has no image, and event 0 opens the series.
    assert source.events(0, 6).tolist() == [1, 2, 3, 4, 6, 7]
    assert source.metadata() == {
        "htype": "header",
        "filename": "",
        "msg_number": 0,
        "count_time": 0.5,
        "run": RUN,
        "stream": "cam",
    }


def test_a_file_of_a_recording_stands_for_all_of_its_run(tmp_path: Path) -> None:
    folder = whole(tmp_path / "a")
    described = describe(folder / f"cam-ingester-2-{RUN}.cbors", stream="cam")
    assert open_source(described).count() == 24
    # Also one that is not there, as nobody knows how many ingesters a stream has.
    assert open_source(describe(folder / f"cam-{RUN}.cbors", stream="cam")).count() == 24


def test_one_file_without_a_run_in_its_name_is_a_series(tmp_path: Path) -> None:
    written(tmp_path / "saved.cbors", range(5))
    source = open_source(describe(tmp_path / "saved.cbors"))
    assert (source.closed(), source.count()) == (True, 5)
    assert source.read(3, 5).ravel().tolist() == [3, 4]


def test_a_frame_waits_for_the_other_ingester_that_may_have_an_earlier_one(tmp_path: Path) -> None:
    names = RecordingNames(f"{tmp_path}/", RUN)
    source = open_source({"kind": "recording", "path": f"{tmp_path}/", "run": RUN, "stream": "cam"})
    assert (source.closed(), source.count()) == (False, 0)
    other = written(names.packets("two"), [], close=False)
    first = written(names.packets("one"), [1, 2, 5], close=False)
    assert source.count() == 0
    other.write(image(3))
    other.flush()
    # 5 has to wait for a 4.
    assert source.count() == 3
    other.close()
    assert (source.closed(), source.count()) == (False, 4)
    first.close()
    assert source.closed()
    assert source.read(0, 4).ravel().tolist() == [1, 2, 3, 5]


def test_a_known_number_of_shares_waits_for_no_other_file(tmp_path: Path) -> None:
    names = RecordingNames(f"{tmp_path}/", RUN)
    empty = written(names.packets("scan"), [], close=False)
    writer = written(names.packets("cam"), [1, 2], close=False)
    given = {"kind": "recording", "path": f"{tmp_path}/", "run": RUN, "stream": "cam"}
    assert open_source(given).count() == 0
    assert open_source({**given, "shares": 1}).count() == 2
    empty.close()
    writer.close()


def test_what_an_ingester_records_again_counts_once(tmp_path: Path) -> None:
    path = RecordingNames(f"{tmp_path}/", RUN).packets("cam")
    written(path, [1, 2, 3, 4], close=False).abandon()
    os.truncate(f"{path}.part", os.stat(f"{path}.part").st_size - 20)
    source = open_source({"kind": "recording", "path": f"{tmp_path}/", "run": RUN, "stream": "cam"})
    assert source.count() == 3
    written(path, [2, 3, 4], resume=True)
    assert (source.closed(), source.count()) == (True, 4)
    assert source.read(0, 4).ravel().tolist() == [1, 2, 3, 4]


def test_a_file_that_is_never_finished_is_taken_as_it_is_when_its_run_is_over(tmp_path: Path) -> None:
    names = RecordingNames(f"{tmp_path}/", RUN)
    written(names.packets("cam"), [1, 2, 3], close=False).abandon()
    source = open_source({"kind": "recording", "path": f"{tmp_path}/", "run": RUN, "stream": "cam"})
    part = Path(f"{names.packets('cam')}.part")
    long_ago = part.stat().st_mtime - GIVEN_UP - 10
    os.utime(part, (long_ago, long_ago))
    assert not source.closed()
    names.ended.write_text("{}")
    assert not source.closed()
    os.utime(names.ended, (long_ago, long_ago))
    assert (source.closed(), source.count()) == (True, 3)


def test_another_part_of_a_packet_can_be_the_frame(tmp_path: Path) -> None:
    given = {"kind": "recording", "path": str(whole(tmp_path / "a")), "stream": "cam"}
    assert open_source({**given, "field": "frame"}).read(3, 6).tolist() == [3, 4, 5]
    with pytest.raises(RuleRefused, match=r"gives no 'picture'.*name what is the frame: field="):
        open_source({**given, "field": "picture"}).read(0, 1)


def test_a_stream_that_is_not_there_is_told_with_those_that_are(tmp_path: Path) -> None:
    folder = str(whole(tmp_path / "a"))
    with pytest.raises(RuleRefused, match=r"no stream 'cma' \(did you mean 'cam'\?\); it has: cam, scan"):
        open_source({"kind": "recording", "path": folder, "stream": "cma"}).count()
    with pytest.raises(RuleRefused, match="has several streams; name one: stream='cam' or 'scan'"):
        open_source({"kind": "recording", "path": folder}).count()


def test_a_folder_with_several_runs_asks_for_one(tmp_path: Path) -> None:
    folder = whole(tmp_path / "a")
    (folder / f"mapping-{OTHER}.json").write_bytes((folder / f"mapping-{RUN}.json").read_bytes())
    with pytest.raises(RuleRefused, match=f"has 2 runs; name one: run='{RUN}'"):
        open_source({"kind": "recording", "path": str(folder), "stream": "cam"}).count()


def test_a_damaged_or_compressed_recording_says_so(tmp_path: Path) -> None:
    written(tmp_path / "a.cbors", [1])
    with open(tmp_path / "a.cbors", "ab") as file:
        file.write(b"\xff\xff\xff\xff")
    with pytest.raises(OSError, match=r"a\.cbors is damaged at byte \d+"):
        open_source(describe(tmp_path / "a.cbors", stream="cam")).count()
    written(tmp_path / "b.cbors.gz", [1])
    with pytest.raises(RuleRefused, match=r"unpack it: gunzip b\.cbors\.gz"):
        open_source(describe(tmp_path / "b.cbors.gz", stream="cam")).count()


def test_a_packet_that_cannot_be_read_is_a_frame_that_fails(tmp_path: Path) -> None:
    with RecordingWriter(tmp_path / "a.cbors") as writer:
        writer.write(Record(0, {"cam": Packet("STINS", [b'{"htype": "image"}'])}))
        writer.write(image(1))
    source = open_source(describe(tmp_path / "a.cbors", stream="cam"))
    assert source.count() == 2
    assert source.read(1, 2).ravel().tolist() == [1]
    with pytest.raises(RuleRefused, match="for event 0 gives no 'array'"):
        source.read(0, 1)


def test_a_description_that_no_source_takes_is_refused_when_the_rule_is_made() -> None:
    with pytest.raises(RuleRefused, match="cannot be described by"):
        FunctionRule("support.rule_tasks:sums", {"kind": "recording", "stem": "x"})


def test_large_frames_are_read_where_they_are_wanted(tmp_path: Path) -> None:
    frames = np.arange(3 * 300 * 200, dtype=np.uint16).reshape(3, 300, 200)
    head = b'{"htype": "image", "frame": 0, "shape": [300, 200], "type": "uint16", "compression": "none"}'
    with RecordingWriter(tmp_path / "a.cbors") as writer:
        for event, frame in enumerate(frames):
            writer.write(record(event, "cam", [head, frame.tobytes()]))
    source = open_source(describe(tmp_path / "a.cbors", stream="cam"))
    assert source.count() == 3
    assert (source.read(1, 3) == frames[1:]).all()
