"""The files of a run are those that OM's users read, and are whole at any time."""

from __future__ import annotations

import itertools
import re
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from apps.crystallography.series import SIMULATION, analysed, packets, parameter_set, plain
from beamloom import Event, Result, Table
from beamloom.apps.crystallography import Reducer, Worker
from beamloom.apps.crystallography.analysis.files.lists import OF_FRAMES, OF_PEAKS, Lists
from beamloom.apps.crystallography.analysis.files.status import write_status
from beamloom.apps.crystallography.analysis.files.whole import replacing

FRAMES = 40
LISTS = ("frames.txt", "cleaned.txt", "events.lst", "hits.lst", "peaks.txt")


@pytest.fixture(scope="module")
def series() -> list[Any]:
    return packets(FRAMES)


def files_in(folder: Path) -> dict[str, bytes]:
    return {name: (folder / name).read_bytes() for name in LISTS}


def test_the_lists_have_a_line_for_each_frame_hit_and_peak(series: list[Any], tmp_path: Path) -> None:
    parameters = parameter_set(processed_directory=str(tmp_path), status_file_update_interval=7)
    tree = plain(analysed(series, parameters).publish)
    events = tree["events"]
    hits = np.flatnonzero(events["hit"] == 1)
    assert (tmp_path / "events.lst").read_text() == "".join(f"camera // {n}\n" for n in range(FRAMES))
    assert (tmp_path / "hits.lst").read_text() == "".join(f"camera // {n - 1}\n" for n in hits)
    lines = (tmp_path / "frames.txt").read_text().splitlines(keepends=True)
    assert lines[0] == OF_FRAMES == "# timestamp, event_id, hit, filename, index, num_peaks, ave_intensity\n"
    for event, line in enumerate(lines[1:], 1):
        timestamp, event_id, hit, name, index, peaks, average = line.rstrip("\n").split(", ")
        assert (timestamp, event_id, name, index) == ("nan", f"camera // {event - 1}", "", "-1")
        assert (hit, int(peaks)) == (str(event in hits), events["num_peaks"][event])
        assert float(average) == events["ave_intensity"][event] or average == "nan"
    assert len(lines) == FRAMES + 1
    assert (tmp_path / "cleaned.txt").read_text() == lines[0] + "".join(lines[event] for event in hits)
    lines = (tmp_path / "peaks.txt").read_text().splitlines(keepends=True)
    assert lines[0] == OF_PEAKS
    assert lines[0] == "event_id, num_peaks, fs, ss, intensity, num_pixels, max_pixel_intensity, snr\n"
    assert len(lines) == 1 + events["num_peaks"][hits].sum()
    assert len(lines[1].split(", ")) == 8
    assert re.fullmatch(r"\d+\.\d+", lines[1].split(", ")[2])


def test_the_text_files_are_those_of_om_to_the_byte(tmp_path: Path) -> None:
    table = Table(fill={"hit": -1, "num_peaks": -1})
    for event, row in {
        4: (1700000000.25, "/data/run7.h5 // 0001", 1, 2, 175.25),
        5: (1700000000.5, "/data/run7.h5 // 0002", 0, 0, np.nan),
        9: (1700000001.0, "/data/run7.h5 // 0006", 1, 1, 60.0),
    }.items():
        time, event_id, hit, peaks, average = row
        table.add(
            event,
            {
                "timestamp": time,
                "event_id": event_id,
                "hit": np.int8(hit),
                "num_peaks": np.int32(peaks),
                "ave_intensity": average,
            },
        )
    lists = Lists(tmp_path)
    lists.begin()
    lists.take(
        {
            9: np.array([[7.0, 8.5, 60.0, 1, 60.0, 6.125]]),
            4: np.array([[1.5, 2.25, 100.0, 3, 60.0, 7.5], [30.0, 4.75, 250.5, 5, 99.0, 12.25]]),
        }
    )
    lists.finish(table)
    head = "# timestamp, event_id, hit, filename, index, num_peaks, ave_intensity\n"
    first = "1700000000.25, /data/run7.h5 // 0001, True, , -1, 2, 175.25\n"
    blank = "1700000000.5, /data/run7.h5 // 0002, False, , -1, 0, nan\n"
    last = "1700000001.0, /data/run7.h5 // 0006, True, , -1, 1, 60.0\n"
    assert {name: (tmp_path / name).read_bytes().decode() for name in LISTS} == {
        "frames.txt": head + first + blank + last,
        "cleaned.txt": head + first + last,
        "events.lst": "/data/run7.h5 // 0001\n/data/run7.h5 // 0002\n/data/run7.h5 // 0006\n",
        "hits.lst": "/data/run7.h5 // 0001\n/data/run7.h5 // 0006\n",
        "peaks.txt": (
            "event_id, num_peaks, fs, ss, intensity, num_pixels, max_pixel_intensity, snr\n"
            "/data/run7.h5 // 0001, 2, 1.5, 2.25, 100.0, 3.0, 60.0, 7.5\n"
            "/data/run7.h5 // 0001, 2, 30.0, 4.75, 250.5, 5.0, 99.0, 12.25\n"
            "/data/run7.h5 // 0006, 1, 7.0, 8.5, 60.0, 1.0, 60.0, 6.125\n"
        ),
    }
    write_status(tmp_path / "status.txt", elapsed=3702.9, frames=200, hits=80, finished=True)
    lines = (tmp_path / "status.txt").read_bytes().decode().split("\n")
    time_line = lines.pop(1)
    assert re.fullmatch(r"Update time: [A-Z][a-z]{2} [A-Z][a-z]{2} [ 123]\d \d\d:\d\d:\d\d \d{4}", time_line)
    assert lines == [
        "# Cheetah status",
        "Elapsed time: 1hr 1min 42sec",
        "Status: Finished",
        "Frames processed: 200",
        "Number of hits: 80",
        "",
    ]


def test_what_is_listed_as_snr_is_the_signal_to_noise_ratio(series: list[Any], tmp_path: Path) -> None:
    analysed(series, parameter_set(processed_directory=str(tmp_path)))
    lines = (tmp_path / "peaks.txt").read_text().splitlines()[1:]
    worker, wanted = Worker(), []
    for number in range(1, FRAMES + 1):
        payload = worker.process_event(Event(number, {"camera": series[number]}), parameter_set())
        assert payload is not None
        if "peaks" in payload:
            (peaks,) = payload["peaks"].take().values()
            wanted += peaks[:, 5].tolist()
            # Divided by the sigma of the background, which is about the square root of its level.
            assert 0.5 < np.median(peaks[:, 2] / peaks[:, 5]) < 2
    assert [float(line.split(", ")[7]) for line in lines] == wanted


def test_the_lists_do_not_depend_on_the_order_of_events(series: list[Any], tmp_path: Path) -> None:
    order = np.random.default_rng(2).permutation(len(series)).tolist()
    for name, some in (("one", None), ("other", order)):
        parameters = parameter_set(processed_directory=str(tmp_path / name), status_file_update_interval=3)
        analysed(series, parameters, order=some)
    assert files_in(tmp_path / "one") == files_in(tmp_path / "other")


def test_the_status_is_what_the_cheetah_gui_parses(series: list[Any], tmp_path: Path) -> None:
    parameters = parameter_set(processed_directory=str(tmp_path), status_file_update_interval=1)
    reducer, worker = Reducer(parameters), Worker()
    pattern = re.compile(
        r"# Cheetah status\nUpdate time: \w{3} \w{3} [ \d]\d \d\d:\d\d:\d\d \d{4}\nElapsed time: 0hr \d+min \d+sec\n"
        r"Status: (Not finished|Finished)\nFrames processed: (\d+)\nNumber of hits: (\d+)\n"
    )

    def status() -> tuple[str, ...]:
        found = pattern.fullmatch((tmp_path / "status.txt").read_text())
        assert found is not None
        return found.groups()

    assert status() == ("Not finished", "0", "0")
    for number, hits in zip(
        range(1, 11),
        itertools.accumulate(int(SIMULATION.truth(index).hit) for index in range(10)),
        strict=True,
    ):
        payload = worker.process_event(Event(number, {"camera": series[number]}), parameters)
        reducer.process_result(Result(number, "w", "", payload), parameters)
        assert status() == ("Not finished", str(number), str(hits))
        assert len((tmp_path / "frames.txt").read_text().splitlines()) == number + 1
    reducer.finish(parameters)
    assert status()[:2] == ("Finished", "10")


def test_sum_files_hold_the_sums_of_both_classes(series: list[Any], tmp_path: Path) -> None:
    parameters = parameter_set(processed_directory=str(tmp_path), class_sum_filename_prefix="sums")
    tree = plain(analysed(series, parameters).publish)
    for number, name in enumerate(("non_hits", "hits")):
        with h5py.File(tmp_path / f"sums-detector0-class{number}-sum.h5") as file:
            assert set(file) == {"data"}
            assert set(file["data"]) == {"nframes", "data", "peakpowder"}
            assert not any(len(item.attrs) for item in (file, file["data"], *file["data"].values()))
            assert file["data/nframes"].shape == (1,)
            assert file["data/nframes"].dtype == np.int64
            assert file["data/nframes"][0] == tree["classes"][name]["frames"]["count"]
            assert file["data/data"].dtype == file["data/peakpowder"].dtype == np.float64
            assert np.array_equal(file["data/data"][...], tree["classes"][name]["frames"]["sum"])
            assert np.array_equal(file["data/peakpowder"][...], tree["classes"][name]["peaks"]["peaks"])
            assert file["data/data"].chunks is None


def test_another_run_does_not_overwrite_what_is_there(series: list[Any], tmp_path: Path) -> None:
    parameters = parameter_set(processed_directory=str(tmp_path / "files"))
    analysed(series, parameters, run="first")
    before = files_in(tmp_path / "files")
    second = analysed(series[:10], parameters, run="second")
    assert files_in(tmp_path / "files") == before
    assert len((tmp_path / "files" / "second" / "events.lst").read_text().splitlines()) == 9
    assert second.publish["files"]["folder"] == str(tmp_path / "files" / "second")
    # A reducer that comes again in the same run begins its files anew.
    analysed(series, parameters, run="first")
    assert files_in(tmp_path / "files") == before
    analysed(series[:5], parameter_set(processed_directory=str(tmp_path / "{run}")), run="third")
    assert (tmp_path / "third" / "status.txt").exists()


def test_a_folder_that_cannot_be_made_fails_no_event_and_is_told(
    series: list[Any], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "taken").write_text("a file")
    parameters = parameter_set(
        processed_directory=str(tmp_path / "taken" / "files"), status_file_update_interval=1
    )
    tree = plain(analysed(series, parameters).publish)
    assert tree["summary"]["frames"] == FRAMES
    assert "cannot be written" in tree["files"]["problem"]
    assert sum("cannot be written" in record.message for record in caplog.records) == 1


def test_a_file_is_whole_or_not_there(tmp_path: Path) -> None:
    path = tmp_path / "status.txt"
    path.write_text("before")

    def fail() -> None:
        with replacing(path) as unfinished:
            unfinished.write_text("half")
            raise OSError("no room")

    with pytest.raises(OSError, match="no room"):
        fail()
    assert path.read_text() == "before"
    assert list(tmp_path.iterdir()) == [path]


def test_sum_files_are_brought_up_to_date_while_the_run_goes_on(
    series: list[Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [0.0]
    monkeypatch.setattr("beamloom.apps.crystallography.analysis.files.folder.monotonic", lambda: now[0])
    parameters = parameter_set(processed_directory=str(tmp_path), class_sums_update_interval=30)
    reducer, worker = Reducer(parameters), Worker()
    path = tmp_path / "processed-detector0-class1-sum.h5"

    def frames_at(time: float, numbers: range) -> int | None:
        for number in numbers:
            payload = worker.process_event(Event(number, {"camera": series[number]}), parameters)
            reducer.process_result(Result(number, "w", "", payload), parameters)
        now[0] = time
        reducer.timer(parameters)
        if not path.exists():
            return None
        with h5py.File(path) as file:
            return int(file["data/nframes"][0])

    hits = np.cumsum([SIMULATION.truth(index).hit for index in range(FRAMES)])
    assert frames_at(10, range(1, 11)) is None
    assert frames_at(31, range(11, 21)) == hits[19]
    assert frames_at(50, range(21, 31)) == hits[19]
    assert frames_at(62, range(31, 41)) == hits[39]
